#include "exporter/adhoc.h"

#include <gtest/gtest.h>

namespace drwatch::exporter {
namespace {

TEST(AdHocProbeTest, TellsWhatATargetIs) {
  EXPECT_EQ(MakeAdHocProbe("postgres://me:pw@db1:5432/shop")->type, "postgres");
  EXPECT_EQ(MakeAdHocProbe("s3://company-backups/daily")->type, "backup");
  EXPECT_EQ(MakeAdHocProbe("/")->type, "backup");
  EXPECT_FALSE(MakeAdHocProbe("/no/such/path"));
}

TEST(AdHocProbeTest, KeysInABucketsAddressAreRefusedAndNotPrinted) {
  for (const std::string target : {"s3://AKIA1:hidden@bucket/daily", "s3://hidden@bucket"}) {
    const auto probe = MakeAdHocProbe(target);
    ASSERT_FALSE(probe) << target;
    EXPECT_EQ(probe.error().message.find(":hidden"), std::string::npos) << probe.error().message;
    EXPECT_NE(probe.error().message.find("keys do not belong"), std::string::npos);
  }
  EXPECT_FALSE(MakeAdHocProbe("gopher://me:hidden@host"));
}

}  // namespace
}  // namespace drwatch::exporter
