#include "net/aws_time.h"

#include <gtest/gtest.h>

namespace drwatch::net {
namespace {

TEST(AwsTimeTest, ReadsIsoTimes) {
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00Z"), base::FromUnixMillis(1'369'353'600'000));
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00.1Z"), base::FromUnixMillis(1'369'353'600'100));
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:01.123456789Z"),
            base::FromUnixMillis(1'369'353'601'123));
  for (const char* text : {"", "Z", "2013-05-24", "2013-05-24T00:00:00", "2013-13-24T00:00:00Z",
                           "2013-02-30T00:00:00Z", "2013-05-24T25:00:00Z", "2013-05-24T00:00:00.Z",
                           "2013-05-24T00:00:00.xZ", "2013-05-24 00:00:00Z", "-013-05-24T00:00:00Z",
                           "2013-05-24T00:00:00+00:00"}) {
    EXPECT_FALSE(ParseIsoTime(text)) << text;
  }
}

TEST(AwsTimeTest, ReadsHttpTimes) {
  EXPECT_EQ(ParseHttpTime("Fri, 24 May 2013 00:00:00 GMT"),
            base::FromUnixMillis(1'369'353'600'000));
  for (const char* text : {"", "GMT", "yesterday", "Fri, 24 May 2013 00:00:00 +0200"}) {
    EXPECT_FALSE(ParseHttpTime(text)) << text;
  }
}

}  // namespace
}  // namespace drwatch::net
