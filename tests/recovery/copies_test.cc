#include "recovery/copies.h"

#include <gtest/gtest.h>

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr base::Timestamp kNow = base::Timestamp(std::chrono::hours(480'000));

model::StoredCopy Copy(const std::string& name, base::Duration age, std::int64_t size = 100) {
  model::StoredCopy copy;
  copy.name = name;
  copy.point = kNow - age;
  copy.size_bytes = size;
  copy.good = true;
  return copy;
}

model::ProbeResult Result(const std::string& probe, std::vector<model::StoredCopy> copies,
                          double success = 1) {
  model::ProbeResult result;
  result.probe = probe;
  model::FamilySet families;
  families.Gauge("backup_probe_success", "", {}, 1);
  families.Gauge("backup_success", "", {}, success);
  result.families = families.Take();
  result.copies = std::move(copies);
  return result;
}

config::Config MakeConfig() {
  config::Config config;
  config.services.resize(1);
  config.services[0].name = "shop";
  config.services[0].copies = 3;
  config.services[0].offsite_copies = 1;
  for (const std::string location : {"primary", "secondary", "dr"}) {
    config::BackupProbe spec;
    spec.backup = "nightly";
    spec.location = location;
    spec.offsite = location == "dr";
    config::Probe& probe = config.probes.emplace_back();
    probe.name = "nightly-" + location;
    probe.service = "shop";
    probe.spec = spec;
  }
  return config;
}

std::optional<double> Value(const std::vector<model::MetricFamily>& families, std::string_view name,
                            std::string_view location = {}) {
  for (const auto& family : families) {
    if (family.name != name) continue;
    for (const auto& point : family.points) {
      if (point.labels.Get("location") == location) return point.value;
    }
  }
  return std::nullopt;
}

TEST(CopiesTest, OneThatReplacedAGoodOneCountsWhileItIsNotRead) {
  auto unread = Copy("latest", 1h);
  unread.good = false;
  auto primary = Result("nightly-primary", {unread});
  EXPECT_EQ(CompareCopies(MakeConfig(), {primary}, kNow)[0].copies, 0);
  model::FamilySet families;
  families.Gauge("backup_success", "", {}, 1);
  families.Gauge("backup_presumed_timestamp_seconds", "", {}, base::ToUnixSeconds(kNow - 24h));
  primary.families = families.Take();
  const auto reports = CompareCopies(MakeConfig(), {primary}, kNow);
  EXPECT_EQ(reports[0].copies, 1);
  EXPECT_EQ(reports[0].places[0].LatestGood(), nullptr);
}

model::StoredCopy CopyOf(const std::string& name, base::Duration age, const std::string& digest,
                         bool dated) {
  auto copy = Copy(name, age);
  copy.digest = digest;
  copy.dated = dated;
  return copy;
}

TEST(CopiesTest, ACopyIsAsOldAsWhatItIsACopyOf) {
  std::vector<model::ProbeResult> latest = {
      Result("nightly-primary", {CopyOf("shop-2026-01-02.sql", 11h, "sha256:a", true)}),
      Result("nightly-dr", {CopyOf("shop-2026-01-02.sql", 1h, "sha256:a", true),
                            CopyOf("shop-2026-01-01.sql", 2h, "sha256:a", true)})};
  DateCopies(MakeConfig(), latest);
  EXPECT_EQ(latest[0].copies[0].point, kNow - 11h);
  EXPECT_EQ(latest[1].copies[1].name, "shop-2026-01-02.sql") << "newest first";
  EXPECT_EQ(latest[1].copies[1].point, kNow - 11h);
  EXPECT_EQ(latest[1].copies[0].point, kNow - 2h) << "the same bytes of another night";
  const auto families = CopyFamilies(CompareCopies(MakeConfig(), latest, kNow));
  EXPECT_EQ(Value(families, "backup_copy_lag_seconds", "primary"), 9 * 3600.0);
}

TEST(CopiesTest, UnderANameWithoutADateOnlyTheCopyElsewhereFollows) {
  const auto at = [](base::Duration primary, base::Duration dr) {
    std::vector<model::ProbeResult> latest = {
        Result("nightly-primary", {CopyOf("latest.sql", primary, "sha256:a", false)}),
        Result("nightly-dr", {CopyOf("latest.sql", dr, "sha256:a", false)})};
    DateCopies(MakeConfig(), latest);
    return std::pair(kNow - latest[0].copies[0].point, kNow - latest[1].copies[0].point);
  };
  EXPECT_EQ(at(11h, 1h), std::pair(base::Duration(11h), base::Duration(11h)));
  EXPECT_EQ(at(1h, 11h), std::pair(base::Duration(1h), base::Duration(11h)))
      << "a database that did not change dumps to the same bytes";
}

TEST(CopiesTest, PlacesThatShareALocationAreOneSeries) {
  config::Config config = MakeConfig();
  for (config::Probe& probe : config.probes) {
    std::get<config::BackupProbe>(probe.spec).location = "primary";
  }
  const auto families =
      CopyFamilies(CompareCopies(config,
                                 {Result("nightly-primary", {Copy("b", 1h, 100), Copy("a", 5h)}),
                                  Result("nightly-secondary", {Copy("b", 1h, 99)}),
                                  Result("nightly-dr", {Copy("b", 1h, 98), Copy("a", 7h)})},
                                 kNow));
  for (const auto& family : families) {
    if (family.name == "backup_copy_lag_seconds" || family.name == "backup_copy_difference_info") {
      EXPECT_EQ(family.points.size(), 1u) << family.name;
    }
  }
}

TEST(CopiesTest, CountsGoodCurrentCopies) {
  auto immutable = Copy("a", 5h);
  immutable.immutable_until = kNow + 1h;
  const auto reports = CompareCopies(
      MakeConfig(),
      {Result("nightly-primary", {Copy("b", 1h), Copy("a", 25h)}),
       Result("nightly-secondary", {Copy("a", 25h)}, 0), Result("nightly-dr", {immutable})},
      kNow);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].copies, 2) << "the secondary one is stale";
  EXPECT_EQ(reports[0].offsite_copies, 1);
  EXPECT_EQ(reports[0].immutable_copies, 1);
  const auto families = CopyFamilies(reports);
  EXPECT_EQ(Value(families, "backup_copies"), 2);
  EXPECT_EQ(Value(families, "backup_copies_target"), 3);
  EXPECT_EQ(Value(families, "backup_offsite_copies_target"), 1);
  EXPECT_EQ(Value(families, "backup_immutable_copies_target"), std::nullopt);
  EXPECT_EQ(Value(families, "backup_copy_lag_seconds", "primary"), 0);
  EXPECT_EQ(Value(families, "backup_copy_lag_seconds", "dr"), 4 * 3600);
  EXPECT_EQ(Value(families, "backup_copy_lag_seconds", "secondary"), 24 * 3600);
}

TEST(CopiesTest, ABackupWithoutWalIsOffsiteWithItsArchive) {
  config::Config config = MakeConfig();
  for (const std::string name : {"wal", "wal-dr"}) {
    config::WalArchiveProbe spec;
    spec.offsite = name == "wal-dr";
    config::Probe& probe = config.probes.emplace_back();
    probe.name = name;
    probe.service = "shop";
    probe.spec = spec;
  }
  const auto offsite = [&](std::vector<std::string> archives) {
    auto copy = Copy("b", 1h);
    copy.wal_archives = std::move(archives);
    const auto reports = CompareCopies(config, {Result("nightly-dr", {copy})}, kNow);
    EXPECT_EQ(reports[0].copies, 1);
    return reports[0].offsite_copies;
  };
  EXPECT_EQ(offsite({}), 1);
  EXPECT_EQ(offsite({"wal"}), 0) << "the site takes its WAL along";
  EXPECT_EQ(offsite({"wal", "wal-dr"}), 1) << "one is enough";
}

TEST(CopiesTest, ABackupWithoutWalIsNotImmutable) {
  auto copy = Copy("b", 1h);
  copy.immutable_until = kNow + 1h;
  const auto immutable = [&copy] {
    return CompareCopies(MakeConfig(), {Result("nightly-dr", {copy})}, kNow)[0].immutable_copies;
  };
  EXPECT_EQ(immutable(), 1);
  copy.wal_archives = {"wal"};
  EXPECT_EQ(immutable(), 0);
}

TEST(CopiesTest, ABrokenCopyIsNone) {
  auto broken = Copy("b", 1h);
  broken.good = false;
  const auto reports = CompareCopies(MakeConfig(), {Result("nightly-primary", {broken})}, kNow);
  EXPECT_EQ(reports[0].copies, 0);
  EXPECT_EQ(reports[0].places[0].LatestGood(), nullptr);
  EXPECT_EQ(Value(CopyFamilies(reports), "backup_copies"), 0);
}

TEST(CopiesTest, ComparesTheNewestOneThatSeveralPlacesHave) {
  const auto compare = [](model::StoredCopy there) {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {Copy("c", 1h), Copy("b", 25h)}),
                          Result("nightly-dr", {std::move(there), Copy("a", 49h)})},
                         kNow)[0];
  };
  EXPECT_EQ(compare(Copy("b", 25h)).identical, true);
  EXPECT_EQ(compare(Copy("x", 25h)).identical, std::nullopt) << "nothing to compare";
  const BackupReport differs = compare(Copy("b", 25h, 99));
  EXPECT_EQ(differs.identical, false);
  EXPECT_EQ(differs.differing, "b");
  EXPECT_EQ(Value(CopyFamilies({differs}), "backup_copies_identical"), 0);
}

TEST(CopiesTest, DigestsDecideWhereBothAreKnown) {
  auto here = Copy("b", 25h);
  auto there = Copy("b", 25h);
  here.digest = "sha256:1";
  const auto identical = [&] {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {here}), Result("nightly-dr", {there})},
                         kNow)[0]
        .identical;
  };
  EXPECT_EQ(identical(), true);
  there.digest = "sha256:2";
  EXPECT_EQ(identical(), false);
}

TEST(CopiesTest, NamesTheOddOneOut) {
  auto primary = Copy("b", 25h), secondary = Copy("b", 25h), dr = Copy("b", 25h, 99);
  const auto compare = [&] {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {primary}),
                          Result("nightly-secondary", {secondary}), Result("nightly-dr", {dr})},
                         kNow)[0];
  };
  BackupReport report = compare();
  ASSERT_EQ(report.differences.size(), 1u);
  EXPECT_EQ(report.differences[0].location, "dr");
  EXPECT_EQ(report.differences[0].by, "size");
  EXPECT_EQ(report.differences[0].detail, "99 bytes instead of 100");
  dr.size_bytes = 100;
  primary.digest = "sha256:1";
  secondary.digest = dr.digest = "sha256:2";
  report = compare();
  ASSERT_EQ(report.differences.size(), 1u) << "two against one";
  EXPECT_EQ(report.differences[0].location, "primary");
  EXPECT_EQ(report.differences[0].by, "digest");
  EXPECT_EQ(report.differences[0].detail, "sha256:1 instead of sha256:2");
  const auto families = CopyFamilies({report});
  EXPECT_EQ(Value(families, "backup_copy_difference_info", "primary"), 1);
  EXPECT_EQ(Value(families, "backup_copy_difference_info", "dr"), std::nullopt);
  // One that knows no digest hides no difference between the others.
  secondary.digest.clear();
  EXPECT_EQ(compare().identical, false);
  primary.digest = "sha256:2";
  EXPECT_EQ(compare().identical, true);
  EXPECT_TRUE(compare().differences.empty());
}

// Whoever is told to replace the odd one must not lose the only good one.
TEST(CopiesTest, AGoodCopyIsNotTheOddOne) {
  auto primary = Copy("b", 25h, 40), secondary = Copy("b", 25h, 40), dr = Copy("b", 25h);
  primary.good = secondary.good = false;  // cut off
  const auto compare = [&](std::vector<model::ProbeResult> results) {
    return CompareCopies(MakeConfig(), results, kNow)[0].differences;
  };
  auto differences = compare({Result("nightly-primary", {primary}), Result("nightly-dr", {dr})});
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].location, "primary");
  EXPECT_EQ(differences[0].detail, "40 bytes instead of 100");
  differences = compare({Result("nightly-primary", {primary}),
                         Result("nightly-secondary", {secondary}), Result("nightly-dr", {dr})});
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].location, "primary");
  EXPECT_EQ(differences[1].location, "secondary");
}

TEST(CopiesTest, ABrokenCopyOfTheSameSizeIsNotTheSame) {
  auto primary = Copy("b", 25h), secondary = Copy("b", 25h), dr = Copy("b", 25h);
  primary.good = secondary.good = false;
  primary.broken = secondary.broken = true;
  primary.problem = "checksum differs";
  const auto compare = [&] {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {primary}),
                          Result("nightly-secondary", {secondary}), Result("nightly-dr", {dr})},
                         kNow)[0];
  };
  EXPECT_EQ(compare().identical, true) << "what nobody has read is like any of its size";
  dr.verified = kNow;
  const BackupReport report = compare();
  EXPECT_EQ(report.identical, false);
  ASSERT_EQ(report.differences.size(), 2u) << "the good one is the measure";
  EXPECT_EQ(report.differences[0].location, "primary");
  EXPECT_EQ(report.differences[0].by, "damage");
  EXPECT_EQ(report.differences[0].detail, "checksum differs");
  EXPECT_EQ(report.differences[1].location, "secondary");
  dr.good = false;
  EXPECT_EQ(compare().identical, true) << "too old, and none is proven good";
  dr.good = true;
  primary.digest = secondary.digest = dr.digest = "sha256:1";
  EXPECT_EQ(compare().identical, true) << "digests know better";
}

TEST(CopiesTest, ACopyOfWhatWasThereBeforeIsBehind) {
  auto here = Copy("latest.dump", 1h);
  auto there = Copy("latest.dump", 25h, 99);
  const auto identical = [&] {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {here}), Result("nightly-dr", {there})},
                         kNow)[0]
        .identical;
  };
  EXPECT_EQ(identical(), std::nullopt) << "it is copied tonight";
  there.point = kNow - 30min;
  EXPECT_EQ(identical(), false) << "it was copied since, without its time";
  there.point = here.point - 1s;
  EXPECT_EQ(identical(), false) << "times of some file systems are whole seconds";
  // What their bytes say decides, whatever the files' times are.
  here.made = kNow - 2h;
  there.made = kNow - 26h;
  there.point = kNow - 30min;
  EXPECT_EQ(identical(), std::nullopt);
  there.made = here.made;
  there.point = kNow - 25h;
  EXPECT_EQ(identical(), false);
  // Nobody writes over a name with a date.
  here.made = there.made = {};
  here.dated = there.dated = true;
  EXPECT_EQ(identical(), false);
}

TEST(CopiesTest, OneThatIsBehindHidesNoDifference) {
  const auto report = CompareCopies(MakeConfig(),
                                    {Result("nightly-primary", {Copy("latest.dump", 1h)}),
                                     Result("nightly-secondary", {Copy("latest.dump", 25h, 7)}),
                                     Result("nightly-dr", {Copy("latest.dump", 1h, 99)})},
                                    kNow)[0];
  EXPECT_EQ(report.identical, false);
  ASSERT_EQ(report.differences.size(), 1u);
  EXPECT_EQ(report.differences[0].location, "dr");
}

TEST(CopiesTest, SameBytesUnderAnotherNameAreTheSame) {
  auto here = Copy("b", 25h);
  auto there = Copy("2026-01-02-b", 25h);
  const auto compare = [&] {
    return CompareCopies(MakeConfig(),
                         {Result("nightly-primary", {here, Copy("a", 49h)}),
                          Result("nightly-dr", {there, Copy("a", 49h, 7)})},
                         kNow)[0];
  };
  EXPECT_EQ(compare().differing, "a");
  here.digest = there.digest = "sha256:1";
  EXPECT_EQ(compare().identical, true) << "the newest one is shared now";
}

}  // namespace
}  // namespace drwatch::recovery
