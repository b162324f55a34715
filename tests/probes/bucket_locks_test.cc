// Until when backups of a repository in a bucket are locked: the bucket and the repository are in
// memory.
#include <gtest/gtest.h>

#include <atomic>

#include "catalog/pgbackrest_repository.h"
#include "probes/backup_probe.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"

namespace drwatch::probes {
namespace {

using catalog::PgBackRestRepository;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

constexpr const char* kLong = "2027-03-01T00:00:00Z";
constexpr const char* kShort = "2027-01-01T00:00:00Z";

class BucketLocksTest : public ::testing::Test {
 protected:
  BucketLocksTest() {
    spec_.place.path = "s3://bucket/repo";
    spec_.place.s3.emplace();
    spec_.place.s3->endpoint = server_.endpoint();
    spec_.place.s3->access_key_id = "AK";
    spec_.place.s3->secret_access_key.value = base::Secret("topsecret");
    spec_.repository = config::Repository::kPgBackRest;
    spec_.verify.enabled = false;
    server_.Set("object-lock", 200,
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                "</ObjectLockConfiguration>");
    repository_.Build();
  }
  // Everything is locked until `kLong`, but what lies below `part`: until `until`, "" = not at all.
  void Fill(const std::string& part, const std::string& until) {
    for (const auto& [name, bytes] : repository_.files) {
      const std::string lock = name.starts_with(part) ? until : kLong;
      testing::FakeS3::Headers headers;
      if (!lock.empty()) headers.emplace_back("x-amz-object-lock-retain-until-date", lock);
      server_.Put("repo/" + name, bytes, clock_.Now() - 60min, headers);
    }
  }
  BackupProbe Probe() {
    config::Probe config;
    config.name = "nightly";
    config.type = "backup";
    config.spec = spec_;
    ProbeServices services;
    services.clock = &clock_;
    return BackupProbe(config, services);
  }
  // Of the newest backup, which builds upon the two others.
  std::string LockedUntil() {
    const auto result = Probe().Run({base::Deadline::After(20s), {}, clock_.Now(), &clock_});
    if (result.copies.size() != 3) return result.Headline().message;
    return base::FormatRfc3339(result.copies.front().immutable_until);
  }

  PgBackRestRepository repository_;
  testing::FakeClock clock_{
      base::FromUnixMillis(1000 * (PgBackRestRepository::kFirst + 26 * 3600))};
  testing::FakeS3 server_{"bucket"};
  config::BackupProbe spec_;
};

const std::string kBackups = "backup/main/";

TEST_F(BucketLocksTest, ABackupIsLockedAsLongAsWhatItNeeds) {
  Fill("nothing", "");
  EXPECT_EQ(LockedUntil(), kLong);
  Fill(kBackups + PgBackRestRepository::kIncr, kShort);
  EXPECT_EQ(LockedUntil(), kShort) << "its own files";
  Fill(kBackups + PgBackRestRepository::kFull + "/", kShort);
  EXPECT_EQ(LockedUntil(), kShort) << "those it builds upon";
  Fill(kBackups + PgBackRestRepository::kFull + "/", "");
  EXPECT_EQ(LockedUntil(), "1970-01-01T00:00:00Z");
  Fill("archive/", kShort);
  EXPECT_EQ(LockedUntil(), kShort) << "its WAL";
  Fill("archive/", "");
  EXPECT_EQ(LockedUntil(), "1970-01-01T00:00:00Z");
}

TEST_F(BucketLocksTest, WhatTheNetworkHidesIsAskedForAgain) {
  Fill("nothing", "");
  std::atomic<bool> hidden = true;
  server_.Intercept([&hidden](const testing::FakeRequest& request) {
    const bool wal =
        request.target.find("archive/main/15-1/0000000100000000/") != std::string::npos;
    return hidden && wal && request.method == "HEAD"
               ? std::optional(testing::FakeReply{.status = 503})
               : std::nullopt;
  });
  BackupProbe probe = Probe();
  const auto run = [&] {
    return base::FormatRfc3339(probe.Run({base::Deadline::After(20s), {}, clock_.Now(), &clock_})
                                   .copies.at(0)
                                   .immutable_until);
  };
  EXPECT_EQ(run(), "1970-01-01T00:00:00Z");
  hidden = false;
  clock_.Advance(16min);
  EXPECT_EQ(run(), kLong);
  hidden = true;
  clock_.Advance(16min);
  EXPECT_EQ(run(), kLong) << "what was told stands";
}

}  // namespace
}  // namespace drwatch::probes
