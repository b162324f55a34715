// The backup probe on a bucket in memory: what S3 alone tells, as facts, checks and metrics.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"
#include "probes/backup_probe.h"
#include "probes/bucket_facts.h"
#include "probes/probe_result_access.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using testing::FakeReply;
using testing::FakeRequest;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr base::Duration kDay = std::chrono::hours(24);
// The fake clock starts at 2026-01-01 00:00:00 UTC.
constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

std::string Sample(std::string_view name) {
  return testing::ReadTestFile(testing::TestData("testdata/verify/" + std::string(name)));
}

net::S3Head Head(base::Duration age = 1h) {
  net::S3Head head;
  head.size = 1;
  head.modified = kNow - age;
  return head;
}

// "name ok|bad: message" of each check.
std::string Judge(const config::BackupProbe& spec, const BucketFacts& facts) {
  std::string text;
  for (const BackupCheck& check : JudgeBucket(spec, facts, "daily/", kNow)) {
    text += check.name + (check.ok ? " ok: " : " bad: ") + check.message + "\n";
  }
  return text;
}

TEST(BucketFactsTest, SaysNothingOfWhatIsUnknown) {
  config::BackupProbe spec;
  spec.expect = {true, true, true, true};
  spec.retention = 30 * kDay;
  EXPECT_EQ(Judge(spec, {}), "");
  EXPECT_EQ(IsEncrypted({}), std::nullopt);
  EXPECT_EQ(RetrievalDelay({}), std::nullopt);
  EXPECT_EQ(StaleUploads({}, kNow), std::nullopt);
}

TEST(BucketFactsTest, JudgesOnlyWhatIsPromised) {
  BucketFacts facts;
  facts.newest = Head();
  facts.versioning = net::S3Versioning::kOff;
  EXPECT_EQ(Judge({}, facts), "");
}

TEST(BucketFactsTest, ComparesEncryptionAndVersioning) {
  config::BackupProbe spec;
  spec.expect.encrypted = spec.expect.versioning = true;
  BucketFacts facts;
  facts.encryption = "AES256";
  facts.versioning = net::S3Versioning::kSuspended;
  EXPECT_EQ(Judge(spec, facts),
            "encrypted ok: encryption at rest is on\n"
            "versioning bad: the bucket's versioning is off, expected on\n");
  facts.newest = Head();  // stored before the bucket's default was set
  facts.versioning = net::S3Versioning::kEnabled;
  EXPECT_EQ(Judge(spec, facts),
            "encrypted bad: encryption at rest is off, expected on\n"
            "versioning ok: the bucket's versioning is on\n");
  facts.newest->encryption = "aws:kms";
  EXPECT_EQ(IsEncrypted(facts), true);
}

TEST(BucketFactsTest, WantsALockUntilTheRetentionEnds) {
  config::BackupProbe spec;
  spec.expect.object_lock = true;
  BucketFacts facts;
  facts.newest = Head();
  // The keys may not see locks: unknown.
  EXPECT_EQ(Judge(spec, facts), "");
  facts.object_lock = net::S3ObjectLock{true, "GOVERNANCE", kDay};
  EXPECT_EQ(Judge(spec, facts), "");
  facts.object_lock = net::S3ObjectLock{};
  EXPECT_EQ(Judge(spec, facts), "object_lock bad: the newest backup is not locked\n");
  facts.newest->locked_until = kNow + 10 * kDay;
  EXPECT_EQ(Judge(spec, facts),
            "object_lock ok: the newest backup is locked until 2026-01-11T00:00:00Z\n");
  spec.retention = 30 * kDay;
  EXPECT_EQ(Judge(spec, facts),
            "object_lock bad: the newest backup is locked until 2026-01-11T00:00:00Z, retention "
            "asks for 2026-01-30T23:00:00Z\n");
  facts.newest->locked_until = kNow + 30 * kDay - 1h;
  EXPECT_TRUE(Judge(spec, facts).starts_with("object_lock ok"));
  facts.newest->locked_until = kNow - 1h;
  EXPECT_TRUE(Judge(spec, facts).starts_with("object_lock bad"));
  facts.newest->legal_hold = true;
  EXPECT_TRUE(Judge(spec, facts).starts_with("object_lock ok"));
}

TEST(BucketFactsTest, WaitsALittleForReplication) {
  config::BackupProbe spec;
  spec.expect.replicated = true;
  BucketFacts facts;
  facts.newest = Head(10min);
  const auto with = [&](const std::string& status, base::Duration age) {
    facts.newest = Head(age);
    facts.newest->replication = status;
    return Judge(spec, facts);
  };
  EXPECT_EQ(with("COMPLETED", 10min),
            "replicated ok: replication of the newest backup: completed\n");
  EXPECT_TRUE(with("REPLICA", 10min).starts_with("replicated ok"));
  EXPECT_TRUE(with("PENDING", 10min).starts_with("replicated ok"));
  EXPECT_TRUE(with("PENDING", 2h).starts_with("replicated bad"));
  EXPECT_TRUE(with("FAILED", 10min).starts_with("replicated bad"));
  EXPECT_EQ(with("", 10min), "replicated bad: replication of the newest backup: none\n");
}

TEST(BucketFactsTest, FindsTheRuleThatDeletesFirst) {
  BucketFacts facts;
  facts.lifecycle.emplace();
  EXPECT_EQ(LifecycleExpiration(facts, "daily/"), std::nullopt);
  net::S3LifecycleRule rule;
  const auto add = [&](const std::string& prefix, base::Duration after, bool filtered) {
    rule.prefix = prefix;
    rule.expiration = after;
    rule.filtered = filtered;
    facts.lifecycle->push_back(rule);
  };
  add("weekly/", kDay, false);
  add("daily/", 60 * kDay, false);
  add("", 90 * kDay, false);
  add("daily/", kDay, true);  // of some objects only
  EXPECT_EQ(LifecycleExpiration(facts, "daily/"), 60 * kDay);
  add("daily/shop-", 14 * kDay, false);
  EXPECT_EQ(LifecycleExpiration(facts, "daily/"), 60 * kDay);
  facts.newest_key = "daily/shop-1.dump";
  EXPECT_EQ(LifecycleExpiration(facts, "daily/"), 14 * kDay);
  config::BackupProbe spec;
  EXPECT_EQ(Judge(spec, facts), "");
  spec.retention = 30 * kDay;
  EXPECT_EQ(Judge(spec, facts),
            "lifecycle bad: the bucket deletes backups after 2w, before their retention of 30d "
            "ends\n");
}

TEST(BucketFactsTest, CountsOnlyRulesThatAreAboutTheNewest) {
  BucketFacts facts;
  facts.newest_key = "daily/shop-1.dump";
  facts.newest = Head();
  facts.newest->size = 600;
  const auto expiration = [&](const net::S3LifecycleRule& rule) {
    facts.lifecycle = {rule};
    return LifecycleExpiration(facts, "daily/");
  };
  net::S3LifecycleRule rule;
  rule.expiration = 9 * kDay;
  rule.suffixes = {".gz", ".dump"};
  rule.storage_classes = {"STANDARD"};
  rule.larger_than = 500;
  rule.smaller_than = 900;
  EXPECT_EQ(expiration(rule), 9 * kDay);
  net::S3LifecycleRule other = rule;
  other.suffixes = {".gz"};
  EXPECT_EQ(expiration(other), std::nullopt);
  other = rule;
  other.storage_classes = {"NEARLINE", "COLDLINE"};
  EXPECT_EQ(expiration(other), std::nullopt);
  facts.newest->storage_class = "COLDLINE";
  EXPECT_EQ(expiration(other), 9 * kDay);
  other = rule;
  other.storage_classes.clear();
  other.larger_than = 600;
  EXPECT_EQ(expiration(other), std::nullopt);
  other.larger_than.reset();
  other.smaller_than = 600;
  EXPECT_EQ(expiration(other), std::nullopt);
}

TEST(BucketFactsTest, CountsTheDayOnWhichTheNewestIsDeleted) {
  BucketFacts facts;
  facts.newest = Head(1h);
  net::S3LifecycleRule rule;
  rule.expires_on = kNow + 10 * kDay - 1h;
  facts.lifecycle = {rule};
  EXPECT_EQ(LifecycleExpiration(facts, ""), 10 * kDay);
  rule.expires_on = kNow - kDay;
  facts.lifecycle = {rule};
  EXPECT_EQ(LifecycleExpiration(facts, ""), 0h) << "from that day on whatever comes";
  // What its headers say counts also where the rules may not be read.
  facts.lifecycle.reset();
  facts.newest->expires = kNow + 5 * kDay - 1h;
  EXPECT_EQ(LifecycleExpiration(facts, ""), 5 * kDay);
  config::BackupProbe spec;
  spec.retention = 30 * kDay;
  EXPECT_EQ(Judge(spec, facts),
            "lifecycle bad: the bucket deletes backups after 5d, before their retention of 30d "
            "ends\n");
}

TEST(BucketFactsTest, KnowsHowLongArchivesTake) {
  BucketFacts facts;
  facts.newest = Head();
  EXPECT_EQ(RetrievalDelay(facts), 0h);
  for (const char* google : {"NEARLINE", "COLDLINE", "ARCHIVE"}) {
    facts.newest->storage_class = google;
    EXPECT_EQ(RetrievalDelay(facts), 0h) << google;
  }
  facts.newest->storage_class = "GLACIER_IR";
  EXPECT_EQ(RetrievalDelay(facts), 0h);
  facts.newest->storage_class = "GLACIER";
  EXPECT_EQ(RetrievalDelay(facts), 5h);
  facts.newest->storage_class = "DEEP_ARCHIVE";
  EXPECT_EQ(RetrievalDelay(facts), 12h);
  facts.newest->restore = "ongoing-request=\"false\", expiry-date=\"x\"";
  EXPECT_EQ(RetrievalDelay(facts), 0h);
}

class BucketProbeTest : public ::testing::Test {
 protected:
  BucketProbeTest() {
    spec_.place.path = "s3://bucket/daily";
    spec_.place.s3.emplace();
    spec_.place.s3->endpoint = server_.endpoint();
    spec_.place.s3->access_key_id = "AK";
    spec_.place.s3->secret_access_key.value = base::Secret("topsecret");
    spec_.location = "dr";
    server_.Set("versioning", 200, "<VersioningConfiguration/>");
    server_.Set("uploads", 200, "<ListMultipartUploadsResult/>");
  }
  void Put(const std::string& key, base::Duration age, std::string bytes,
           testing::FakeS3::Headers headers = {}) {
    server_.Put(key, std::move(bytes), clock_.Now() - age, std::move(headers));
  }
  model::ProbeResult Run(base::Duration timeout = 20s) {
    if (!probe_) {
      config::Probe config;
      config.name = "nightly";
      config.type = "backup";
      config.spec = spec_;
      ProbeServices services;
      services.clock = &clock_;
      services.database = database_.get();
      services.only_run = only_run_;
      probe_ = std::make_unique<BackupProbe>(config, services);
    }
    return probe_->Run({base::Deadline::After(timeout), {}, clock_.Now(), &clock_});
  }

  testing::FakeClock clock_;
  testing::FakeS3 server_{"bucket"};
  config::BackupProbe spec_;
  bool only_run_ = false;
  std::unique_ptr<db::Database> database_ = *db::Database::OpenInMemory(BackupMigrations());
  std::unique_ptr<BackupProbe> probe_;
};

TEST_F(BucketProbeTest, ProvesWhatLiesInABucket) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_success"), 1);
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), 1);
  EXPECT_EQ(ValueOf(result, "backup_storage_requests_total", {{"operation", "list"}}), 2);
  EXPECT_EQ(ValueOf(result, "backup_storage_requests_total", {{"operation", "bucket"}}), 5);
  EXPECT_EQ(ValueOf(result, "backup_bucket_versioning_enabled"), 0);
  EXPECT_EQ(ValueOf(result, "backup_encrypted"), 0);
  EXPECT_EQ(ValueOf(result, "backup_stale_uploads"), 0);
  EXPECT_EQ(ValueOf(result, "backup_retrieval_delay_seconds"), 0);
  EXPECT_EQ(ValueOf(result, "backup_object_lock_until_timestamp_seconds"), std::nullopt);
  EXPECT_EQ(ValueOf(result, "backup_filesystem_free_bytes"), std::nullopt);
  EXPECT_EQ(result.target, "s3://bucket/daily");
  ExpectDistinctSeries(result);
}

TEST_F(BucketProbeTest, ItsOwnChecksumMakesNoBackupOfAnything) {
  std::string noise = Sample("custom.dump");
  for (char& c : noise) c = static_cast<char>(c * 31 + 77);
  Put("daily/shop-1.dump", 30h, Sample("custom.dump"));
  Put("daily/keys.bin", 1h, noise);
  spec_.max_age = 26h;
  model::ProbeResult result = Run();
  EXPECT_EQ(result.Headline().reason, Reason::kStale) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_age_seconds"), 30 * 3600.0);
  Put("daily/shop-2.dump", 1h, noise);
  result = Run();
  EXPECT_EQ(result.Headline().reason, Reason::kWrongFormat) << "in a series of dumps";
  EXPECT_EQ(ValueOf(result, "backup_success"), 0);
}

TEST_F(BucketProbeTest, AnArchivedBackupWasReadBeforeAndHasToBeFetchedFirst) {
  const base::Timestamp stored = clock_.Now() - 1h;
  server_.Put("daily/a.dump", Sample("custom.dump"), stored, {});
  const auto before = Run().copies;
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].retrieval, base::Duration(0));
  server_.Put("daily/a.dump", Sample("custom.dump"), stored,
              {{"x-amz-storage-class", "DEEP_ARCHIVE"}});
  clock_.Advance(16min);
  const auto after = Run().copies;
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].retrieval, 12h);
  ASSERT_TRUE(after[0].reading) << "of the time when it could be read";
  EXPECT_EQ(after[0].reading->bytes, static_cast<std::int64_t>(Sample("custom.dump").size()));
}

TEST_F(BucketProbeTest, WhatCannotBeReadInAnArchiveIsNotOfAnUnknownFormat) {
  const testing::FakeS3::Headers archive = {{"x-amz-storage-class", "DEEP_ARCHIVE"}};
  Put("daily/shop-1.dump", 25h, Sample("custom.dump"));
  EXPECT_EQ(ValueOf(Run(), "backup_verification_level"), 4);
  Put("daily/shop-2.dump", 2h, Sample("custom.dump"), archive);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_age_seconds"), 2 * 3600) << "it is the newest";
  EXPECT_EQ(ValueOf(result, "backup_verification_level"), 0);
  EXPECT_EQ(ValueOf(result, "backup_success"), 1) << Describe(result);
  server_.Remove("daily/shop-2.dump");
  Put("daily/shop-1.dump", 1h, Sample("custom.dump"), archive);
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_age_seconds"), 3600) << "in place of one that was read";
  EXPECT_EQ(ValueOf(result, "backup_success"), 1) << Describe(result);
}

TEST_F(BucketProbeTest, TellsWhatTheHeadersOfTheNewestSay) {
  Put("daily/a.dump", 2h, Sample("custom.dump"), {{"x-amz-replication-status", "FAILED"}});
  Put("daily/b.dump", 1h, Sample("custom.dump"),
      {{"x-amz-server-side-encryption", "aws:kms"},
       {"x-amz-replication-status", "COMPLETED"},
       {"x-amz-object-lock-retain-until-date", "2026-02-01T00:00:00Z"}});
  spec_.expect = {true, std::nullopt, true, true};
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_encrypted"), 1);
  EXPECT_EQ(ValueOf(result, "backup_replication_failed_objects"), 1);
  EXPECT_EQ(ValueOf(result, "backup_object_lock_until_timestamp_seconds"), 1'769'904'000);
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "encrypted"}}), 1);
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "object_lock"}}), 1);
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "replicated"}}), 1);
  EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", "versioning"}}), std::nullopt);
  ASSERT_EQ(result.copies.size(), 2u);
  EXPECT_EQ(base::ToUnixSeconds(result.copies[0].immutable_until), 1'769'904'000);
  EXPECT_EQ(base::ToUnixSeconds(result.copies[1].immutable_until), 0);
}

TEST_F(BucketProbeTest, KnowsTheLocksAndDigestsOfOlderCopies) {
  const std::string dump = Sample("custom.dump");
  server_.Set("object-lock", 200,
              "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
              "</ObjectLockConfiguration>");
  Put("daily/a.dump", 4h, dump, {{"x-amz-object-lock-legal-hold", "ON"}});
  Put("daily/b.dump", 3h, dump,
      {{"x-amz-object-lock-retain-until-date", "2026-02-01T00:00:00Z"},
       {"x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}});
  Put("daily/c.dump", 1h, dump);
  const model::ProbeResult result = Run();
  ASSERT_EQ(result.copies.size(), 3u);
  EXPECT_EQ(base::ToUnixSeconds(result.copies[0].immutable_until), 0);
  EXPECT_EQ(result.copies[0].digest.substr(0, 7), "sha256:") << "it was read";
  EXPECT_EQ(base::ToUnixSeconds(result.copies[1].immutable_until), 1'769'904'000);
  EXPECT_EQ(result.copies[1].digest,
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
      << "what the bucket keeps of it";
  EXPECT_GT(result.copies[2].immutable_until, clock_.Now() + 24h * 365 * 100);
  const auto heads = ValueOf(result, "backup_storage_requests_total", {{"operation", "head"}});
  clock_.Advance(16min);
  const auto later = ValueOf(Run(), "backup_storage_requests_total", {{"operation", "head"}});
  EXPECT_EQ(*later - *heads, 1) << "the older ones are asked for once";
}

TEST_F(BucketProbeTest, TellsWhenTemporaryKeysEnd) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  EXPECT_EQ(ValueOf(Run(), "backup_credentials_expiry_timestamp_seconds"), std::nullopt);
  probe_.reset();
  testing::FakeHttpServer agent(FakeReply{
      .body = R"({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Code": "Success",
                  "Expiration": "2026-01-01T06:00:00Z"})"});
  spec_.place.s3->access_key_id.clear();
  ::setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.Url("/keys").c_str(), 1);
  const model::ProbeResult result = Run();
  ::unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_credentials_expiry_timestamp_seconds"),
            base::ToUnixSeconds(kNow + 6h));
}

TEST_F(BucketProbeTest, SaysNothingOfWhatItMayNotSee) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  for (const char* what : {"versioning", "encryption", "object-lock", "lifecycle", "uploads"}) {
    server_.Set(what, 403, "<Error><Code>AccessDenied</Code></Error>");
  }
  spec_.expect = {std::nullopt, true, true, std::nullopt};
  spec_.retention = kDay;
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_success"), 1);
  for (const char* metric : {"backup_bucket_versioning_enabled", "backup_stale_uploads",
                             "backup_bucket_lifecycle_expiration_seconds",
                             "backup_object_lock_until_timestamp_seconds"}) {
    EXPECT_EQ(ValueOf(result, metric), std::nullopt) << metric;
  }
  for (const char* check : {"versioning", "object_lock", "lifecycle"}) {
    EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", check}}), std::nullopt) << check;
  }
}

TEST_F(BucketProbeTest, WarnsOfPromisesThatAreNotKept) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  server_.Set("lifecycle", 200,
              "<LifecycleConfiguration><Rule><Prefix/><Status>Enabled</Status><Expiration><Days>14"
              "</Days></Expiration></Rule></LifecycleConfiguration>");
  spec_.expect = {true, true, std::nullopt, true};
  spec_.retention = 30 * kDay;
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_success"), 1);  // the backup is there
  EXPECT_EQ(result.severity(), model::Severity::kWarning);
  for (const char* check : {"encrypted", "versioning", "replicated", "lifecycle"}) {
    EXPECT_EQ(ValueOf(result, "backup_check_success", {{"check", check}}), 0) << check;
    EXPECT_EQ(CheckOf(result, check).reason, Reason::kWrongSetting);
    EXPECT_NE(CheckOf(result, check).hint, "");
  }
  EXPECT_EQ(ValueOf(result, "backup_bucket_lifecycle_expiration_seconds"), 14 * 86400);
}

TEST_F(BucketProbeTest, AsksRarelyForSettings) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  Run();
  EXPECT_EQ(server_.Count("BUCKET"), 5);
  const int heads = server_.Count("HEAD");
  Run();
  clock_.Advance(14min);
  Run();
  EXPECT_EQ(server_.Count("BUCKET"), 5);
  EXPECT_EQ(server_.Count("HEAD"), heads);
  clock_.Advance(1min);
  server_.Set("versioning", 200,
              "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  EXPECT_EQ(ValueOf(Run(), "backup_bucket_versioning_enabled"), 1);
  EXPECT_EQ(server_.Count("BUCKET"), 10);
  // A new backup is looked at once, the settings are not.
  Put("daily/tomorrow.dump", 0h, Sample("custom.dump"),
      {{"x-amz-server-side-encryption", "AES256"}});
  EXPECT_EQ(ValueOf(Run(), "backup_encrypted"), 1);
  EXPECT_EQ(server_.Count("BUCKET"), 10);
}

// As docs/s3.md says what it costs.
TEST_F(BucketProbeTest, AsksAsOftenAsTheBillExpects) {
  auto asked = [this, before = std::map<std::string, int>()]() mutable {
    Run();
    std::string text;
    for (const char* kind : {"LIST", "HEAD", "GET"}) {
      const int count = server_.Count(kind);
      text += std::to_string(count - before[kind]) + " " + kind + " ";
      before[kind] = count;
    }
    return text;
  };
  Put("daily/shop.dump", 2h, Sample("custom.dump"));
  EXPECT_EQ(asked(), "2 LIST 2 HEAD 1 GET ");
  EXPECT_EQ(asked(), "1 LIST 0 HEAD 0 GET ");
  clock_.Advance(15min);
  EXPECT_EQ(asked(), "1 LIST 1 HEAD 0 GET ");
  server_.Remove("daily/shop.dump");
  probe_.reset();
  spec_.pattern = "shop-*";
  for (const char* file : {"toc.dat", "3347.dat.gz", "3348.dat.gz", "3349.dat.gz", "blobs.toc",
                           "blob_16398.dat.gz", "blob_16399.dat.gz"}) {
    Put("daily/shop-1/" + std::string(file), 2h, Sample("folder/" + std::string(file)));
  }
  EXPECT_EQ(asked(), "6 LIST 8 HEAD 7 GET ");
  EXPECT_EQ(asked(), "1 LIST 0 HEAD 0 GET ") << "the folder has settled";
  clock_.Advance(15min);
  EXPECT_EQ(asked(), "3 LIST 1 HEAD 0 GET ");
}

TEST_F(BucketProbeTest, KeepsWhatItKnowsWhileTheServerIsInTrouble) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"), {{"x-amz-server-side-encryption", "AES256"}});
  server_.Set("versioning", 200,
              "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  EXPECT_EQ(ValueOf(Run(), "backup_bucket_versioning_enabled"), 1);
  clock_.Advance(15min);
  server_.Intercept([](const FakeRequest& request) -> std::optional<FakeReply> {
    const bool setting = request.target.find("?versioning") != std::string::npos;
    if (!setting && request.method != "HEAD") return {};
    return FakeReply{.act = FakeReply::Act::kHang};
  });
  model::ProbeResult result = Run(1s);
  EXPECT_EQ(ValueOf(result, "backup_success"), 1) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_bucket_versioning_enabled"), 1);
  EXPECT_EQ(ValueOf(result, "backup_encrypted"), 1);
  server_.Intercept(nullptr);
  server_.Set("versioning", 200, "<VersioningConfiguration/>");
  clock_.Advance(1min);  // soon again, not in a quarter of an hour
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_bucket_versioning_enabled"), 0);
}

TEST_F(BucketProbeTest, IsBlindWithoutTheRightToList) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  server_.Intercept([](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.target.find("list-type=2") == std::string::npos) return {};
    return FakeReply{.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"};
  });
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_probe_success"), 0);
  EXPECT_EQ(ValueOf(result, "backup_success"), std::nullopt) << "unknown, not missing";
  EXPECT_EQ(CheckOf(result, "place").reason, Reason::kPermission);
  EXPECT_TRUE(CheckOf(result, "place")
                  .hint.starts_with("give the keys from the config s3:ListBucket on the bucket"));
  EXPECT_EQ(ValueOf(result, "backup_storage_requests_total", {{"operation", "list"}}), 1);
}

TEST_F(BucketProbeTest, WhatMayNotBeSeenIsUnknownToWhoeverAsksOnce) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  only_run_ = true;
  const auto place_for = [this](int status, const std::string& code) {
    server_.Intercept([=](const FakeRequest&) {
      return FakeReply{.status = status, .body = "<Error><Code>" + code + "</Code></Error>"};
    });
    const model::ProbeResult result = Run();
    EXPECT_EQ(ValueOf(result, "probe_success"), 0) << code;
    EXPECT_EQ(ValueOf(result, "backup_probe_success"), 0) << code;
    EXPECT_EQ(result.severity(), CheckOf(result, "place").severity) << Describe(result);
    return CheckOf(result, "place").severity;
  };
  EXPECT_EQ(place_for(403, "AccessDenied"), model::Severity::kUnknown);
  EXPECT_EQ(place_for(403, "SignatureDoesNotMatch"), model::Severity::kUnknown);
  EXPECT_EQ(place_for(500, "InternalError"), model::Severity::kUnknown);
  EXPECT_EQ(place_for(404, "NoSuchBucket"), model::Severity::kCritical) << "there is no backup";
  only_run_ = false;
  probe_.reset();
  EXPECT_EQ(place_for(403, "AccessDenied"), model::Severity::kCritical);
}

TEST_F(BucketProbeTest, SaysWhatToDoAboutEachKindOfBlindness) {
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  const auto hint_of = [this](int status, const std::string& body) {
    server_.Intercept(
        [=](const FakeRequest&) { return FakeReply{.status = status, .body = body}; });
    return CheckOf(Run(), "place").hint;
  };
  EXPECT_NE(hint_of(403, "<Error><Code>AccessDenied</Code></Error>").find("s3:ListBucket"),
            std::string::npos);
  EXPECT_NE(hint_of(200, "<html>log in</html>").find("endpoint"), std::string::npos);
  EXPECT_NE(hint_of(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>").find("clock"),
            std::string::npos);
  EXPECT_NE(hint_of(400, "<Error><Code>ExpiredToken</Code></Error>").find("session that has ended"),
            std::string::npos);
  probe_.reset();
  spec_.place.s3->endpoint = "http://127.0.0.1:1";
  EXPECT_NE(CheckOf(Run(), "place").hint.find("nothing answers"), std::string::npos);
}

TEST_F(BucketProbeTest, NobodyMountsABucket) {
  const model::ProbeResult result = Run();
  EXPECT_EQ(CheckOf(result, "exists").reason, Reason::kNotFound);
  EXPECT_EQ(CheckOf(result, "exists").hint,
            "see whether the backup job runs, or correct bucket and prefix (\"path\") and pattern");
}

// It would use up the day, and the place could not be looked at for the rest of it.
TEST_F(BucketProbeTest, DoesNotBeginWhatTheDayCannotHold) {
  const std::string dump = Sample("custom.dump");
  Put("daily/shop.dump", 1h, dump);
  spec_.place.s3->max_bytes_per_day = static_cast<std::int64_t>(dump.size());
  for (int run = 0; run < 3; ++run) {
    const model::ProbeResult result = Run();
    const model::CheckOutcome verified = CheckOf(result, "verified");
    EXPECT_EQ(verified.reason, Reason::kLimit);
    EXPECT_NE(verified.message.find("do not fit: max_bytes_per_day"), std::string::npos)
        << verified.message;
    EXPECT_EQ(CheckOf(result, "place").severity, model::Severity::kOk) << Describe(result);
    EXPECT_EQ(ValueOf(result, "backup_success"), 1) << "nothing speaks against it";
    clock_.Advance(1h);  // it is tried again
  }
  EXPECT_EQ(server_.Count("GET"), 0);
  probe_.reset();
  spec_.place.s3->max_bytes_per_day *= 4;
  EXPECT_EQ(CheckOf(Run(), "verified").severity, model::Severity::kOk);
  EXPECT_GT(server_.Count("GET"), 0);
}

TEST_F(BucketProbeTest, LetsTheLastListingStandIn) {
  spec_.max_age = 26h;
  Put("daily/shop.dump", 1h, Sample("custom.dump"));
  EXPECT_EQ(ValueOf(Run(), "backup_success"), 1);
  server_.Intercept([](const FakeRequest&) {
    return FakeReply{.status = 403, .body = "<Error><Code>InvalidAccessKeyId</Code></Error>"};
  });
  clock_.Advance(25h);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_success"), 1);
  EXPECT_EQ(ValueOf(result, "backup_probe_success"), 0);
  EXPECT_EQ(CheckOf(result, "place").reason, Reason::kAuth);
  clock_.Advance(2min);
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_success"), 0) << "too old by now";
}

TEST_F(BucketProbeTest, FindsATruncatedObject) {
  const std::string dump = Sample("custom.dump");
  Put("daily/shop.dump", 1h, dump.substr(0, dump.size() - 100));
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), 0);
  EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
}

TEST_F(BucketProbeTest, AFolderWhoseObjectsAreStillBeingUploadedIsNotBroken) {
  namespace fs = std::filesystem;
  for (const auto& file : fs::directory_iterator(testing::TestData("testdata/verify/folder"))) {
    const std::string name = file.path().filename();
    Put("daily/shop-1/" + name, 2h, Sample("folder/" + name));
    if (name == "toc.dat") Put("daily/shop-2/" + name, 1min, Sample("folder/" + name));
  }
  model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_in_progress"), 1);
  clock_.Advance(5min);
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), 0);
  EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
}

TEST_F(BucketProbeTest, AFolderOfADumpIsBrokenWhereItsTableOfContentsNeverCame) {
  namespace fs = std::filesystem;
  spec_.recursive = true;
  for (const auto& file : fs::directory_iterator(testing::TestData("testdata/verify/folder"))) {
    const std::string name = file.path().filename();
    Put("daily/a/shop-1/" + name, 2h, Sample("folder/" + name));
    if (name != "toc.dat") Put("daily/b/shop-2/" + name, 1min, Sample("folder/" + name));
  }
  model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_in_progress"), 1);
  clock_.Advance(5min);
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), 0);
  EXPECT_EQ(result.Headline().reason, Reason::kIncomplete);
}

TEST_F(BucketProbeTest, PiecesThatAreStillBeingUploadedAreNotBroken) {
  const std::string dump = Sample("custom.dump");
  Put("daily/shop-1.dump", 2h, dump);
  for (int i = 0; i < 2; ++i) {
    Put("daily/shop-2.dump.a" + std::string(1, static_cast<char>('a' + i)), 1min,
        dump.substr(static_cast<std::size_t>(i) * 3000, 3000));
    const model::ProbeResult result = Run();
    EXPECT_TRUE(result.ok()) << Describe(result);
    EXPECT_EQ(ValueOf(result, "backup_in_progress"), 1);
    clock_.Advance(4min + 59s);
  }
  EXPECT_EQ(Run().Headline().reason, Reason::kIncomplete) << "nothing came for 20 quiet times";
  Put("daily/shop-2.dump.ac", 1min, dump.substr(6000));
  const model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_age_seconds"), 60);
}

TEST_F(BucketProbeTest, AnOverwrittenObjectWaitsForItsChecksumFile) {
  const auto sum = [](std::string_view bytes) {
    return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, bytes));
  };
  std::string other = Sample("custom.dump");
  other[17] = static_cast<char>(other[17] ^ 1);  // begun in another second
  Put("daily/latest.dump", 24h, Sample("custom.dump"));
  Put("daily/latest.dump.sha256", 24h, sum(Sample("custom.dump")));
  EXPECT_TRUE(Run().ok());
  Put("daily/latest.dump", 1min, other);
  model::ProbeResult result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_success"), 1);
  clock_.Advance(5min);
  EXPECT_EQ(Run().Headline().reason, Reason::kCorrupt);
  Put("daily/latest.dump.sha256", 1s, sum(other));
  result = Run();
  EXPECT_TRUE(result.ok()) << Describe(result);
}

TEST_F(BucketProbeTest, ReadsALargeObjectBesideTheRun) {
  const std::string filler(kInlineBucketBytes, 'x');
  Put("daily/big.bin", 1h, filler + filler);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "backup_verification_level"), std::nullopt);
  ASSERT_TRUE(probe_->WaitIdle(base::Deadline::After(20s)));
  result = Run();
  EXPECT_EQ(ValueOf(result, "backup_verification_level"), 2) << Describe(result);
  EXPECT_EQ(ValueOf(result, "backup_verified_bytes_total"), static_cast<double>(2 * filler.size()));
}

}  // namespace
}  // namespace drwatch::probes
