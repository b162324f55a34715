// What `check config` says of a plan that cannot be kept.
#include <gtest/gtest.h>

#include <map>

#include "config/config.h"

namespace drwatch::config {
namespace {

std::vector<std::string> Warnings(const std::string& text) {
  const std::map<std::string, std::string> environment;
  Problems problems;
  EXPECT_TRUE(ParseConfig(text + "receivers: [{name: r}]\n", "/f.yml", problems, {&environment}));
  std::vector<std::string> messages;
  for (const Problem& problem : problems.all()) messages.push_back(problem.message);
  return messages;
}

using Messages = std::vector<std::string>;

TEST(PlanTest, APlanThatCanBeKeptSaysNothing) {
  EXPECT_EQ(Warnings(R"yaml(
services: [{name: shop, rpo: 26h, copies: 2, offsite_copies: 1}]
probes:
- {name: a, type: backup, service: shop, backup: x, path: /a, schedule: "0 2 * * *", max_age: 26h}
- {name: b, type: backup, service: shop, backup: x, path: /b, max_age: 26h, offsite: true}
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
  EXPECT_EQ(warnings("schedule: \"*/30 * * * *\""), Messages{});
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
  EXPECT_EQ(warnings("service: shop, retention: 7d"), Messages{});
  EXPECT_EQ(warnings("service: shop, retention: 3d"),
            Messages{"WAL archive \"wal\" promises any point of the last 1w, and base backups are "
                     "kept for 3d"});
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
  EXPECT_EQ(warnings(", max_lag: 4m"), Messages{});
  EXPECT_EQ(warnings(""), Messages{"service \"shop\" promises an RPO of 5m, and WAL may be missing "
                                   "in the archive for 15m (probe \"wal\")"});
}

TEST(PlanTest, EachDataOfAServiceIsJudgedOnItsOwn) {
  EXPECT_EQ(
      Warnings(R"yaml(
services: [{name: shop, rpo: 1h}]
probes:
- {name: dump, type: backup, service: shop, path: /a, schedule: "0 2 * * *", offsite: true}
- {name: rdb, type: backup, service: shop, path: /b, kind: rdb, schedule: "*/30 * * * *"}
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

TEST(PlanTest, LimitsThatContradictTheSchedule) {
  EXPECT_EQ(
      Warnings(R"yaml(
probes: [{name: a, type: backup, path: /a, schedule: "0 2 * * sun", max_age: 26h, retention: 3d}]
)yaml"),
      (Messages{"backup \"a\" may be 26h old, and its schedule leaves 1w between two runs",
                "backup \"a\" is kept for 3d, shorter than the 1w between two runs: there are "
                "times without any backup"}));
}

}  // namespace
}  // namespace drwatch::config
