// What delivery tells for the audit log.
#include "notify/happening.h"

#include <gtest/gtest.h>

#include "fixtures.h"

namespace drwatch::notify {
namespace {

std::vector<Happening> Take(Desk& desk) { return std::move(desk.ledger.TakeChanges().happenings); }

std::vector<std::string> Names(const std::vector<Happening>& happenings) {
  std::vector<std::string> names;
  for (const Happening& happening : happenings) {
    names.emplace_back(HappeningName(happening.kind));
  }
  return names;
}

std::shared_ptr<const config::Config> Team() {
  config::Config config = MakeConfig({{"team", {Slack()}, {}}});
  config.global.external_labels = {{"site", "east"}};
  return Share(config);
}

TEST(HappeningTest, AnAlertItsAttemptsAndItsEnd) {
  Desk desk(Team());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  std::vector<Happening> told = Take(desk);
  ASSERT_EQ(Names(told), Lines{"alert firing"});
  EXPECT_EQ(told[0].alert->labels.Get("site"), "east") << "labels as the API shows them";
  const std::string fingerprint = told[0].alert->FingerprintHex();

  Verdict busy;
  busy.kind = Verdict::Kind::kRetry;
  busy.reason = "server_error";
  desk.Run(5s, busy);
  told = Take(desk);
  ASSERT_EQ(Names(told), Lines{"notification attempted"});
  EXPECT_EQ(told[0].attempt->outcome, "retry");
  EXPECT_EQ(told[0].attempt->receiver, "team");
  EXPECT_EQ(told[0].waited, 5s);
  EXPECT_EQ(told[0].fingerprints, Lines{fingerprint});

  desk.Run(3s);
  told = Take(desk);
  ASSERT_EQ(Names(told), Lines{"notification attempted"});
  EXPECT_EQ(told[0].attempt->outcome, "delivered");
  EXPECT_EQ(told[0].attempt->attempt, 2);

  desk.Accept(Resolved(event, desk.now));
  told = Take(desk);
  ASSERT_EQ(Names(told), Lines{"alert resolved"});
  EXPECT_TRUE(told[0].alert->resolved());
  EXPECT_EQ(told[0].alert->FingerprintHex(), fingerprint);
}

TEST(HappeningTest, WhatIsKnownIsNotToldAgain) {
  Desk desk(Team());
  const model::AlertEvent event = Firing("Down", "a", desk.now);
  desk.Accept(event);
  ASSERT_EQ(Take(desk).size(), 1);
  desk.Accept(event);
  EXPECT_TRUE(Take(desk).empty());
  const model::AlertEvent end = Resolved(event, desk.now);
  desk.Accept(end);
  ASSERT_EQ(Take(desk).size(), 1);
  desk.Accept(end);
  EXPECT_TRUE(Take(desk).empty());
}

TEST(HappeningTest, SilencesAreToldWithWhoSetThem) {
  Desk desk(Team());
  Silence silence;
  silence.matchers = {model::Matcher::Equal("alertname", "Down")};
  silence.starts_at = desk.now;
  silence.ends_at = desk.now + 1h;
  silence.created_by = "ann";
  silence.comment = "planned";
  const auto id = desk.ledger.SetSilence(silence, "s1", desk.now);
  ASSERT_TRUE(id);
  std::vector<Happening> told = Take(desk);
  ASSERT_EQ(Names(told), Lines{"silence set"});
  EXPECT_EQ(told[0].silence->created_by, "ann");
  EXPECT_EQ(told[0].silence->id, "s1");
  EXPECT_FALSE(desk.ledger.ExpireSilence("nobody", desk.now));
  EXPECT_TRUE(Take(desk).empty());
  ASSERT_TRUE(desk.ledger.ExpireSilence("s1", desk.now + 1min));
  EXPECT_EQ(Names(Take(desk)), Lines{"silence expired"});
}

}  // namespace
}  // namespace drwatch::notify
