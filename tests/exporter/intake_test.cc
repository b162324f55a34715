#include "exporter/intake.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace drwatch::exporter {
namespace {

using std::chrono_literals::operator""min;

model::ProbeResult Result(const std::string& probe, double value) {
  model::ProbeResult result;
  result.probe = probe;
  model::FamilySet families;
  families.Gauge("backup_success", "", model::LabelsBuilder().Set("probe", probe).Build(), value);
  result.families = families.Take();
  return result;
}

class IntakeTest : public ::testing::Test {
 protected:
  // How many samples of it the rules would see at this moment.
  std::size_t Seen(const std::string& probe) const {
    const std::vector<model::Matcher> matchers = {
        model::Matcher::Equal("__name__", "backup_success"), model::Matcher::Equal("probe", probe)};
    std::size_t count = 0;
    for (const auto& series : store_.Select(matchers, clock_.Now() - 5min, clock_.Now())) {
      count += series.samples.size();
    }
    return count;
  }

  testing::FakeClock clock_;
  store::Store store_;
  Intake intake_{store_, clock_, [] {}};
};

TEST_F(IntakeTest, RulesGoOnSeeingAProbeThatRunsSeldom) {
  intake_.Accept(Result("hourly", 0));
  for (int minute = 0; minute < 60; ++minute) {
    clock_.Advance(1min);
    intake_.Refresh(2min);
    EXPECT_GE(Seen("hourly"), 1U) << minute;
    EXPECT_LE(Seen("hourly"), 3U) << minute;
  }
  intake_.Remove("hourly");
  const std::size_t before = Seen("hourly");
  clock_.Advance(4min);
  intake_.Refresh(2min);
  EXPECT_LE(Seen("hourly"), before) << "it is gone";
}

TEST_F(IntakeTest, ARemovedProbeEndsThoughItsLastResultHasJustCome) {
  intake_.Accept(Result("gone", 0));
  intake_.Remove("gone");
  clock_.Advance(base::Duration(1));
  const auto found = store_.Select({model::Matcher::Equal("__name__", "backup_success")},
                                   clock_.Now() - 5min, clock_.Now());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(model::IsStaleNan(found.front().samples.back().value));
}

TEST_F(IntakeTest, WhatIsAnnouncedIsNoResultYet) {
  intake_.Announce(Result("new", 0));
  clock_.Advance(10min);
  intake_.Refresh(2min);
  EXPECT_EQ(Seen("new"), 0U);
}

}  // namespace
}  // namespace drwatch::exporter
