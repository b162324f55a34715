#include "probes/backup_contents.h"

#include <gtest/gtest.h>

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using std::chrono_literals::operator""h;
using Tables = std::vector<std::string>;

const base::Timestamp kNow = base::FromUnixMillis(1'775'822'400'000);

// Backups that were verified, oldest first.
class History {
 public:
  History() : verdicts(nullptr, "nightly") { spec.size_deviation_floor_bytes = 1 << 20; }

  BackupVerdict& Add(const std::string& name, base::Duration age) {
    catalog::Artefact artefact;
    artefact.name = name;
    artefact.path = "/b/" + name;
    artefact.time = kNow - age;
    artefact.fingerprint = 1;
    complete.push_back(artefact);
    verdict_ = BackupVerdict();
    verdict_.fingerprint = 1;
    verdict_.outcome = verify::Outcome::kIntact;
    verdict_.verified = artefact.time;
    return verdict_;
  }
  void Keep() { verdicts.Put(complete.back().path, verdict_); }
  // A night's dump, so many nights ago.
  void Dump(int nights, Tables tables, const std::string& prefix = "shop-") {
    Add(prefix + std::to_string(1000 - nights) + ".dump", 24h * nights).tables =
        std::make_shared<const Tables>(std::move(tables));
    Keep();
  }
  void Packed(int nights, std::int64_t packed, std::int64_t unpacked) {
    BackupVerdict& verdict = Add("shop-" + std::to_string(1000 - nights) + ".sql.gz", 24h * nights);
    verdict.packed_bytes = packed;
    verdict.unpacked_bytes = unpacked;
    Keep();
  }
  ContentsReport Compare() const { return CompareContents(spec, complete, verdicts); }
  // Of the check, "" while there is none.
  std::string Check(std::string_view name) const {
    for (const BackupCheck& check : JudgeContents(spec, Compare())) {
      if (check.name != name) continue;
      return check.ok ? "ok" : std::string(model::ReasonName(check.reason)) + ": " + check.message;
    }
    return "";
  }

  config::BackupProbe spec;
  std::vector<catalog::Artefact> complete;
  BackupVerdicts verdicts;

 private:
  BackupVerdict verdict_;
};

TEST(BackupContentsTest, NamesTablesThatVanished) {
  History history;
  EXPECT_EQ(history.Compare().tables, std::nullopt);
  history.Dump(2, {"public.customers", "public.orders"});
  EXPECT_EQ(history.Check("tables"), "") << "the first one is compared with nothing";
  EXPECT_EQ(history.Compare().tables, 2);
  history.Dump(1, {"public.customers", "public.new", "public.orders"});
  EXPECT_EQ(history.Check("tables"), "ok");
  history.Dump(0, {"public.new"});
  EXPECT_EQ(history.Check("tables"),
            "incomplete: 2 tables vanished, from \"shop-1000.dump\": \"public.customers\", "
            "\"public.orders\"");
  EXPECT_EQ(history.Compare().tables, 1);
  const auto checks = JudgeContents(history.spec, history.Compare());
  EXPECT_EQ(checks.at(0).severity, Severity::kWarning) << "the backup itself is there";
  history.spec.ignore_tables = {"public.cust*"};
  EXPECT_EQ(history.Compare().vanished, Tables{"public.orders"});
  history.spec.max_vanished_tables = 1;
  EXPECT_EQ(history.Check("tables"), "ok");
  history.spec.max_vanished_tables = 0;
  history.spec.ignore_tables = {"*.orders", "public.customers"};
  EXPECT_EQ(history.Check("tables"), "ok");
  history.spec.verify.enabled = false;
  EXPECT_EQ(history.Check("tables"), "");
}

TEST(BackupContentsTest, ManyNamesAreCut) {
  History history;
  Tables before;
  for (char c = 'a'; c <= 'z'; ++c) before.push_back(std::string("public.") + c);
  history.Dump(1, before);
  history.Dump(0, {"public.a"});
  EXPECT_NE(history.Check("tables").find("25 tables vanished"), std::string::npos);
  EXPECT_NE(history.Check("tables").find("\"public.f\" and 20 more"), std::string::npos);
}

TEST(BackupContentsTest, HourlyDumpsKeepTheWarningForADay) {
  History history;
  const auto hourly = [&history](int hour, Tables tables) {
    history.Add("shop-" + std::to_string(5000 + hour) + ".dump", 1h * (100 - hour)).tables =
        std::make_shared<const Tables>(std::move(tables));
    history.Keep();
  };
  hourly(0, {"a", "b"});
  for (int hour = 1; hour <= 24; ++hour) {
    hourly(hour, {"a"});
    EXPECT_NE(history.Check("tables"), "ok") << hour;
  }
  hourly(25, {"a"});
  EXPECT_EQ(history.Check("tables"), "ok");
}

TEST(BackupContentsTest, OldPartitionsMayGo) {
  EXPECT_EQ(VanishedTables({"events_2026_01", "events_2026_02", "orders"},
                           {"events_2026_02", "events_2026_03", "orders"}, {}),
            Tables());
  EXPECT_EQ(VanishedTables({"events_1", "events_2", "events_3"}, {"events_3"}, {}),
            Tables({"events_1", "events_2"}))
      << "most of the family is gone";
  EXPECT_EQ(VanishedTables({"orders2", "x"}, {"x"}, {}), Tables{"orders2"});
}

TEST(BackupContentsTest, ComparesWithinASeries) {
  History history;
  for (int night = 2; night >= 0; --night) {
    history.Dump(night, {"public.orders"}, "shop-");
    history.Dump(night, {"public.users"}, "auth-");
  }
  EXPECT_EQ(history.Check("tables"), "ok");
  EXPECT_EQ(history.Compare().tables, 2);
  EXPECT_EQ(SeriesOf("2026-01-02/shop-12T03.dump"), "#-#-#/shop-#T#.dump");
}

TEST(BackupContentsTest, WhatIsNotVerifiedOrBrokenSaysNothing) {
  History history;
  history.Dump(3, {"public.orders", "public.users"});
  history.Dump(2, {"public.orders", "public.users"});
  BackupVerdict& broken = history.Add("shop-1001.dump", 24h);
  broken.outcome = verify::Outcome::kBroken;
  broken.tables = std::make_shared<const Tables>(Tables{"public.orders"});
  history.Keep();
  history.Add("shop-1002.dump", 1h);  // not verified yet
  EXPECT_EQ(history.Check("tables"), "ok");
  EXPECT_EQ(history.Compare().tables, 2);
}

TEST(BackupContentsTest, CompressionThatIsLost) {
  constexpr std::int64_t kMiB = 1 << 20;
  History history;
  for (int night = 10; night >= 6; --night) {
    history.Packed(night, 20 * kMiB + night * kMiB / 10, 100 * kMiB);
  }
  EXPECT_EQ(history.Check("compression"), "ok");
  EXPECT_NEAR(*history.Compare().usual_ratio, 4.8, 0.1);
  history.Packed(5, 40 * kMiB, 100 * kMiB);
  EXPECT_EQ(history.Check("compression"), "ok") << "half as good is not encrypted";
  history.Packed(4, 101 * kMiB, 100 * kMiB);
  EXPECT_EQ(history.Check("compression").substr(0, 60),
            "unusual_size: \"shop-996.sql.gz\" unpacks to 0.99 times its si");
  EXPECT_NEAR(*history.Compare().compression_ratio, 0.99, 0.01);
  history.spec.size_deviation_floor_bytes = 100 * kMiB;
  EXPECT_EQ(history.Check("compression"), "ok") << "below the floor";
  history.spec.size_deviation_floor_bytes = kMiB;
  history.spec.compression_drop_ratio = 0;
  EXPECT_EQ(history.Check("compression"), "") << "turned off";
}

TEST(BackupContentsTest, CompressionIsNotJudgedWithoutAHistory) {
  constexpr std::int64_t kMiB = 1 << 20;
  History history;
  for (int night = 9; night >= 6; --night) history.Packed(night, 20 * kMiB, 100 * kMiB);
  history.Packed(5, 100 * kMiB, 100 * kMiB);
  EXPECT_NE(history.Check("compression"), "ok") << "four before it are enough";
  History fresh;
  for (int night = 8; night >= 6; --night) fresh.Packed(night, 20 * kMiB, 100 * kMiB);
  fresh.Packed(5, 100 * kMiB, 100 * kMiB);
  EXPECT_EQ(fresh.Check("compression"), "");
  EXPECT_NEAR(*fresh.Compare().compression_ratio, 1, 0.01);
  // Pictures never packed well.
  History pictures;
  for (int night = 9; night >= 5; --night) pictures.Packed(night, 95 * kMiB, 100 * kMiB);
  pictures.Packed(4, 101 * kMiB, 100 * kMiB);
  EXPECT_EQ(pictures.Check("compression"), "ok");
  // What always varied is usual.
  History wild;
  for (int night = 9; night >= 4; --night) {
    wild.Packed(night, (night % 3 * 35 + 10) * kMiB, 100 * kMiB);
  }
  wild.Packed(3, 75 * kMiB, 100 * kMiB);
  EXPECT_EQ(wild.Check("compression"), "ok");
}

TEST(BackupContentsTest, CountsByKind) {
  History history;
  for (const char* name : {"shop.dump", "all.sql.gz", "cache.rdb", "base.tar.gz", "uploads.zip"}) {
    history.Add(name, 1h);
  }
  auto facts = std::make_shared<catalog::RepositoryFacts>();
  facts->kind = "incremental";
  history.Add("20260101-000000F_20260102-000000I", 1h);
  history.complete.back().facts = facts;
  EXPECT_EQ(CountByKind(history.spec, history.complete),
            (std::map<std::string_view, std::int64_t>{
                {"dump", 2}, {"rdb", 1}, {"full", 1}, {"files", 1}, {"incremental", 1}}));
  history.spec.kind = "snapshot";
  EXPECT_EQ(CountByKind(history.spec, history.complete),
            (std::map<std::string_view, std::int64_t>{{"snapshot", 5}, {"incremental", 1}}));
}

TEST(BackupVerdictsTest, ForgetsWhatIsNotListed) {
  BackupVerdicts verdicts(nullptr, "nightly");
  std::vector<catalog::Artefact> artefacts(2);
  artefacts[0].path = "/b/1";
  artefacts[1].path = "/b/2";
  const catalog::ArtefactList listed(artefacts);
  for (int i = 1; i <= 3; ++i) {
    BackupVerdict verdict;
    verdict.verified = kNow + 1h * i;
    verdicts.Put("/b/" + std::to_string(i), verdict);
  }
  EXPECT_EQ(verdicts.LastVerified(kNow + 3h), kNow + 3h);
  EXPECT_EQ(verdicts.LastVerified(kNow + std::chrono::minutes(150)), kNow + 2h)
      << "the clock was wrong then";
  EXPECT_EQ(verdicts.LastVerified(kNow + 3h), kNow + 3h);
  verdicts.Keep(listed, {});
  EXPECT_TRUE(verdicts.FindPath("/b/2"));
  EXPECT_FALSE(verdicts.FindPath("/b/3"));
  EXPECT_EQ(verdicts.LastVerified(kNow + 3h), kNow + 2h);
  // The end of a verification of one that was removed meanwhile.
  verdicts.Put("/b/3", {});
  verdicts.Keep(listed, {});
  EXPECT_FALSE(verdicts.FindPath("/b/3"));
  verdicts.Keep(catalog::ArtefactList(), {});
  EXPECT_EQ(verdicts.LastVerified(kNow + 3h), std::nullopt);
}

TEST(BackupVerdictsTest, KeepsContentsOverARestartAndTheLatestTablesAlone) {
  auto database = *db::Database::OpenInMemory(BackupMigrations());
  {
    BackupVerdicts verdicts(database.get(), "nightly");
    for (int i = 0; i < 40; ++i) {
      BackupVerdict verdict;
      verdict.fingerprint = 7;
      verdict.verified = kNow + 1h * i;
      verdict.digest = "sha256:" + std::to_string(i);
      verdict.tables = std::make_shared<const Tables>(Tables{"a", "b c"});
      verdict.packed_bytes = i;
      verdict.unpacked_bytes = 2 * i;
      verdicts.Put("/b/" + std::to_string(i), verdict);
    }
  }
  const BackupVerdicts verdicts(database.get(), "nightly");
  const auto newest = verdicts.FindPath("/b/39");
  ASSERT_TRUE(newest && newest->tables);
  EXPECT_EQ(*newest->tables, Tables({"a", "b c"}));
  EXPECT_EQ(newest->digest, "sha256:39");
  EXPECT_EQ(newest->packed_bytes, 39);
  EXPECT_EQ(newest->unpacked_bytes, 78);
  EXPECT_EQ(verdicts.FindPath("/b/7")->tables, nullptr) << "only the latest 32";
  EXPECT_NE(verdicts.FindPath("/b/8")->tables, nullptr);
  EXPECT_EQ(verdicts.FindPath("/b/7")->digest, "sha256:7");
}

}  // namespace
}  // namespace drwatch::probes
