#include "exporter/once_companions.h"

#include <gtest/gtest.h>

namespace drwatch::exporter {
namespace {

config::Probe Make(const std::string& name, config::ProbeSpec spec, const std::string& service) {
  config::Probe probe;
  probe.name = name;
  probe.service = service;
  probe.spec = std::move(spec);
  return probe;
}

class OnceCompanionsTest : public ::testing::Test {
 protected:
  OnceCompanionsTest() {
    config::PostgresProbe standby;
    standby.primary = "pg";
    config::WalArchiveProbe wal;
    wal.primary = "pg";
    config::WalArchiveProbe named;
    named.base_backups = {"of mail"};
    config::BackupProbe files;
    files.data = "files";
    configured_ = {Make("pg", config::PostgresProbe{}, "shop"),
                   Make("standby", standby, "shop"),
                   Make("base", config::BackupProbe{}, "shop"),
                   Make("uploads", files, "shop"),
                   Make("wal", wal, "shop"),
                   Make("of mail", config::BackupProbe{}, "mail"),
                   Make("named", named, "shop"),
                   Make("api", config::HttpProbe{}, "shop")};
  }
  // Of the selection of these.
  std::vector<std::string> Of(const std::vector<std::string>& names) const {
    std::vector<config::Probe> selected;
    for (const std::string& name : names) {
      for (const config::Probe& probe : configured_) {
        if (probe.name == name) selected.push_back(probe);
      }
    }
    std::vector<std::string> found;
    for (const config::Probe& probe : FindCompanions(selected, configured_)) {
      found.push_back(probe.name);
    }
    return found;
  }

  std::vector<config::Probe> configured_;
};

using Names = std::vector<std::string>;

TEST_F(OnceCompanionsTest, AnArchiveHasItsPrimaryAndTheBaseBackupsOfItsData) {
  EXPECT_EQ(Of({"wal"}), (Names{"pg", "base"}));
  EXPECT_EQ(Of({"named"}), Names{"of mail"});
}

TEST_F(OnceCompanionsTest, ABackupHasTheArchivesForItAndTheirPrimaries) {
  EXPECT_EQ(Of({"base"}), (Names{"pg", "wal"}));
  EXPECT_EQ(Of({"of mail"}), Names{"named"});
  EXPECT_EQ(Of({"uploads"}), Names{});
}

TEST_F(OnceCompanionsTest, AStandbyHasItsPrimary) { EXPECT_EQ(Of({"standby"}), Names{"pg"}); }

TEST_F(OnceCompanionsTest, WhatIsSelectedIsNoCompanion) {
  EXPECT_EQ(Of({"wal", "pg"}), Names{"base"});
  EXPECT_EQ(Of({"pg", "api"}), Names{});
}

}  // namespace
}  // namespace drwatch::exporter
