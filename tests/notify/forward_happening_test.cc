// What of forwarding an audit log is told.
#include "notify/forward_happening.h"

#include <gtest/gtest.h>

#include "fixtures.h"

namespace drwatch::notify {
namespace {

const base::Timestamp kNow{1000s};
const ForwardAttempt kAttempt{kNow, 20ms, "http://am1:9093/api/v2/alerts"};

ForwardItem Item(const model::Alert& alert, bool change) {
  return {1, 1, alert, kNow - 3s, change};
}

std::vector<ForwardItem> StartAndEnd() {
  const model::Alert alert = Firing("A", "x", kNow - 100s).alert;
  return {Item(alert, true), Item(Resolved(Firing("B", "x", kNow - 100s), kNow - 10s).alert, true)};
}

TEST(ForwardHappeningTest, BeginningsAndEndsThatWereTaken) {
  Verdict taken;
  taken.kind = Verdict::Kind::kDelivered;
  const auto items = StartAndEnd();
  const auto told = ForwardHappenings(kAttempt, items, taken, ForwardNews::kNone);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].attempt->receiver, kAttempt.url);
  EXPECT_EQ(told[0].attempt->integration, "alertmanager");
  EXPECT_EQ(told[0].attempt->occasion, Occasion::kTrigger);
  EXPECT_EQ(told[0].attempt->outcome, "delivered");
  EXPECT_EQ(told[0].attempt->summary, "A");
  EXPECT_EQ(told[0].attempt->duration, base::Duration(20ms));
  EXPECT_EQ(told[0].waited, base::Duration(3s));
  EXPECT_EQ(told[0].fingerprints, std::vector{items[0].alert.FingerprintHex()});
  EXPECT_EQ(told[1].attempt->occasion, Occasion::kResolve);
  EXPECT_EQ(told[1].fingerprints, std::vector{items[1].alert.FingerprintHex()});
}

TEST(ForwardHappeningTest, RepetitionsAreNone) {
  Verdict taken;
  taken.kind = Verdict::Kind::kDelivered;
  const auto item = Item(Firing("A", "x", kNow - 100s).alert, false);
  EXPECT_TRUE(ForwardHappenings(kAttempt, {item}, taken, ForwardNews::kWorksAgain).empty());
}

TEST(ForwardHappeningTest, AnOutageIsToldOnce) {
  Verdict failed;
  failed.kind = Verdict::Kind::kRetry;
  failed.reason = "server_error";
  failed.detail = "503";
  EXPECT_TRUE(ForwardHappenings(kAttempt, StartAndEnd(), failed, ForwardNews::kNone).empty());
  const auto told = ForwardHappenings(kAttempt, StartAndEnd(), failed, ForwardNews::kFails);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].attempt->outcome, "retry");
  EXPECT_EQ(told[0].attempt->detail, "server_error: 503");
  failed.kind = Verdict::Kind::kRejected;
  const auto refused =
      ForwardHappenings(kAttempt, {StartAndEnd()[0]}, failed, ForwardNews::kRefusesAlert);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].attempt->outcome, "rejected");
}

}  // namespace
}  // namespace drwatch::notify
