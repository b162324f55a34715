#include "web/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace drwatch::web {
namespace {

std::string Seconds(std::int64_t millis) {
  std::string out;
  AppendUnixSeconds(out, base::FromUnixMillis(millis));
  return out;
}

TEST(JsonTest, TimesAreWrittenAsPrometheusWritesThem) {
  EXPECT_EQ(Seconds(0), "0");
  EXPECT_EQ(Seconds(1), "0.001");
  EXPECT_EQ(Seconds(1'435'781'451'781), "1435781451.781");
  EXPECT_EQ(Seconds(1'435'781'451'000), "1435781451");
  EXPECT_EQ(Seconds(1'435'781'451'070), "1435781451.070");
  EXPECT_EQ(Seconds(-1), "-0.001");
  EXPECT_EQ(Seconds(-2'500), "-2.500");
  EXPECT_EQ(Seconds(std::numeric_limits<std::int64_t>::min()), "-9223372036854775.808");
}

TEST(JsonTest, StringsAreAlwaysValid) {
  EXPECT_EQ(JsonString("plain"), "\"plain\"");
  EXPECT_EQ(JsonString("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(JsonString("\xc3\xa4"), "\"\xc3\xa4\"");
  EXPECT_EQ(JsonString("a\xff\x62"), "\"a\xef\xbf\xbd\x62\"");
}

TEST(JsonTest, StopsAtTheLimit) {
  promql::Vector vector(100);
  std::string out;
  EXPECT_FALSE(AppendQueryResult(out, vector, 1000));
  EXPECT_LT(out.size(), 1200U);
  out.clear();
  EXPECT_TRUE(AppendQueryResult(out, vector, 10'000));
}

}  // namespace
}  // namespace drwatch::web
