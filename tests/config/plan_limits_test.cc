// What `check config` says of limits and places that a plan cannot be kept with.
#include <gtest/gtest.h>

#include "config/plan_warnings.h"

namespace drwatch::config {
namespace {

using Messages = std::vector<std::string>;

TEST(PlanLimitsTest, LimitsThatContradictTheSchedule) {
  const auto warnings = [](const std::string& rest) {
    return Warnings("probes: [{name: a, type: backup, path: /a, " + rest + "}]\n");
  };
  EXPECT_EQ(
      warnings("schedule: \"0 2 * * sun\", max_age: 26h, retention: 3d"),
      (Messages{"backup \"a\" may be 26h old, and its schedule leaves 1w between two runs",
                "backup \"a\" is kept for 3d, and its schedule leaves 1w between two runs: there "
                "are times without any backup"}));
  // A run takes time.
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", max_age: 24h"),
            Messages{"backup \"a\" may be 1d old, and its schedule leaves 1d between two runs"});
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", retention: 24h"),
            Messages{"backup \"a\" is kept for 1d, and its schedule leaves 1d between two runs: "
                     "there are times without any backup"});
  // The night in which clocks go back.
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", timezone: Europe/Berlin, max_age: 25h"),
            Messages{"backup \"a\" may be 25h old, and its schedule leaves 25h between two runs"});
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", timezone: Europe/Berlin, max_age: 26h"), Messages{});
}

TEST(PlanLimitsTest, APatternOfFoldersBelowNeedsToLookIntoThem) {
  const auto warnings = [](const std::string& rest) {
    return Warnings("probes: [{name: a, type: backup, path: /a, max_age: 26h, " + rest + "}]\n");
  };
  EXPECT_EQ(warnings("pattern: \"*/shop.sql\""),
            Messages{"\"pattern\" names folders below \"path\", and these are not looked into: it "
                     "finds nothing"});
  EXPECT_EQ(warnings("pattern: \"*/shop.sql\", recursive: true"), Messages{});
  EXPECT_EQ(warnings("pattern: \"shop.sql\""), Messages{});
}

TEST(PlanLimitsTest, WhatIsNoShellPatternIsToldOf) {
  const auto warnings = [](const std::string& pattern) {
    return Warnings("probes: [{name: a, type: backup, path: /a, max_age: 26h, pattern: '" +
                    pattern + "'}]\n");
  };
  for (const char* pattern : {"shop-{a,b}.dump", "*.{dump,sql.gz}"}) {
    EXPECT_EQ(warnings(pattern),
              Messages{"\"pattern\" has {a,b} in it, which is taken as it stands"});
  }
  for (const char* pattern : {"^shop.*", "shop-.*dump$", "shop-.*\\.dump", "shop-\\d+"}) {
    EXPECT_EQ(warnings(pattern),
              Messages{"\"pattern\" looks like a regular expression, and is a shell pattern"})
        << pattern;
  }
  for (const char* pattern :
       {"*", ".*", "shop-[0-9]*.dump", "{uuid}.dump", "a,b.dump", "a}b{c", "shop.\\*"}) {
    EXPECT_EQ(warnings(pattern), Messages{}) << pattern;
  }
}

TEST(PlanLimitsTest, AShellWouldHaveReadThePath) {
  const auto warnings = [](const std::string& path) {
    return Warnings("probes: [{name: a, type: backup, max_age: 26h, path: '" + path + "'}]\n");
  };
  for (const char* path : {"~/backups", "~backup/daily"}) {
    EXPECT_EQ(warnings(path), Messages{"\"path\" begins with ~, which is taken as it stands"});
  }
  EXPECT_EQ(warnings("/backup/*"), Messages{"\"path\" has a * in it, which is taken as it stands"});
  EXPECT_EQ(warnings("/backup/a~b"), Messages{});
}

TEST(PlanLimitsTest, AGraceThatOutlastsTheSchedule) {
  const auto warnings = [](const std::string& rest) {
    return Warnings("probes: [{name: a, type: backup, path: /a, " + rest + "}]\n");
  };
  EXPECT_EQ(warnings("schedule: \"*/15 * * * *\", grace: 1h"),
            Messages{"backup \"a\" may be 1h late, and its schedule leaves 15m between two runs: a "
                     "run that is left out is told when the next ones are due"});
  EXPECT_EQ(warnings("schedule: \"0 * * * *\", grace: 1h"), Messages{});
  EXPECT_EQ(warnings("schedule: \"*/15 9-17 * * *\", grace: 1h"), Messages{});
}

TEST(PlanLimitsTest, MoreThanTheRetentionCanHold) {
  const auto warnings = [](const std::string& rest) {
    return Warnings("probes: [{name: a, type: backup, path: /a, repository: pgbackrest, " + rest +
                    "}]\n");
  };
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", retention: 7d, min_count: 8"), Messages{});
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\", retention: 7d, min_count: 9"),
            Messages{"backup \"a\" wants 9 to be kept, which takes its schedule 8d, and keeps them "
                     "for 1w"});
  EXPECT_EQ(warnings("schedule: \"0 2 * * mon-fri\", retention: 4w, min_count: 20"), Messages{});
  EXPECT_EQ(warnings("schedule: \"0 2 * * mon-fri\", retention: 4w, min_count: 22"),
            Messages{"backup \"a\" wants 22 to be kept, which takes its schedule 29d, and keeps "
                     "them for 4w"});
}

// Daily for a week, weekly and monthly beyond it.
TEST(PlanLimitsTest, ARotationThatThinsOutKeepsSomeForLonger) {
  EXPECT_EQ(Warnings("probes: [{name: a, type: backup, path: /a, schedule: \"0 2 * * *\", "
                     "retention: 7d, min_count: 20}]\n"),
            Messages{});
}

TEST(PlanLimitsTest, AProbeThatLooksTooSeldom) {
  const auto warnings = [](const std::string& rpo, const std::string& rest) {
    return Warnings("services: [{name: shop, rpo: " + rpo + R"yaml(}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: a, type: backup, service: shop, path: /a, kind: full, offsite: true, )yaml" +
                    rest + "}\n");
  };
  EXPECT_EQ(warnings("1h", "max_age: 30m, interval: 2h"),
            Messages{"service \"shop\" promises an RPO of 1h, and probe \"a\" looks every 2h: it "
                     "counts as broken between two looks"});
  EXPECT_EQ(warnings("1h", "max_age: 1h, interval: 1h"), Messages{});
  EXPECT_EQ(warnings("25h", "schedule: \"0 2 * * *\", interval: 6h"),
            Messages{"service \"shop\" promises an RPO of 25h, and probe \"a\" looks every 6h for "
                     "what is there after up to 1d only: it counts as broken between two looks"});
  EXPECT_EQ(warnings("30h", "schedule: \"0 2 * * *\", interval: 6h"), Messages{});
  // What cannot be kept anyway is said of the service.
  EXPECT_EQ(warnings("1h", "max_age: 26h, interval: 2h").size(), 1);
  const auto archive = [](const std::string& interval) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 15m}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: a, type: backup, service: shop, path: /a, kind: full, offsite: true, max_age: 26h}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, offsite: true, interval: )yaml" +
                    interval + "}\n");
  };
  EXPECT_EQ(
      archive("1h"),
      Messages{"service \"shop\" promises an RPO of 15m, and probe \"wal\" looks every 1h: it "
               "counts as broken between two looks"});
  EXPECT_EQ(archive("5m"), Messages{});
}

TEST(PlanLimitsTest, MoreThanAVerificationReadsInTime) {
  const auto warnings = [](const std::string& rest) {
    return Warnings("probes: [{name: a, type: backup, path: /a, max_age: 26h, " + rest + "}]\n");
  };
  EXPECT_EQ(
      warnings("min_size: 2TiB"),
      Messages{"backup \"a\" is at least 2.0 TiB, and at 50.0 MiB/s its verification has read "
               "1.0 TiB when its timeout ends it"});
  EXPECT_EQ(warnings("min_size: 1TiB"), Messages{});
  EXPECT_EQ(warnings("min_size: 2TiB, verify: {timeout: 12h}"), Messages{});
  EXPECT_EQ(warnings("min_size: 2TiB, verify: {read_rate: unlimited}"), Messages{});
  EXPECT_EQ(warnings("min_size: 2TiB, verify: false"), Messages{});
}

TEST(PlanLimitsTest, CopiesThatNobodyCanDelete) {
  const auto warnings = [](const std::string& path) {
    return Warnings(R"yaml(
services: [{name: shop, immutable_copies: 1}]
probes: [{name: a, type: backup, service: shop, max_age: 26h, path: )yaml" +
                    path + "}]\n");
  };
  const Messages none = {
      "service \"shop\" wants 1 immutable copies of backup \"a\", and 0 are configured"};
  EXPECT_EQ(warnings("/a"), none);
  EXPECT_EQ(warnings("\"s3://b/a\", expect: {object_lock: false}"), none);
  EXPECT_EQ(warnings("\"s3://b/a\", s3: {endpoint: \"https://storage.googleapis.com\"}"), none);
  EXPECT_EQ(warnings("\"s3://b/a\""), Messages{});
  EXPECT_EQ(warnings("\"s3://b/a\", expect: {object_lock: true}"), Messages{});
}

TEST(PlanLimitsTest, OnePlaceIsNoTwoCopies) {
  const auto warnings = [](const std::string& first, const std::string& second) {
    return Warnings("services: [{name: shop}, {name: other}]\nprobes:\n- {name: a, type: backup, " +
                    ("max_age: 26h, " + first) +
                    "}\n- {name: b, type: backup, location: b, max_age: 26h, " + second + "}\n");
  };
  const Messages place = {
      "probes \"a\" and \"b\" look at one place and count as two copies of "
      "backup \"x\""};
  EXPECT_EQ(warnings("backup: x, path: /a", "backup: x, path: /a"), place);
  EXPECT_EQ(warnings("backup: x, path: /a", "backup: x, path: /b/..//a/, pattern: \"*.gz\""),
            place);
  EXPECT_EQ(warnings("backup: x, path: /a", "backup: x, path: /a/b"), Messages{});
  EXPECT_EQ(warnings("backup: x, path: \"s3://b/a\"", "backup: x, path: \"s3://b/c\""),
            Messages{"probes \"a\" and \"b\" look at one bucket and count as two copies of backup "
                     "\"x\""});
  EXPECT_EQ(
      warnings("backup: x, path: \"s3://b/a\"", "backup: x, path: \"s3://b/a\", s3: {profile: p}"),
      place);
  EXPECT_EQ(warnings("backup: x, path: \"s3://b/a\"", "backup: x, path: \"s3://c/a\""), Messages{});
  EXPECT_EQ(warnings("backup: x, path: \"s3://b/a\"",
                     "backup: x, path: \"s3://b/a\", s3: {endpoint: \"https://ceph\"}"),
            Messages{});
  // Found twice under two names.
  EXPECT_EQ(warnings("path: /a, service: shop", "path: /a, service: shop"),
            Messages{"probes \"a\" and \"b\" find the same backups and count as two ways back"});
  EXPECT_EQ(warnings("path: /a, service: shop", "path: /a, service: other"), Messages{});
  EXPECT_EQ(warnings("path: /a, service: shop, pattern: \"a*\"",
                     "path: /a, service: shop, pattern: \"b*\""),
            Messages{});
}

TEST(PlanLimitsTest, CopiesAreToldApartByTheirLocation) {
  const auto warnings = [](const std::string& more) {
    return Warnings(R"yaml(
services: [{name: shop}, {name: other}]
probes:
- {name: a, type: backup, service: shop, backup: x, path: /a, max_age: 26h}
- {name: b, type: backup, backup: x, path: /b, max_age: 26h, )yaml" +
                    more + "}\n");
  };
  EXPECT_EQ(warnings("service: shop"),
            Messages{"probes \"a\" and \"b\" are both at location \"primary\" of backup \"x\": "
                     "nothing that is told of them tells them apart"});
  EXPECT_EQ(warnings("service: shop, location: b"), Messages{});
  EXPECT_EQ(warnings("service: other"), Messages{});
}

TEST(PlanLimitsTest, OnePlaceLiesOnOneSite) {
  const auto warnings = [](const std::string& backup, const std::string& wal) {
    return Warnings(R"yaml(
services: [{name: shop}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: a, type: backup, service: shop, path: /r, kind: full, max_age: 26h)yaml" +
                    backup + "}\n- {name: wal, type: wal_archive, service: shop, path: /r, " +
                    "primary: pg" + wal + "}\n");
  };
  const std::string both = "probes \"a\" and \"wal\" look at one place, and their ";
  EXPECT_EQ(warnings(", offsite: true", ""), Messages{both + "\"offsite\" differs"});
  EXPECT_EQ(warnings(", offsite: true", ", offsite: true"), Messages{});
  EXPECT_EQ(warnings(", region: east", ", region: west"), Messages{both + "\"region\" differs"});
  EXPECT_EQ(warnings(", region: east", ""), Messages{});
}

TEST(PlanLimitsTest, WhatIsNotVerifiedProvesNoObjective) {
  const auto warnings = [](const std::string& service) {
    return Warnings("services: [{name: shop, " + service + R"yaml(}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: a, type: backup, service: shop, path: /a, max_age: 4m, offsite: true, verify: false}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, offsite: true, verify: false}
)yaml");
  };
  const std::string promise = "service \"shop\" promises an RPO of 15m, and probe ";
  EXPECT_EQ(
      warnings("rpo: 15m"),
      (Messages{promise + "\"a\" does not verify what it is kept by: a damaged one counts",
                promise + "\"wal\" does not verify what it is kept by: a damaged one counts"}));
  EXPECT_EQ(warnings("rto: 15m"), Messages{});
}

}  // namespace
}  // namespace drwatch::config
