// A bucket as a place of backups, against one in memory.
#include "catalog/place_catalog.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/make_place.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using testing::FakeReply;
using testing::FakeRequest;
using verify::Level;
using verify::Outcome;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

std::string Sample(std::string_view name) {
  return testing::ReadTestFile(testing::TestData("testdata/verify/" + std::string(name)));
}

class PlaceCatalogTest : public ::testing::Test {
 protected:
  void Put(const std::string& key, base::Duration age, std::string bytes = "x",
           testing::FakeS3::Headers headers = {}) {
    server_.Put(key, std::move(bytes), clock_.Now() - age, std::move(headers));
  }
  S3Place& place() {
    if (!place_) {
      config::S3 s3;
      s3.endpoint = server_.endpoint();
      s3.access_key_id = "AK";
      s3.secret_access_key.value = base::Secret("topsecret");
      place_ = MakeS3Place({path_, s3}, clock_);
    }
    return *place_;
  }
  Listing List() {
    if (!catalog_) catalog_ = std::make_unique<PlaceCatalog>(place(), options_);
    return catalog_->List(clock_.Now(), base::Deadline::After(1min), {});
  }
  // "a b | c": complete ones, oldest first, and those being written.
  std::string Names() {
    const Listing listing = List();
    if (listing.blind) return "blind: " + listing.blind->message;
    std::string text;
    for (const Artefact& artefact : listing.complete) text += artefact.name + " ";
    text += "|";
    for (const std::string& name : listing.in_progress) text += " " + name;
    return text;
  }
  verify::Verdict VerifyNewest() {
    const Listing listing = List();
    if (listing.complete.empty()) return {};
    return catalog_->Verify(listing.complete.back(), {});
  }
  PlaceContext Context() const { return {base::Deadline::After(1min), {}}; }

  testing::FakeClock clock_;
  testing::FakeS3 server_{"bucket", 3};
  std::string path_ = "s3://bucket/daily";
  PlaceOptions options_;
  std::unique_ptr<S3Place> place_;
  std::unique_ptr<PlaceCatalog> catalog_;
};

TEST_F(PlaceCatalogTest, WhatRedisWritesToIsInProgress) {
  options_.pattern = "*.rdb";
  Put("daily/dump.rdb", 3h);
  Put("daily/temp-4711.rdb", 1h);
  EXPECT_EQ(Names(), "dump.rdb | temp-4711.rdb");
}

TEST_F(PlaceCatalogTest, WhatRedisLeftInItsFolderSaysNothingOfTheCopy) {
  Put("daily/appendonlydir/appendonly.aof.manifest", 1h, "file a.1.incr.aof seq 1 type i\n");
  Put("daily/appendonlydir/a.1.incr.aof", 1h);
  Put("daily/appendonlydir/temp-appendonly.aof.incr", 1h);
  EXPECT_EQ(Names(), "appendonlydir |");
}

TEST_F(PlaceCatalogTest, ListsMatchingObjectsOldestFirst) {
  options_.pattern = "shop-*.dump";
  Put("daily/shop-b.dump", 2h);
  Put("daily/shop-a.dump", 1h);
  Put("daily/shop-c.dump", 0h);  // an object is whole as soon as it is there
  Put("daily/other.dump", 1h);
  Put("daily/shop-d.dump.part", 1h);
  Put("daily/shop-e.dump.part", 48h);
  Put("daily/sub/shop-x.dump", 1h);
  Put("daily/", 1h);
  Put("elsewhere/shop-z.dump", 1h);
  EXPECT_EQ(Names(), "shop-b.dump shop-a.dump shop-c.dump | shop-d.dump.part");
  const Listing listing = List();
  ASSERT_EQ(listing.findings.size(), 1u);
  EXPECT_EQ(listing.findings[0].message, "\"shop-e.dump.part\" was never finished");
  EXPECT_EQ(listing.complete[0].path, "s3://bucket/daily/shop-b.dump");
  EXPECT_EQ(listing.complete[0].size_bytes, 1);
}

TEST_F(PlaceCatalogTest, LooksIntoFoldersIfAsked) {
  options_.recursive = true;
  Put("daily/2025/a.dump", 3h);
  Put("daily/2026/x/b.dump", 2h);
  Put("daily/c.dump", 1h);
  EXPECT_EQ(Names(), "2025/a.dump 2026/x/b.dump c.dump |");
  options_.pattern = "2026/*/*.dump";
  catalog_.reset();
  EXPECT_EQ(Names(), "2026/x/b.dump |");
  options_.recursive = false;
  options_.pattern = "*";
  catalog_.reset();
  EXPECT_EQ(Names(), "c.dump |");
}

TEST_F(PlaceCatalogTest, CountsTheFoldersThatItDoesNotLookInto) {
  for (const char* key : {"2026-01-08/a.dump", "2026-01-09/a.dump", "shop/a.dump", ".old/a.dump"}) {
    Put("daily/" + std::string(key), 2h);
  }
  EXPECT_EQ(Names(), "|");
  EXPECT_EQ(List().left_out, (FoldersLeftOut{3, 2}));
  catalog_.reset();
  options_.pattern = "*.dump";
  EXPECT_EQ(List().left_out, (FoldersLeftOut{3, 2}));
  catalog_.reset();
  options_.recursive = true;
  EXPECT_EQ(List().left_out, FoldersLeftOut());
}

TEST_F(PlaceCatalogTest, LooksIntoFoldersNamedByDatesWhereThatIsAllThereIs) {
  options_.into_dated_folders = true;
  Put("daily/2025/12/31/a.dump", 20h);
  Put("daily/2026-01-09/a.dump", 2h);
  EXPECT_EQ(Names(), "2025/12/31/a.dump 2026-01-09/a.dump |");
  EXPECT_EQ(Names(), "2025/12/31/a.dump 2026-01-09/a.dump |") << "at the next look, too";
  Put("daily/wal/x", 2h);
  EXPECT_EQ(Names(), "|") << "that is of something else";
}

TEST_F(PlaceCatalogTest, TakesTheBucketItselfAsAPlace) {
  path_ = "s3://bucket";
  Put("a.dump", 1h);
  EXPECT_EQ(Names(), "a.dump |");
  EXPECT_EQ(place().Describe(), "s3://bucket");
  EXPECT_EQ(List().complete[0].path, "s3://bucket/a.dump");
}

TEST_F(PlaceCatalogTest, CallsAnEmptyPrefixEmpty) { EXPECT_EQ(Names(), "|"); }

TEST_F(PlaceCatalogTest, IsBlindWhereItMayNotLook) {
  path_ = "s3://nobody/x";
  EXPECT_EQ(Names(), "blind: GET s3://nobody/: 404 NoSuchBucket: scripted");
  EXPECT_EQ(List().blind->reason, Reason::kNotFound);
  path_ = "s3://bucket/daily";
  place_.reset();
  catalog_.reset();
  Put("daily/a.dump", 1h);
  EXPECT_EQ(Names(), "a.dump |");
  server_.Intercept([](const FakeRequest&) {
    return FakeReply{.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"};
  });
  EXPECT_EQ(List().blind->reason, Reason::kPermission);
}

TEST_F(PlaceCatalogTest, IsBlindForAnImpossibleAddress) {
  path_ = "s3://bad bucket/x";
  EXPECT_EQ(List().blind->reason, Reason::kConfig);
}

TEST_F(PlaceCatalogTest, WhatIsHiddenCountsWhereItIsAskedFor) {
  Put("daily/.shop.dump", 1h);
  Put("daily/.other.dump", 1h);
  EXPECT_EQ(List().complete.size(), 0U);
  catalog_.reset();
  options_.pattern = ".shop.dump";
  EXPECT_EQ(Names(), ".shop.dump |");
}

TEST_F(PlaceCatalogTest, ReadsSidecarsOnce) {
  const std::string digest =
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, Sample("custom.dump")));
  Put("daily/a.dump", 2h, Sample("custom.dump"));
  Put("daily/a.dump.sha256", 1h, digest + "  a.dump\n");
  EXPECT_EQ(Names(), "a.dump |");
  EXPECT_NE(List().complete[0].checksum_stamp, 0u);
  EXPECT_EQ(server_.Count("GET"), 1);
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.checksum, verify::ChecksumState::kMatched);
  Put("daily/a.dump.sha256", 0h, std::string(64, '0') + "  a.dump\n");
  EXPECT_EQ(VerifyNewest().message, "sha256 differs from the one in \"a.dump.sha256\"");
}

TEST_F(PlaceCatalogTest, SidecarMayNameItsObject) {
  const std::string digest =
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, Sample("custom.dump")));
  Put("daily/shop.dump", 2h, Sample("custom.dump"));
  Put("daily/shop.sha256", 1h, digest + "  shop.dump\n");
  EXPECT_EQ(VerifyNewest().checksum, verify::ChecksumState::kMatched);
  Put("daily/shop.sha256", 0h, std::string(64, '0') + "  shop.dump\n");
  EXPECT_EQ(VerifyNewest().reason, Reason::kCorrupt);
}

TEST_F(PlaceCatalogTest, VerifiesAnObjectInPieces) {
  Put("daily/a.dump", 1h, Sample("custom.dump"));
  verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.bytes_read, static_cast<std::int64_t>(Sample("custom.dump").size()));
  const std::string whole = Sample("custom.dump");
  Put("daily/b.dump", 0h, whole.substr(0, whole.size() / 2));
  verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
}

TEST_F(PlaceCatalogTest, LetsTheStorageAttestUnknownFormats) {
  Put("daily/a.bin", 1h, "any bytes at all");
  verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.level, Level::kChecksum);
  // The bytes changed by themselves: S3 would still give the old ETag.
  Put("daily/b.bin", 0h, "other bytes", {{"ETag", "25f9e794323b453885f5181f1b624d0b"}});
  verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kCorrupt);
  EXPECT_EQ(verdict.message, "the bytes are not those whose ETag S3 keeps");
  // With a key of one's own the ETag says nothing.
  Put("daily/b.bin", 0h, "other bytes",
      {{"ETag", "25f9e794323b453885f5181f1b624d0b"}, {"x-amz-server-side-encryption", "aws:kms"}});
  EXPECT_EQ(VerifyNewest().outcome, Outcome::kUnjudged);
}

TEST_F(PlaceCatalogTest, MakesTheEtagOfParts) {
  const std::string etag = "393e928fcf5925fcbd3a06aaf20b2d38-3";  // of 1234, 5678 and 9
  Put("daily/a.bin", 3h, "123456789", {{"ETag", etag}, {"x-part-sizes", "4,4,1"}});
  EXPECT_EQ(VerifyNewest().level, Level::kChecksum);
  Put("daily/b.bin", 2h, "123456780", {{"ETag", etag}, {"x-part-sizes", "4,4,1"}});
  EXPECT_EQ(VerifyNewest().outcome, Outcome::kBroken);
  // Parts of many sizes say nothing, rather than that something is wrong.
  Put("daily/c.bin", 1h, "123456789", {{"ETag", etag}, {"x-part-sizes", "4,3,2"}});
  EXPECT_EQ(VerifyNewest().reason, Reason::kUnverified);
  Put("daily/d.bin", 0h, std::string(40, 'x'),
      {{"ETag", "393e928fcf5925fcbd3a06aaf20b2d38-4"}, {"x-part-sizes", "10,12,8,10"}});
  EXPECT_EQ(VerifyNewest().reason, Reason::kUnverified);
}

// Some servers answer each HEAD of a part with the size of the whole.
TEST_F(PlaceCatalogTest, GuessesThePartsThatNobodyTells) {
  const std::string bytes(9 << 20, 'x');
  const auto md5 = [](std::string_view text) {
    return base::ComputeDigest(base::DigestAlgorithm::kMd5, text);
  };
  const auto etag_of = [&](std::size_t part_bytes) {
    const std::string_view all = bytes;
    return base::Hex(md5(md5(all.substr(0, part_bytes)) + md5(all.substr(part_bytes)))) + "-2";
  };
  Put("daily/a.bin", 2h, bytes, {{"ETag", etag_of(8 << 20)}});
  EXPECT_EQ(VerifyNewest().level, Level::kChecksum);
  // Parts of other sizes are no reason to call it damaged, and prove nothing.
  Put("daily/b.bin", 1h, bytes, {{"ETag", etag_of((8 << 20) + 1)}});
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kUnverified);
}

TEST_F(PlaceCatalogTest, SaysThatItLacksTheCustomersKey) {
  Put("daily/a.dump", 1h, Sample("custom.dump"));
  server_.Intercept([](const testing::FakeRequest& request) -> std::optional<testing::FakeReply> {
    if (request.target.find("a.dump") == std::string::npos) return std::nullopt;
    if (request.method == "HEAD") return testing::FakeReply{.status = 400};
    return testing::FakeReply{
        .status = 400,
        .body =
            "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of "
            "Server Side Encryption.</Message></Error>"};
  });
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kUnverified);
  EXPECT_NE(verdict.message.find("SSE-C"), std::string::npos) << verdict.message;
}

// Google shows the headers of such an object.
TEST_F(PlaceCatalogTest, SaysThatItLacksTheCustomersKeyWhereTheHeadersAreShown) {
  Put("daily/a.dump", 1h, Sample("custom.dump"));
  server_.Intercept([](const testing::FakeRequest& request) -> std::optional<testing::FakeReply> {
    if (request.method == "HEAD" || request.target.find("a.dump") == std::string::npos) return {};
    return testing::FakeReply{
        .status = 400,
        .body = "<Error><Code>ResourceIsEncryptedWithCustomerEncryptionKey</Code></Error>"};
  });
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.reason, Reason::kUnverified);
  EXPECT_NE(verdict.message.find("SSE-C"), std::string::npos) << verdict.message;
}

TEST_F(PlaceCatalogTest, WhatAHeadDoesNotSayAGetDoes) {
  Put("daily/a.dump", 1h, Sample("custom.dump"));
  server_.Intercept([](const testing::FakeRequest& request) -> std::optional<testing::FakeReply> {
    if (request.target.find("a.dump") == std::string::npos) return {};
    const std::string said = "<Error><Code>InvalidArgument</Code><Message>odd</Message></Error>";
    return testing::FakeReply{.status = 400, .body = request.method == "HEAD" ? "" : said};
  });
  EXPECT_EQ(VerifyNewest().message, "GET s3://bucket/daily/a.dump: 400 InvalidArgument: odd");
}

TEST_F(PlaceCatalogTest, UsesTheChecksumsThatS3Keeps) {
  Put("daily/a.bin", 1h, "123456789",
      {{"x-amz-checksum-crc64nvme", "rosUhgp5mIg="}, {"x-amz-checksum-type", "FULL_OBJECT"}});
  EXPECT_EQ(VerifyNewest().level, Level::kChecksum);
  Put("daily/b.bin", 0h, "123456780",
      {{"x-amz-checksum-crc64nvme", "rosUhgp5mIg="}, {"x-amz-checksum-type", "FULL_OBJECT"}});
  EXPECT_EQ(VerifyNewest().message, "the bytes are not those whose crc64nvme S3 keeps");
}

TEST_F(PlaceCatalogTest, SaysWhatLiesInAnArchive) {
  Put("daily/a.dump", 1h, Sample("custom.dump"), {{"x-amz-storage-class", "DEEP_ARCHIVE"}});
  verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.message, "it lies in DEEP_ARCHIVE and must be restored first");
  EXPECT_EQ(verdict.level, verify::Level::kExists) << "nothing of it was read";
  EXPECT_EQ(server_.Count("GET"), 0);
  Put("daily/a.dump", 1h, Sample("custom.dump"),
      {{"x-amz-storage-class", "DEEP_ARCHIVE"},
       {"x-amz-restore",
        "ongoing-request=\"false\", expiry-date=\"Fri, 1 Jan 2027 00:00:00 GMT\""}});
  EXPECT_EQ(VerifyNewest().outcome, Outcome::kIntact);
}

TEST_F(PlaceCatalogTest, NoticesAChangeWhileItReads) {
  const std::string first(S3Place::kPieceBytes + 10, 'a');
  Put("daily/a.bin", 1h, first);
  int gets = 0;
  server_.Intercept([&](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.method != "GET" || request.Header("range").empty() || ++gets < 2) return {};
    return FakeReply{.status = 412, .body = "<Error><Code>PreconditionFailed</Code></Error>"};
  });
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kUnverified);
  EXPECT_EQ(verdict.level, Level::kExists);
  EXPECT_EQ(gets, 2);
}

TEST_F(PlaceCatalogTest, TellsWhenAnArtefactIsAnother) {
  Put("daily/a.dump", 1h, "one");
  const Artefact before = List().complete.at(0);
  const auto now = [&] {
    return catalog_->CurrentFingerprint(before, base::Deadline::After(1min), {});
  };
  EXPECT_EQ(now(), before.fingerprint);
  Put("daily/a.dump", 1h, "two");
  EXPECT_NE(now(), before.fingerprint);
  EXPECT_NE(now(), std::nullopt);
  server_.Remove("daily/a.dump");
  EXPECT_EQ(now(), std::nullopt);
}

TEST_F(PlaceCatalogTest, TheChecksumOfWhatWasCutIsThatOfItsPieces) {
  const std::string dump = Sample("custom.dump");
  const std::string digest = base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, dump));
  Put("daily/a.dump.ab", 2h, dump.substr(700));
  Put("daily/a.dump.aa", 1h, dump.substr(0, 700));
  Put("daily/a.dump.sha256", 1h, digest + "  a.dump\n");
  EXPECT_NE(List().complete.back().checksum_stamp, 0u);
  const verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.checksum, verify::ChecksumState::kMatched);
  Put("daily/a.dump.sha256", 0h, std::string(64, '0') + "  a.dump\n");
  EXPECT_EQ(VerifyNewest().message, "sha256 differs from the one in \"a.dump.sha256\"");
}

TEST_F(PlaceCatalogTest, TakesADumpFolderAsOne) {
  for (const char* name : {"toc.dat", "3347.dat.gz", "3348.dat.gz", "3349.dat.gz", "blobs.toc",
                           "blob_16398.dat.gz", "blob_16399.dat.gz"}) {
    Put("daily/shop/" + std::string(name), 1h, Sample("folder/" + std::string(name)));
  }
  EXPECT_EQ(Names(), "shop |");
  verify::Verdict verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.place << ": " << verdict.message;
  Put("daily/SHA256SUMS", 1h, std::string(64, 'a') + "  shop/toc.dat\n");
  EXPECT_NE(List().complete.at(0).checksum_stamp, 0u);
  EXPECT_EQ(VerifyNewest().message, "sha256 differs from the one in \"SHA256SUMS\"");
  server_.Remove("daily/SHA256SUMS");
  server_.Remove("daily/shop/3347.dat.gz");
  clock_.Advance(PlaceCatalog::kLargeEvery);
  verdict = VerifyNewest();
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
}

TEST_F(PlaceCatalogTest, ADumpFolderWithoutItsTableOfContentsIsOneArtefact) {
  options_.recursive = true;
  Put("daily/2026-01-09/shop/", 3h, "");  // as consoles make a folder
  Put("daily/2026-01-09/shop/3347.dat.gz", 3h, Sample("folder/3347.dat.gz"));
  Put("daily/2026-01-09/globals.sql", 4h);
  Put("daily/other/3347.dat.gz", 2h);
  Put("daily/other/more/a.dump", 1h);
  EXPECT_EQ(Names(),
            "2026-01-09/globals.sql 2026-01-09/shop other/3347.dat.gz other/more/a.dump |");
  server_.Remove("daily/other/3347.dat.gz");
  server_.Remove("daily/other/more/a.dump");
  EXPECT_EQ(VerifyNewest().ToString(),
            "toc.dat: it is missing: nothing can be restored without it");
  catalog_.reset();
  options_.pattern = "*.gz";
  EXPECT_EQ(Names(), "2026-01-09/shop/3347.dat.gz |") << "asked for";
  catalog_.reset();
  place_.reset();
  options_.pattern = "*";
  path_ = "s3://bucket/daily/2026-01-09/shop";
  EXPECT_EQ(Names(), "shop |");
}

TEST_F(PlaceCatalogTest, ARepositoryOfResticIsAsOldAsItsLastSnapshot) {
  Put("daily/config", 900h);
  Put("daily/keys/k", 900h);
  Put("daily/snapshots/s", 26h);
  Put("daily/data/6e/p", 26h);
  Put("daily/index/" + std::string(64, 'a'), 1s);
  EXPECT_EQ(Names(), "daily |");
  EXPECT_EQ(List().complete.back().time, clock_.Now() - 26h);
  EXPECT_EQ(VerifyNewest().outcome, Outcome::kBroken) << "not named after its bytes";
}

TEST_F(PlaceCatalogTest, OfARepositoryOnlyWhatIsNewIsReadAgain) {
  Put("daily/config", 900h);
  const auto put = [this](const std::string& folder, const std::string& content) {
    const auto digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content);
    Put("daily/" + folder + "/" + base::Hex(digest), 26h, content);
  };
  for (const char* folder : {"keys", "snapshots", "index", "data/6e"}) put(folder, folder);
  verify::VerifyOptions options;
  options.reuse = 24h;
  const auto read = [&] {
    const verify::Verdict verdict = catalog_->Verify(List().complete.back(), options);
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    return verdict.bytes_read;
  };
  List();
  EXPECT_GT(read(), 0);
  EXPECT_EQ(read(), 0);
  put("data/6f", "another");
  EXPECT_EQ(read(), 7);
}

TEST_F(PlaceCatalogTest, AppendOnlyFoldersAreOneArtefact) {
  Put("daily/appendonlydir/appendonly.aof.manifest", 1h, "file a.1.incr.aof seq 1 type i\n");
  Put("daily/appendonlydir/a.1.incr.aof", 1h);
  EXPECT_EQ(Names(), "appendonlydir |");
  EXPECT_EQ(List().complete.back().files, 2);
}

TEST_F(PlaceCatalogTest, WaitsForAllPartsOfABaseBackup) {
  Put("daily/base1/backup_manifest", 10s, "{}");
  EXPECT_EQ(Names(), "| base1");
  EXPECT_TRUE(List().recent.empty());
  clock_.Advance(5min);
  EXPECT_EQ(Names(), "| base1");  // no archive yet
  Put("daily/base1/base.tar.gz", 0s);
  EXPECT_EQ(Names(), "| base1");
  EXPECT_EQ(List().recent.size(), 1u);
  clock_.Advance(2min);
  EXPECT_EQ(Names(), "base1 |");
  EXPECT_EQ(List().complete[0].files, 2);
}

TEST_F(PlaceCatalogTest, CallsAManifestWithoutItsArchiveCompleteAfterADay) {
  Put("daily/base1/backup_manifest", 25h, "{}");
  EXPECT_EQ(Names(), "base1 |");
  EXPECT_EQ(VerifyNewest().outcome, Outcome::kBroken);
}

TEST_F(PlaceCatalogTest, TakesAPlaceThatIsABaseBackup) {
  Put("daily/backup_manifest", 2h, "{}");
  Put("daily/base.tar", 2h);
  Put("daily/pg_wal.tar", 2h);
  EXPECT_EQ(Names(), "daily |");
  EXPECT_TRUE(List().complete[0].folder);
}

TEST_F(PlaceCatalogTest, AsksRarelyForSettledFolders) {
  for (int i = 0; i < 4; ++i) Put("daily/base" + std::to_string(i) + "/base.tar", 5h);
  EXPECT_EQ(Names(), "base0 base1 base2 base3 |");
  const int first = server_.Count("LIST");
  EXPECT_EQ(first, 2 + 4);
  EXPECT_EQ(Names(), "base0 base1 base2 base3 |");
  EXPECT_EQ(server_.Count("LIST"), first + 2);
  clock_.Advance(PlaceCatalog::kLargeEvery);
  Names();
  EXPECT_EQ(server_.Count("LIST"), first + 2 + 6);
}

TEST_F(PlaceCatalogTest, TrustsTheTimeOfASnapshot) {
  Put("daily/dump.rdb", 0h, Sample("redis.rdb"));
  const Listing listing = List();
  ASSERT_EQ(listing.complete.size(), 1u);
  // The snapshot itself was taken after the clock of this test.
  EXPECT_FALSE(listing.findings.empty());
  EXPECT_EQ(server_.Count("GET"), 1);
  List();
  EXPECT_EQ(server_.Count("GET"), 1);
}

TEST_F(PlaceCatalogTest, KeepsWhatItReadBeforeTheDeadline) {
  for (int i = 0; i < 3; ++i) {
    Put("daily/a" + std::to_string(i), 1h);
    Put("daily/a" + std::to_string(i) + ".md5", 1h, std::string(32, 'a'));
  }
  server_.Intercept([&](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.target.find("a1.md5") == std::string::npos) return {};
    return FakeReply{.act = FakeReply::Act::kHang};
  });
  catalog_ = std::make_unique<PlaceCatalog>(place(), options_);
  const Listing cut =
      catalog_->List(clock_.Now(), base::Deadline::After(std::chrono::milliseconds(300)), {});
  ASSERT_TRUE(cut.blind);
  EXPECT_EQ(cut.blind->reason, Reason::kTimeout);
  server_.Intercept(nullptr);
  EXPECT_EQ(Names(), "a0 a1 a2 |");
  int reads = 0;
  for (const FakeRequest& request : server_.requests()) {
    reads += request.target.find("a0.md5") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(reads, 1);
}

TEST_F(PlaceCatalogTest, ReadsObjectsAsAPlace) {
  Put("daily/a", 1h, "0123456789");
  Put("daily/empty", 1h, "");
  EXPECT_EQ(place().Read("a", 10, Context()).value(), "0123456789");
  EXPECT_EQ(place().Read("a", 9, Context()).error().reason, Reason::kLimit);
  EXPECT_EQ(place().Read("empty", 10, Context()).value(), "");
  EXPECT_EQ(place().ReadHead("a", 4, Context()).value(), "0123");
  EXPECT_EQ(place().ReadHead("a", 100, Context()).value(), "0123456789");
  EXPECT_EQ(place().Read("b", 10, Context()).error().reason, Reason::kNotFound);
}

TEST_F(PlaceCatalogTest, ListsAsAPlace) {
  for (const char* key : {"daily/a", "daily/b/1", "daily/b/2", "daily/c", "daily/d/e/f"}) {
    Put(key, 1h);
  }
  ListOptions options;
  options.one_level = true;
  auto listing = place().List(options, Context());
  ASSERT_TRUE(listing.has_value());
  EXPECT_EQ(listing->objects.size(), 2u);
  EXPECT_EQ(listing->folders, (std::vector<std::string>{"b/", "d/"}));
  options = {};
  options.prefix = "b/";
  options.start_after = "b/1";
  listing = place().List(options, Context());
  ASSERT_EQ(listing->objects.size(), 1u);
  EXPECT_EQ(listing->objects[0].name, "b/2");
}

}  // namespace
}  // namespace drwatch::catalog
