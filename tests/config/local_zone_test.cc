#include "config/local_zone.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "config/plan_warnings.h"

namespace drwatch::config {
namespace {

// The zone of this process for as long as it lives.
class ZoneOfProcess {
 public:
  explicit ZoneOfProcess(const char* zone) { ::setenv("TZ", zone, 1); }
  ~ZoneOfProcess() {
    ::unsetenv("TZ");
    ::tzset();
  }
  ZoneOfProcess(const ZoneOfProcess&) = delete;
  ZoneOfProcess& operator=(const ZoneOfProcess&) = delete;
};

// What is said of a schedule, `keys`, in a zone of this process.
std::vector<std::string> WarningsIn(const char* zone, const std::string& keys) {
  const ZoneOfProcess lives(zone);
  std::vector<std::string> found;
  for (const std::string& message :
       Warnings("probes: [{name: a, type: backup, path: /b, " + keys + "}]\n")) {
    if (message.find("is read as UTC") != std::string::npos) found.push_back(message);
  }
  return found;
}

TEST(LocalZoneTest, AScheduleWithoutAZoneIsToldToBeInUtcWhereThatIsNotTheLocalTime) {
  const std::string nightly = "schedule: '0 7 * * *'";
  EXPECT_EQ(WarningsIn("Europe/Berlin", nightly),
            std::vector<std::string>{
                "\"schedule\" is read as UTC, and the local time here is another, Europe/Berlin"});
  EXPECT_EQ(WarningsIn(":America/New_York", nightly).size(), 1u);
  EXPECT_EQ(WarningsIn("Europe/London", nightly).size(), 1u);  // on UTC in winter
  EXPECT_EQ(
      WarningsIn("CET-1CEST", nightly),
      std::vector<std::string>{"\"schedule\" is read as UTC, and the local time here is another"});
}

TEST(LocalZoneTest, NothingIsSaidWhereTheZoneIsNamedOrMakesNoDifference) {
  EXPECT_TRUE(WarningsIn("Europe/Berlin", "schedule: '0 7 * * *', timezone: UTC").empty());
  EXPECT_TRUE(WarningsIn("Europe/Berlin", "schedule: '0 7 * * *', timezone: Asia/Tokyo").empty());
  EXPECT_TRUE(WarningsIn("UTC", "schedule: '0 7 * * *'").empty());
  EXPECT_TRUE(WarningsIn("Etc/UTC", "schedule: '0 7 * * *'").empty());
  EXPECT_TRUE(WarningsIn("", "schedule: '0 7 * * *'").empty());
  EXPECT_TRUE(WarningsIn("Africa/Abidjan", "schedule: '0 7 * * *'").empty());
  EXPECT_TRUE(WarningsIn("Europe/Berlin", "schedule: '*/15 * * * *'").empty());
  EXPECT_TRUE(WarningsIn("Europe/Berlin", "max_age: 26h").empty());
}

// Half an hour from UTC, an hourly job is not at the same minute.
TEST(LocalZoneTest, AnHourlyScheduleDiffersWhereTheZoneIsHalfAnHourAway) {
  EXPECT_EQ(WarningsIn("Asia/Kolkata", "schedule: '@hourly'").size(), 1u);
}

}  // namespace
}  // namespace drwatch::config
