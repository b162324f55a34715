#include "verify/utc.h"

#include <gtest/gtest.h>

namespace drwatch::verify {
namespace {

// "12-01 13:00", of 2026.
base::Timestamp At(std::string_view text) {
  return ParseUtc("2026-" + std::string(text) + ":00 UTC").value();
}
std::string Latest(std::string_view local, std::string_view end) {
  const auto found = LatestReading(At(local), At(end));
  return found ? base::FormatRfc3339(*found).substr(5, 11) : "none";
}

TEST(LatestReadingTest, IsTheStartOfWhatTookLessThanAQuarterOfAnHour) {
  EXPECT_EQ(Latest("12-01 02:00", "12-01 02:00"), "12-01T02:00") << "UTC";
  EXPECT_EQ(Latest("12-01 02:00", "12-01 02:12"), "12-01T02:00");
  EXPECT_EQ(Latest("12-01 02:00", "12-01 07:12"), "12-01T07:00") << "New York";
  EXPECT_EQ(Latest("12-01 02:00", "11-30 20:20"), "11-30T20:15") << "Kathmandu";
  EXPECT_EQ(Latest("12-01 02:00", "11-30 12:05"), "11-30T12:00") << "Kiribati";
  EXPECT_EQ(Latest("12-01 02:00", "12-01 14:05"), "12-01T14:00") << "Baker Island";
}

TEST(LatestReadingTest, IsNeverBeforeTheStart) {
  EXPECT_EQ(Latest("12-01 02:00", "12-01 02:44"), "12-01T02:44") << "a minute is left to clocks";
  EXPECT_EQ(Latest("12-01 02:00", "12-01 02:40"), "12-01T02:30");
  EXPECT_EQ(Latest("12-01 02:01", "12-01 02:00"), "12-01T02:00") << "a clock that is behind";
  EXPECT_EQ(Latest("12-01 02:02", "12-01 02:00"), "12-01T01:47");
}

TEST(LatestReadingTest, IsHalfADayBehindAtMostWhateverTheEnd) {
  EXPECT_EQ(Latest("12-01 02:00", "12-01 14:59"), "12-01T14:00");
  EXPECT_EQ(Latest("12-01 02:00", "12-24 14:59"), "12-01T14:00");
}

TEST(LatestReadingTest, ThereIsNoneBeforeTheDayBeganAnywhere) {
  EXPECT_EQ(Latest("12-01 02:00", "11-30 11:59"), "11-30T11:59");
  EXPECT_EQ(Latest("12-01 02:00", "11-30 11:58"), "none");
}

}  // namespace
}  // namespace drwatch::verify
