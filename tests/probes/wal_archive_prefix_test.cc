#include <gtest/gtest.h>

#include "catalog/make_place.h"
#include "probes/wal_archive_probe.h"
#include "support/temp_dir.h"

namespace drwatch::probes {
namespace {

class BarmanWalPrefixTest : public ::testing::Test {
 protected:
  BarmanWalPrefixTest() { spec_.repository = config::Repository::kBarman; }
  tl::expected<std::string, catalog::Finding> Find() {
    const auto place = catalog::MakeFolderPlace(home_.path());
    return FindWalPrefix(*place, spec_, {base::Deadline(base::SteadyTime::max()), {}});
  }

  testing::TempDir home_;
  config::WalArchiveProbe spec_;
};

TEST_F(BarmanWalPrefixTest, TheOnlyServerIsFoundBesideOtherFolders) {
  home_.Write("main/base/20261201T020000/backup.info", "");
  home_.Write("main/wals/xlog.db", "");
  home_.Write("conf.d/main.conf", "");
  home_.Write(".ssh/id_rsa.pub", "");
  EXPECT_EQ(Find(), "main/wals/");
}

TEST_F(BarmanWalPrefixTest, AServerWithoutBackupsCountsWhereNoOtherHasAny) {
  home_.Write("main/wals/xlog.db", "");
  home_.Write("conf.d/main.conf", "");
  EXPECT_EQ(Find(), "main/wals/");
  home_.Write("shop/base/20261201T020000/backup.info", "");
  EXPECT_EQ(Find(), "shop/wals/");
}

TEST_F(BarmanWalPrefixTest, OneOfSeveralServersHasToBeNamed) {
  home_.Write("main/base/20261201T020000/backup.info", "");
  home_.Write("shop/base/20261201T020000/backup.info", "");
  const auto found = Find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, model::Reason::kConfig);
  EXPECT_NE(found.error().message.find("holds 2 servers"), std::string::npos);
  spec_.stanza = "shop";
  EXPECT_EQ(Find(), "shop/wals/");
}

TEST_F(BarmanWalPrefixTest, NoServerIsNotFound) {
  home_.Write("conf.d/main.conf", "");
  const auto found = Find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, model::Reason::kNotFound);
}

}  // namespace
}  // namespace drwatch::probes
