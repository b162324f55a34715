// Reloads and restarts: nobody is told again what they know, and everybody is told the end.
#include <gtest/gtest.h>

#include <algorithm>

#include "fixtures.h"
#include "notify/journal.h"
#include "support/log_check.h"
#include "support/temp_dir.h"

namespace drwatch::notify {
namespace {

using testing::ExpectLog;

config::Config Base() {
  return MakeConfig({{"pager", {PagerDuty()}, {}}, {"team", {Slack()}, {}}});
}

config::Config ToBoth() {
  config::Config config = Base();
  config.receivers = {{"all", {PagerDuty(), Slack()}, {}}, {"mail", {Webhook()}, {}}};
  config.route.receiver = "all";
  return config;
}

int Count(const Lines& lines, const std::string& line) {
  return static_cast<int>(std::count(lines.begin(), lines.end(), line));
}

TEST(ReloadTest, KeepsTimersOfUnchangedGroups) {
  Desk desk(Share(ToBoth()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(3s), Lines{});
  desk.ledger.Reload(Share(ToBoth()), desk.now);
  EXPECT_EQ(desk.Run(1500ms), Lines{});
  EXPECT_EQ(desk.Run(500ms).size(), 2U);
  EXPECT_EQ(desk.Run(2h), Lines{});
  desk.ledger.Reload(Share(ToBoth()), desk.now);
  EXPECT_EQ(desk.Run(1h + 59min), Lines{});
  EXPECT_EQ(desk.Run(2min).size(), 2U);  // the repeat, when it was due anyway
}

TEST(ReloadTest, ANewGroupingPagesNobodyAgain) {
  Desk desk(Share(ToBoth()));
  for (const char* instance : {"a", "b"}) desk.Accept(Firing("Down", instance, desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 3U);
  config::Config changed = ToBoth();
  changed.route.group_by = {"instance"};
  changed.route.repeat_interval = 24h;
  desk.ledger.Reload(Share(changed), desk.now);
  EXPECT_EQ(desk.Run(10h), Lines{});
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  Lines sent = desk.Run(2min);
  EXPECT_EQ(sent.size(), 2U);
  EXPECT_EQ(Count(sent, "all resolve 0/1"), 2);
  desk.Accept(Resolved(Firing("Down", "b", kStart), desk.now));
  EXPECT_EQ(desk.Run(2min).size(), 2U);
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
}

TEST(ReloadTest, AMessageUnderWayIsNotRepeatedInANewGrouping) {
  Desk desk(Share(MakeConfig({{"team", {Slack()}, {}}})));
  const std::string target = desk.ledger.records().targets.begin()->first;
  desk.Accept(Firing("Down", "a", desk.now - 1min));
  const std::optional<Job> job = desk.ledger.Take(target, desk.now);
  ASSERT_TRUE(job);
  config::Config changed = MakeConfig({{"team", {Slack()}, {}}});
  changed.route.group_by = {"instance"};
  changed.route.repeat_interval = 24h;
  desk.ledger.Reload(Share(changed), desk.now);
  desk.ledger.Settle(*job, Delivered(), 1ms, desk.now);
  EXPECT_EQ(desk.Run(10h), Lines{});
  // Of what joins meanwhile they are told, and of the end of both.
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(2min).size(), 1U);
  desk.Accept(Resolved(Firing("Down", "a", kStart - 1min), desk.now));
  EXPECT_EQ(Count(desk.Run(2min), "team resolve 0/1"), 1);
}

TEST(ReloadTest, ARemovedReceiverIsToldTheEnd) {
  Desk desk(Share(ToBoth()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 2U);
  const std::string key = desk.ledger.records().deliveries.begin()->second.dedup_key;
  config::Config changed = ToBoth();
  changed.receivers.erase(changed.receivers.begin());
  changed.route.receiver = "mail";
  desk.ledger.Reload(Share(changed), desk.now);
  EXPECT_EQ(desk.Run(10s), Lines{"mail trigger 1/0"});
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  const Lines sent = desk.Run(2min);
  EXPECT_EQ(Count(sent, "all resolve 0/1"), 2);
  EXPECT_EQ(Count(sent, "mail resolve 0/1"), 1);
  EXPECT_EQ(sent.size(), 3U);
  desk.Run(2min);
  EXPECT_EQ(desk.ledger.records().targets.size(), 1U);  // the old ones are forgotten
}

TEST(ReloadTest, NewCredentialsAreANewDestination) {
  Desk desk(Share(Base()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s), Lines{"pager trigger 1/0"});
  config::Config changed = Base();
  changed.receivers[0].integrations = {PagerDuty(std::string(32, 'f'))};
  desk.ledger.Reload(Share(changed), desk.now);
  EXPECT_EQ(desk.Run(10s), Lines{"pager trigger 1/0"});
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  EXPECT_EQ(desk.Run(2min), (Lines{"pager resolve 0/1", "pager resolve 0/1"}));
}

TEST(ReloadTest, NewWordingIsNoNews) {
  Desk desk(Share(Base()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 1U);
  config::Config changed = Base();
  config::PagerDutyReceiver pager = PagerDuty();
  pager.description = "{{ .Status }}";
  changed.receivers[0].integrations = {pager};
  desk.ledger.Reload(Share(changed), desk.now);
  EXPECT_EQ(desk.Run(1h), Lines{});
}

TEST(ReloadTest, AnAddedIntegrationIsTold) {
  Desk desk(Share(Base()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 1U);
  config::Config changed = Base();
  changed.receivers[0].integrations.emplace_back(Slack("T1/B1/other"));
  desk.ledger.Reload(Share(changed), desk.now);
  EXPECT_EQ(desk.Run(2min), Lines{"pager trigger 1/0"});
}

TEST(ReloadTest, AGroupThatOnlyWaitsToTellTheEndTellsIt) {
  Desk desk(Share(ToBoth()));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 2U);
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  desk.ledger.Reload(Share(ToBoth()), desk.now);
  EXPECT_EQ(Count(desk.Run(2min), "all resolve 0/1"), 2);
}

TEST(ReloadTest, WorksWithoutAnyReceiver) {
  Desk desk(Share(config::Config{}));
  desk.Accept(Firing("Down", "a", desk.now));
  EXPECT_EQ(desk.Run(1min), Lines{});
  desk.ledger.Reload(Share(Base()), desk.now);
  EXPECT_EQ(desk.Run(1min), Lines{"pager trigger 1/0"});
}

// --- restarts -------------------------------------------------------------------------------

struct Disk {
  std::unique_ptr<db::Database> database = *db::Database::OpenInMemory(Migrations());

  void Save(Ledger& ledger) {
    const base::Status saved = SaveChanges(*database, ledger, ledger.TakeChanges());
    EXPECT_TRUE(saved) << saved.error().message;
  }
  Records Load(base::Timestamp now) {
    auto stored = LoadState(*database, now);
    EXPECT_TRUE(stored);
    return std::move(*stored);
  }
};

TEST(JournalTest, KeepsEverythingOverARestart) {
  Disk disk;
  Desk desk(Share(ToBoth()));
  model::AlertEvent event = Firing("Down", std::string("a\0\xff:,\"", 6), desk.now);
  event.alert.generator_url = "http://x";
  event.alert.value = -0.5;
  desk.Accept(event);
  desk.Accept(Firing("Other", "b", desk.now));
  desk.Run(6s);
  desk.Accept(Resolved(Firing("Other", "b", kStart), desk.now));
  desk.Run(1min, Failed());
  disk.Save(desk.ledger);
  const Records stored = disk.Load(desk.now);
  const Records& records = desk.ledger.records();
  ASSERT_EQ(stored.alerts.size(), records.alerts.size());
  for (const auto& [id, record] : records.alerts) {
    const AlertRecord& read = stored.alerts.at(id);
    EXPECT_EQ(read.alert.labels, record.alert.labels);
    EXPECT_EQ(read.alert.annotations, record.alert.annotations);
    EXPECT_EQ(read.alert.value, record.alert.value);
    EXPECT_EQ(read.alert.fired_at, record.alert.fired_at);
    EXPECT_EQ(read.alert.resolved_at, record.alert.resolved_at);
    EXPECT_EQ(read.alert.generator_url, record.alert.generator_url);
  }
  ASSERT_EQ(stored.deliveries.size(), records.deliveries.size());
  for (const auto& [key, delivery] : records.deliveries) {
    const Delivery& read = stored.deliveries.at(key);
    EXPECT_EQ(read.confirmed, delivery.confirmed);
    EXPECT_EQ(read.maybe, delivery.maybe);
    EXPECT_EQ(read.pending, delivery.pending);
    EXPECT_EQ(read.version, delivery.version);
    EXPECT_EQ(read.dedup_key, delivery.dedup_key);
    EXPECT_EQ(read.attempts, delivery.attempts);
    EXPECT_EQ(read.group_labels, delivery.group_labels);
    EXPECT_EQ(read.last_error, delivery.last_error);
  }
}

TEST(JournalTest, TellsTheEndOfWhatEndedWhileItWasDown) {
  for (const auto& config : {ToBoth(), Base()}) {
    Disk disk;
    Lines sent;
    {
      Desk desk(Share(config));
      desk.Accept(Firing("Down", "a", desk.now));
      sent = desk.Run(6s);
      disk.Save(desk.ledger);
    }
    Desk desk(Share(config), disk.Load(kStart + 1h), kStart + 1h);
    EXPECT_EQ(desk.Run(1min), Lines{});
    desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
    EXPECT_EQ(desk.Run(6s).size(), sent.size());  // after group_wait, not after group_interval
    EXPECT_TRUE(desk.ledger.records().deliveries.empty());
  }
}

TEST(JournalTest, ForgetsPagesWhoseAlertIsLost) {
  Disk disk;
  {
    Desk desk(Share(ToBoth()));
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(6s).size(), 2U);
    disk.Save(desk.ledger);
  }
  EXPECT_TRUE(disk.database->Transact(
      [](db::Database& inside) { return inside.Prepare("DELETE FROM notify_alerts").Run(); }));
  Desk desk(Share(ToBoth()), disk.Load(kStart + 1h), kStart + 1h);
  EXPECT_EQ(desk.Run(2min), Lines{});
  EXPECT_TRUE(desk.ledger.records().deliveries.empty());
}

TEST(JournalTest, AClockThatWentBackStallsNothing) {
  Disk disk;
  const base::Timestamp ahead = kStart + 24h;
  {
    Desk desk(Share(ToBoth()), {}, ahead);
    desk.Accept(Firing("Down", "a", ahead));
    EXPECT_EQ(desk.Run(6s).size(), 2U);
    disk.Save(desk.ledger);
  }
  Desk desk(Share(ToBoth()), disk.Load(kStart), kStart);
  EXPECT_EQ(desk.Run(10min), Lines{});
  desk.Accept(Firing("Down", "b", desk.now));
  EXPECT_EQ(desk.Run(6s).size(), 2U);
  desk.Accept(Resolved(Firing("Down", "a", ahead), desk.now));
  EXPECT_EQ(desk.Run(2min).size(), 2U);
}

TEST(JournalTest, AReceiverWithASecretFileIsToldTheEndAfterItsRemoval) {
  Disk disk;
  config::Config config = Base();
  config::PagerDutyReceiver pager;
  pager.routing_key.file = "/etc/key";
  pager.url = "https://events.eu.pagerduty.com/v2/enqueue";
  config.receivers[0].integrations = {pager};
  {
    Desk desk(Share(config));
    desk.Accept(Firing("Down", "a", desk.now));
    EXPECT_EQ(desk.Run(6s).size(), 1U);
    disk.Save(desk.ledger);
  }
  config.receivers.erase(config.receivers.begin());
  config.route.receiver = "team";
  Desk desk(Share(config), disk.Load(kStart + 1h), kStart + 1h);
  desk.Accept(Resolved(Firing("Down", "a", kStart), desk.now));
  const std::optional<Job> job = desk.ledger.Take(TargetId("pager", pager), desk.now);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->occasion, Occasion::kResolve);
  EXPECT_EQ(std::get<config::PagerDutyReceiver>(*job->integration).url, pager.url);
}

TEST(JournalTest, AReceiverThatIsLostLeavesItsEndToTheFallback) {
  ExpectLog("a receiver with open notifications is not configured any more");
  Disk disk;
  {
    Desk desk(Share(Base()));
    desk.Accept(Firing("Down", "a", desk.now));
    desk.Accept(Firing("Late", "a", desk.now));
    EXPECT_EQ(desk.Run(5s).size(), 2U);
    disk.Save(desk.ledger);
  }
  config::Config config = Base();
  config.receivers.erase(config.receivers.begin());
  config.route.receiver = "team";
  Desk desk(Share(config), disk.Load(kStart + 1h), kStart + 1h);
  EXPECT_EQ(desk.Run(1min), (Lines{"team trigger 1/0", "team trigger 1/0"}));  // its own route
  disk.Save(desk.ledger);
  Desk again(Share(config), disk.Load(desk.now), desk.now);
  again.Accept(Resolved(Firing("Down", "a", kStart), again.now));
  again.Accept(Resolved(Firing("Late", "a", kStart), again.now));
  EXPECT_EQ(Count(again.Run(2min), "team resolve 0/1"), 4);
  EXPECT_TRUE(again.ledger.records().deliveries.empty());
}

}  // namespace
}  // namespace drwatch::notify
