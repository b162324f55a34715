#include "probes/wal_window_start.h"

#include <gtest/gtest.h>

namespace drwatch::probes {
namespace {

using std::chrono_literals::operator""h;

constexpr std::uint64_t kOld = 0xFEDC'BA98'7654'3210;
constexpr std::uint64_t kNew = 7;

class WalWindowStartTest : public ::testing::Test {
 protected:
  bool Grows(base::Timestamp start, std::uint64_t cluster) {
    return WalWindowStart(database_.get(), "wal").Grows(start, cluster, {}, 24h, kNow);
  }

  const base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);
  std::unique_ptr<db::Database> database_ = *db::Database::OpenInMemory(WalWindowStartMigrations());
};

TEST_F(WalWindowStartTest, TheArchiveOfAnotherClusterBeginsAnew) {
  EXPECT_FALSE(Grows(kNow - 100h, kOld)) << "as long as it is to be";
  EXPECT_FALSE(Grows(kNow - 2h, kOld)) << "it has lost what was before";
  EXPECT_FALSE(Grows(kNow - 2h, 0)) << "nobody tells whose it is";
  EXPECT_TRUE(Grows(kNow - 2h, kNew)) << "the server was upgraded";
  EXPECT_FALSE(Grows(kNow - 1h, kNew));
}

TEST_F(WalWindowStartTest, WhoseItIsMayBeLearntLater) {
  EXPECT_TRUE(Grows(kNow - 2h, 0));
  EXPECT_TRUE(Grows(kNow - 2h, kOld));
  EXPECT_FALSE(Grows(kNow - 1h, kOld));
  EXPECT_TRUE(Grows(kNow - 1h, kNew));
}

}  // namespace
}  // namespace drwatch::probes
