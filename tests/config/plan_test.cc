// What `check config` says of a plan that cannot be kept.
#include <gtest/gtest.h>

#include <map>

#include "config/plan_warnings.h"

namespace drwatch::config {
namespace {

using Messages = std::vector<std::string>;

TEST(PlanTest, EachWarningSaysWhereAndWhatToDo) {
  const std::map<std::string, std::string> environment;
  Problems problems;
  ParseConfig(R"yaml(services:
- {name: shop, rpo: 1h, copies: 9, offsite_copies: 9, immutable_copies: 9, region: here}
- {name: other, rpo: 1m}
probes:
- {name: a, type: backup, service: shop, path: /a, schedule: "0 2 * * *", grace: 3d, max_age: 1h,
   retention: 1h, min_count: 9, verify: false}
- {name: b, type: backup, service: shop, path: /a, backup: a, offsite: true, max_age: 9d}
- {name: wal, type: wal_archive, service: shop, path: /w, offsite: true, retention: 1h, window: 9d}
- {name: alone, type: wal_archive, path: /x, offsite: true}
receivers: [{name: r}]
)yaml",
              "/f.yml", problems, {&environment});
  EXPECT_GE(problems.all().size(), 15U);
  for (const Problem& problem : problems.all()) {
    EXPECT_EQ(problem.kind, Problem::Kind::kWarning) << problem.ToString();
    EXPECT_GT(problem.position.line, 0) << problem.ToString();
    EXPECT_GT(problem.position.column, 0) << problem.ToString();
    EXPECT_NE(problem.hint, "") << problem.ToString();
  }
}

TEST(PlanTest, APlanThatCanBeKeptSaysNothing) {
  EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop, rpo: 26h, copies: 2, offsite_copies: 1}]
probes:
- {name: a, type: backup, service: shop, backup: x, path: /a, schedule: "0 2 * * *", max_age: 26h}
- {name: b, type: backup, service: shop, backup: x, location: b, path: /b, max_age: 26h,
   offsite: true}
)yaml"),
            Messages{});
}

TEST(PlanTest, AScheduleThatCannotMeetTheObjective) {
  EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes: [{name: a, type: backup, service: shop, path: /a, schedule: "0 2 * * *", offsite: true}]
)yaml"),
            Messages{"service \"shop\" promises an RPO of 1h, and the newest backup may be 1d old "
                     "(probe \"a\")"});
}

TEST(PlanTest, ABackupTakesTime) {
  const auto warnings = [](const std::string& rest) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes: [{name: a, type: backup, service: shop, path: /a, offsite: true, )yaml" +
                    rest + "}]\n");
  };
  EXPECT_EQ(warnings("schedule: \"0 * * * *\""),
            Messages{"service \"shop\" promises an RPO of 1h, and the newest backup may be 1h old "
                     "before the next one begins (probe \"a\")"});
  EXPECT_EQ(warnings("max_age: 1h"), Messages{});
  EXPECT_EQ(warnings("schedule: \"*/30 * * * *\", grace: 10m"), Messages{});
}

TEST(PlanTest, WhatLiesOffSiteKeepsTheObjectiveToo) {
  const auto warnings = [](const std::string& copy, const std::string& more = "") {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 4h}]
probes:
- {name: a, type: backup, service: shop, path: /a, schedule: "0 * * * *"}
- {name: b, type: backup, service: shop, path: /b, offsite: true, )yaml" +
                    copy + "}\n" + more);
  };
  const std::string promise =
      "service \"shop\" promises an RPO of 4h, and what lies off-site may be ";
  EXPECT_EQ(warnings("max_age: 26h"), Messages{promise + "26h old (probe \"b\")"});
  EXPECT_EQ(warnings("schedule: \"0 2 * * *\""), Messages{promise + "1d old (probe \"b\")"});
  EXPECT_EQ(warnings("schedule: \"0 */4 * * *\""),
            Messages{promise + "4h old before the next backup begins (probe \"b\")"});
  EXPECT_EQ(warnings("schedule: \"0 */2 * * *\""), Messages{});
  EXPECT_EQ(warnings("max_age: 4h"), Messages{});
  // A standby or an archive there loses less.
  const std::string standby =
      "- {name: pg, type: postgres, service: shop, dsn: a=b, offsite: true}\n";
  EXPECT_EQ(warnings("max_age: 26h", standby), Messages{});
  const auto archive = [](const std::string& lag) {
    return "- {name: pg, type: postgres, service: shop, dsn: a=b}\n"
           "- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, offsite: true, "
           "max_lag: " +
           lag + "}\n";
  };
  EXPECT_EQ(warnings("max_age: 26h", archive("1h")), Messages{});
  EXPECT_EQ(warnings("max_age: 26h", archive("5h")), Messages{promise + "5h old (probe \"wal\")"});
}

TEST(PlanTest, WhatLiesInAnotherRegionKeepsTheObjectiveToo) {
  const auto warnings = [](const std::string& max_age) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 4h, region: east}]
probes:
- {name: a, type: backup, service: shop, path: /a, max_age: 2h, offsite: true, region: east}
- {name: b, type: backup, service: shop, path: /b, offsite: true, region: west, max_age: )yaml" +
                    max_age + "}\n");
  };
  EXPECT_EQ(warnings("26h"),
            Messages{"service \"shop\" promises an RPO of 4h, and what lies in another region may "
                     "be 26h old (probe \"b\")"});
  EXPECT_EQ(warnings("4h"), Messages{});
}

TEST(PlanTest, WalInAnotherRegionNeedsABaseBackupThere) {
  const auto warnings = [](const std::string& base) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 4h, region: east}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, offsite: true, region: west}
- {name: base, type: backup, service: shop, path: /b, kind: full, max_age: 26h, offsite: true)yaml" +
                    base + "}\n");
  };
  EXPECT_EQ(warnings(", region: west"), Messages{});
  EXPECT_EQ(warnings(", region: east"),
            Messages{"service \"shop\" runs in \"east\", and nothing says that it lies in another "
                     "region: what the loss of the region would cost is not watched"});
}

TEST(PlanTest, TheLongestPauseOfAScheduleCounts) {
  // Friday 02:00 to Monday 02:00.
  EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop, rpo: 2d}]
probes: [{name: a, type: backup, service: shop, path: /a, schedule: "0 2 * * mon-fri", offsite: true}]
)yaml"),
            Messages{"service \"shop\" promises an RPO of 2d, and the newest backup may be 3d old "
                     "(probe \"a\")"});
}

TEST(PlanTest, NoBackupAtAll) {
  EXPECT_EQ(
      Warnings(R"yaml(
services: [{name: shop, level: L1}]
probes: [{name: a, type: postgres, service: shop, dsn: a=b}]
)yaml"),
      Messages{"service \"shop\" promises an RPO of 15m and has no backup: after a corruption "
               "that is replicated nothing brings it back"});
}

TEST(PlanTest, NothingOffSiteAndTooFewPlaces) {
  EXPECT_EQ(
      Warnings(R"yaml(
services: [{name: shop, rpo: 26h, copies: 3}]
probes: [{name: a, type: backup, service: shop, path: /a, max_age: 26h}]
)yaml"),
      (Messages{"service \"shop\" has no copy off-site: nothing survives the loss of the site",
                "service \"shop\" wants 3 copies of backup \"a\", and 1 are configured"}));
}

TEST(PlanTest, WalNeedsABaseBackupAsOldAsItsWindow) {
  const auto warnings = [](const std::string& backup, const std::string& more = "") {
    return Warnings(R"yaml(
services: [{name: shop}, {name: other}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, window: 7d)yaml" +
                    more + "}\n- {name: a, type: backup, path: /a, max_age: 26h, " + backup +
                    "}\n");
  };
  const Messages none = {"WAL archive \"wal\" has no base backup: WAL alone brings nothing back"};
  EXPECT_EQ(warnings("service: shop, kind: dump"), none);
  EXPECT_EQ(warnings("service: other, kind: full"), none);
  EXPECT_EQ(warnings("service: shop, kind: full"), Messages{});
  EXPECT_EQ(warnings("service: shop"), Messages{});
  EXPECT_EQ(warnings("service: other", ", base_backups: [a]"), Messages{});
  EXPECT_EQ(warnings("service: shop, retention: 9d"), Messages{});
  EXPECT_EQ(warnings("service: other, kind: dump", ", base_backups: [a]"), none);
  EXPECT_EQ(warnings("service: shop, kind: files, data: database"), none);
  EXPECT_EQ(warnings("service: shop, retention: 3d"),
            Messages{"WAL archive \"wal\" promises any point of the last 1w, and base backups are "
                     "kept for 3d"});
}

// The point right at the window's start needs the base backup before it.
TEST(PlanTest, TheBaseBackupBeforeTheWindowIsNeeded) {
  const auto warnings = [](const std::string& base, const std::string& wal) {
    return Warnings(R"yaml(
services: [{name: shop}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, window: 14d)yaml" +
                    wal + "}\n- {name: a, type: backup, service: shop, path: /a, kind: full, " +
                    "schedule: \"0 2 * * sun\", " + base + "}\n");
  };
  const std::string promise =
      "WAL archive \"wal\" promises any point of the last 2w, and base backups are kept for ";
  EXPECT_EQ(
      warnings("retention: 20d", ""),
      Messages{promise + "20d: they may be 1w apart, and the one before the window is needed, "
                         "too"});
  EXPECT_EQ(warnings("retention: 3w", ""), Messages{});
  EXPECT_EQ(warnings("min_count: 2", ""),
            Messages{promise + "2w: they may be 1w apart, and the one before the window is needed, "
                               "too"});
  EXPECT_EQ(warnings("min_count: 3", ""), Messages{});
  EXPECT_EQ(warnings("min_count: 2000000000", ""), Messages{});
  EXPECT_EQ(warnings("retention: 8d, min_count: 1", ""), Messages{promise + "8d"});
  // Backup programs keep the one that reaches over their window.
  EXPECT_EQ(warnings("repository: barman, retention: 2w", ", repository: barman"), Messages{});
}

TEST(PlanTest, DumpsAreNoBaseBackupsWhateverTheirKind) {
  for (const char* pattern : {"shop-*.sql.gz", "*.dump", "backup_*.dump.zst"}) {
    EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, window: 7d}
- {name: a, type: backup, service: shop, path: /a, max_age: 26h, pattern: ")yaml" +
                       std::string(pattern) + "\"}\n"),
              Messages{"WAL archive \"wal\" has no base backup: WAL alone brings nothing back"});
  }
}

TEST(PlanTest, WalOffSiteNeedsABaseBackupThere) {
  const auto warnings = [](const std::string& base) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg, offsite: true}
- {name: base, type: backup, service: shop, path: /b, kind: full, max_age: 26h)yaml" +
                    base + "}\n");
  };
  EXPECT_EQ(warnings(", offsite: true"), Messages{});
  EXPECT_EQ(
      warnings(""),
      (Messages{"service \"shop\" has no copy off-site: nothing survives the loss of the site",
                "WAL archive \"wal\" is off-site, and none of its base backups is: after the loss "
                "of the site it brings nothing back"}));
}

TEST(PlanTest, WalMustBeKeptAsLongAsItIsNeeded) {
  const auto warnings = [](const std::string& wal, const std::string& schedule) {
    return Warnings(R"yaml(
services: [{name: shop}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: base, type: backup, service: shop, path: /b, kind: full, schedule: ")yaml" +
                    schedule + "\"}\n- {name: wal, type: wal_archive, service: shop, path: /w, " +
                    "primary: pg, " + wal + "}\n");
  };
  EXPECT_EQ(warnings("retention: 8d, window: 7d", "0 2 * * *"), Messages{});
  EXPECT_EQ(warnings("retention: 7d, window: 7d", "0 2 * * *"),
            Messages{"WAL archive \"wal\" is kept for 1w, and any point of the last 1w needs 8d of "
                     "it: base backups may be 1d apart"});
  EXPECT_EQ(warnings("retention: 24h, window: 7d", "0 2 * * *"),
            Messages{"WAL archive \"wal\" is kept for 1d, and base backups may be 1d apart: at "
                     "times none of them can be brought to the present"});
  EXPECT_EQ(warnings("retention: 3d", "0 2 * * sun"),
            Messages{"WAL archive \"wal\" is kept for 3d, and base backups may be 1w apart: at "
                     "times none of them can be brought to the present"});
  EXPECT_EQ(warnings("retention: 3d", "0 2 * * *"), Messages{});
}

TEST(PlanTest, AnArchiveThatMayLagForLongerThanTheObjective) {
  const auto warnings = [](const std::string& more) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 5m}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: base, type: backup, service: shop, path: /b, kind: full, max_age: 8d, offsite: true}
- {name: wal, type: wal_archive, service: shop, path: /w, primary: pg)yaml" +
                    more + "}\n");
  };
  EXPECT_EQ(warnings(", offsite: true, max_lag: 4m"), Messages{});
  EXPECT_EQ(warnings(", offsite: true"),
            Messages{"service \"shop\" promises an RPO of 5m, and WAL may be missing "
                     "in the archive for 15m (probe \"wal\")"});
}

TEST(PlanTest, EachDataOfAServiceIsJudgedOnItsOwn) {
  EXPECT_EQ(
      Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes:
- {name: dump, type: backup, service: shop, path: /a, schedule: "0 2 * * *", offsite: true}
- {name: rdb, type: backup, service: shop, path: /b, kind: rdb, schedule: "*/30 * * * *", grace: 10m}
- {name: uploads, type: backup, service: shop, path: /c, data: uploads, max_age: 1h, offsite: true}
)yaml"),
      (Messages{"service \"shop\" (database) promises an RPO of 1h, and the newest backup may "
                "be 1d old (probe \"dump\")",
                "service \"shop\" (redis) has no copy off-site: nothing survives the loss of "
                "the site"}));
  EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: files, type: backup, service: shop, path: /b, kind: files, max_age: 1h, offsite: true}
)yaml"),
            Messages{"service \"shop\" (database) promises an RPO of 1h and has no backup: after a "
                     "corruption that is replicated nothing brings it back"});
}

TEST(PlanTest, ABackupOfWhichNobodySaysWhatItHolds) {
  const auto warnings = [](const std::string& uploads, const std::string& more = "") {
    return Warnings(R"yaml(
services: [{name: shop}]
probes:
- {name: dump, type: backup, service: shop, path: /a, pattern: "*.sql.gz", max_age: 26h}
- {name: uploads, type: backup, service: shop, path: /b, max_age: 26h, )yaml" +
                    uploads + "}\n" + more);
  };
  const Messages told = {
      "backup \"uploads\" counts as a way back to the database of service \"shop\": nothing says "
      "what it holds"};
  EXPECT_EQ(warnings("pattern: \"*.tar.gz\""), told);
  EXPECT_EQ(warnings("pattern: \"*\""), told);
  EXPECT_EQ(warnings("kind: files"), Messages{});
  EXPECT_EQ(warnings("data: uploads"), Messages{});
  EXPECT_EQ(warnings("data: database"), Messages{});
  EXPECT_EQ(warnings("pattern: \"*.dump.gz\""), Messages{});
  EXPECT_EQ(warnings("pattern: \"*.rdb\""), Messages{});
  EXPECT_EQ(warnings("repository: pgbackrest"), Messages{});
  EXPECT_EQ(warnings("backup: dump, location: other"), Messages{}) << "the dump's other copy";
}

TEST(PlanTest, TheNamesOfSnapshotsOfRedisTellThemFromADatabase) {
  const auto warnings = [](const std::string& pattern) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 26h}]
probes:
- {name: pg, type: postgres, service: shop, dsn: a=b}
- {name: cache, type: backup, service: shop, path: /b, max_age: 1h, offsite: true, pattern: )yaml" +
                    pattern + "}\n");
  };
  const Messages none = {
      "service \"shop\" (database) promises an RPO of 26h and has no backup: after a "
      "corruption that is replicated nothing brings it back"};
  EXPECT_EQ(warnings("dump-*.rdb"), none);
  EXPECT_EQ(warnings("dump.*.rdb.gz.gpg"), none);
  EXPECT_EQ(warnings("appendonly.aof"), none);
  EXPECT_EQ(warnings("appendonlydir"), none);
  EXPECT_EQ(warnings("appendonlydir-*.tar.gz"), none);
  EXPECT_EQ(warnings("\"*.sql\""), Messages{});
  EXPECT_EQ(warnings("rdb-*.tar.gz"), Messages{});
}

TEST(PlanTest, ARegionThatNothingIsOutsideOf) {
  const auto warnings = [](const std::string& region) {
    return Warnings(R"yaml(
services: [{name: shop, rpo: 26h, region: us-east-1}]
probes:
- {name: a, type: backup, service: shop, path: /a, max_age: 26h, offsite: true)yaml" +
                    region + "}\n");
  };
  EXPECT_EQ(warnings(", region: us-west-2"), Messages{});
  const Messages none = {
      "service \"shop\" runs in \"us-east-1\", and nothing says that it lies in another region: "
      "what the loss of the region would cost is not watched"};
  EXPECT_EQ(warnings(""), none);
  EXPECT_EQ(warnings(", region: us-east-1"), none);
}

TEST(PlanTest, NothingIsBackBeforeWhatItDependsOn) {
  const auto warnings = [](const std::string& auth) {
    return Warnings("services: [{name: shop, rto: 1h, depends_on: [auth, mail]}, {name: auth" +
                    auth + "}, {name: mail}]\nprobes: [{name: a, type: tcp, address: \"h:1\"}]\n");
  };
  EXPECT_EQ(warnings(", rto: 4h"), Messages{"service \"shop\" promises an RTO of 1h and depends on "
                                            "\"auth\", which may take 4h"});
  EXPECT_EQ(warnings(", rto: 1h"), Messages{});
  EXPECT_EQ(warnings(""), Messages{});
}

}  // namespace
}  // namespace drwatch::config
