// A crash at every step of delivery. The state on disk is copied at that step, and a new dispatcher
// goes on from the copy, as a new process would after kill -9.
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "fixtures.h"
#include "notify/dispatcher.h"
#include "notify/journal.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;
using testing::FakeClock;
using testing::TempDir;

// What the receiver got: "trigger <dedup key>" or "resolve <dedup key>"; Slack's by their title.
class Log {
 public:
  // Where there is an escalation only what its pager got is of interest.
  explicit Log(const config::Config& config) : only_pages_(!config.escalation_policies.empty()) {}
  void Add(const net::HttpRequest& request) {
    const Json body = Json::parse(request.body);
    const std::lock_guard lock(mutex_);
    if (only_pages_ && !body.contains("event_action")) return;
    if (body.contains("event_action")) {
      lines_.push_back(body["event_action"].get<std::string>());
      keys_.insert(body["dedup_key"].get<std::string>());
    } else {
      const bool resolved = body.contains("alerts")
                                ? body["status"] == "resolved"
                                : body["text"].get<std::string>().starts_with("[RESOLVED]");
      lines_.push_back(resolved ? "resolve" : "trigger");
    }
  }
  Lines lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t key_count() const {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }

 private:
  const bool only_pages_;
  mutable std::mutex mutex_;
  Lines lines_;
  std::set<std::string> keys_;
};

FetchFunction Answering(Log& log) {
  return [&log](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
    log.Add(request);
    net::HttpOutcome outcome;
    outcome.response.emplace();
    outcome.response->status = 202;
    outcome.response->body = "ok";
    return outcome;
  };
}

// Life of one alert, in two parts so that the second one can follow a restart.
enum class Stage { kFire, kResolve };

void Play(Dispatcher& dispatcher, FakeClock& clock, Stage stage, const model::AlertEvent& event) {
  clock.Advance(2min);
  const model::AlertEvent offered = stage == Stage::kFire ? event : Resolved(event, kStart + 10min);
  EXPECT_TRUE(dispatcher.Accept({offered}));
  dispatcher.Wake();
  const base::StopToken never;
  const base::Deadline deadline = base::Deadline::After(10s);
  while (true) {
    const Snapshot snapshot = dispatcher.TakeSnapshot();
    bool waiting = !snapshot.outbox.empty();
    for (const Snapshot::GroupView& group : snapshot.groups)
      waiting |= group.next_flush.has_value();
    // When an escalation begins depends on which thread looks first after a start.
    for (const Snapshot::EscalationView& escalation : snapshot.escalations) {
      for (const auto& step : escalation.steps) waiting |= step.due.has_value();
    }
    if (!waiting) break;
    ASSERT_FALSE(deadline.Expired());
    clock.Advance(1s);
    dispatcher.Wake();
    never.Wait(base::Deadline::After(1ms));
  }
}

struct Crash {
  int step = 0;
  bool happened = false;
  Stage stage = Stage::kFire;
  Lines before;
};

// Runs the whole life; copies the state at the step of `crash`.
Crash RunUntil(int step, const TempDir& copy, std::shared_ptr<const config::Config> config,
               const model::AlertEvent& event) {
  const TempDir folder;
  FakeClock clock;
  Log log(*config);
  auto database = db::Database::Open(folder.Path("state.db"), Migrations());
  EXPECT_TRUE(database);
  Crash crash;
  std::mutex mutex;
  Stage stage = Stage::kFire;
  int counter = 0;
  auto dispatcher = Dispatcher::Create(
      {&clock, database->get(), std::move(config), {Answering(log)}, [&](Step) {
         const std::lock_guard lock(mutex);
         if (counter++ != step) return;
         crash.happened = true;
         crash.stage = stage;
         crash.before = log.lines();
         for (const char* name : {"state.db", "state.db-wal"}) {
           std::error_code ignored;
           std::filesystem::copy_file(folder.Path(name), copy.Path(name), ignored);
         }
       }});
  EXPECT_TRUE(dispatcher);
  (*dispatcher)->Start();
  Play(**dispatcher, clock, Stage::kFire, event);
  {
    const std::lock_guard lock(mutex);
    stage = Stage::kResolve;
  }
  Play(**dispatcher, clock, Stage::kResolve, event);
  (*dispatcher)->Stop(1s);
  return crash;
}

long CountOf(const Lines& lines, const std::string& line) {
  return std::count(lines.begin(), lines.end(), line);
}

void CheckEveryStep(const std::shared_ptr<const config::Config>& config, bool cleared_meanwhile) {
  const model::AlertEvent event = Firing("Down", "a", kStart);
  int step = 0;
  for (;; ++step) {
    ASSERT_LT(step, 100);
    const TempDir copy;
    const Crash crash = RunUntil(step, copy, config, event);
    if (!crash.happened) break;
    // The new process. Rules offer again what they could not note before the crash.
    FakeClock clock(kStart + 1h);
    Log log(*config);
    auto database = db::Database::Open(copy.Path("state.db"), Migrations());
    ASSERT_TRUE(database) << database.error().ToString();
    EXPECT_FALSE((*database)->recovered());
    auto dispatcher = Dispatcher::Create({&clock, database->get(), config, {Answering(log)}, {}});
    ASSERT_TRUE(dispatcher);
    (*dispatcher)->Start();
    if (crash.stage == Stage::kFire && !cleared_meanwhile) {
      Play(**dispatcher, clock, Stage::kFire, event);
    }
    Play(**dispatcher, clock, Stage::kResolve, event);
    (*dispatcher)->Stop(1s);

    Lines all = crash.before;
    for (const std::string& line : log.lines()) all.push_back(line);
    const long triggers = CountOf(all, "trigger");
    const long resolves = CountOf(all, "resolve");
    std::string text;
    for (const std::string& line : all) text += line + " ";
    EXPECT_LE(triggers, 2) << step << ": " << text;  // at most one duplicate per crash
    EXPECT_LE(resolves, 2) << step << ": " << text;
    EXPECT_LE(log.key_count(), 1U);
    EXPECT_GE(triggers, cleared_meanwhile ? 0 : 1) << step << ": " << text;
    if (triggers > 0) {
      EXPECT_EQ(all.back(), "resolve") << step << ": " << text;
      EXPECT_EQ(all.front(), "trigger") << step << ": " << text;
    } else {
      EXPECT_TRUE(all.empty() || config->receivers[0].name == "team") << step << ": " << text;
    }
    EXPECT_TRUE((*dispatcher)->TakeSnapshot().outbox.empty());
  }
  EXPECT_GE(step, 12);  // the hooks do run
}

std::shared_ptr<const config::Config> With(config::Receiver receiver) {
  config::Config config = MakeConfig({std::move(receiver)});
  config.route.group_wait = 0s;
  return Share(std::move(config));
}

TEST(CrashTest, NoPageAndNoResolveIsLostAtAnyStep) {
  CheckEveryStep(With({"pager", {PagerDuty()}, {}}), false);
}

TEST(CrashTest, NoResolveIsLostWhenTheAlertClearsMeanwhile) {
  CheckEveryStep(With({"pager", {PagerDuty()}, {}}), true);
}

TEST(CrashTest, SlackIsToldAtMostOnceMore) {
  CheckEveryStep(With({"team", {Slack()}, {}}), false);
  CheckEveryStep(With({"team", {Slack()}, {}}), true);
}

TEST(CrashTest, AWebhookIsToldAtMostOnceMore) {
  CheckEveryStep(With({"team", {Webhook()}, {}}), false);
  CheckEveryStep(With({"team", {Webhook()}, {}}), true);
}

// Many at once: however many were told when it died, one of them may be told again.
class Rush {
 public:
  explicit Rush(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {
    for (int i = 0; i < 4; ++i) events_.push_back(Firing("Down", std::to_string(i), kStart));
  }
  // Runs with the state in `folder`, copies it at that step. False if there is no such step.
  bool Run(const TempDir& folder, int step, const TempDir& copy) {
    const base::SystemClock clock;
    auto database = db::Database::Open(folder.Path("state.db"), Migrations());
    EXPECT_TRUE(database);
    std::mutex mutex;
    int counter = 0;
    std::vector<std::string> sent;
    const auto fetch = [&](const net::HttpRequest& request, base::Deadline,
                           const base::StopToken&) {
      const Json body = Json::parse(request.body);
      const std::lock_guard lock(mutex);
      sent.push_back(
          body[body.contains("dedup_key") ? "dedup_key" : "groupKey"].get<std::string>());
      net::HttpOutcome outcome;
      outcome.response.emplace();
      outcome.response->status = 202;
      return outcome;
    };
    auto dispatcher = Dispatcher::Create({&clock, database->get(), config_, {fetch}, [&](Step) {
                                            const std::lock_guard lock(mutex);
                                            if (counter++ != step) return;
                                            for (const char* name : {"state.db", "state.db-wal"}) {
                                              std::error_code ignored;
                                              std::filesystem::copy_file(folder.Path(name),
                                                                         copy.Path(name), ignored);
                                            }
                                            told_ = sent;
                                          }});
    EXPECT_TRUE(dispatcher);
    (*dispatcher)->Start();
    EXPECT_TRUE((*dispatcher)->Accept(events_));
    const base::Deadline deadline = base::Deadline::After(10s);
    while (!(*dispatcher)->TakeSnapshot().outbox.empty() && !deadline.Expired()) {
      base::StopToken().Wait(base::Deadline::After(1ms));
    }
    (*dispatcher)->Stop(1s);
    if (step < 0) told_.insert(told_.end(), sent.begin(), sent.end());
    return counter > step;
  }
  // How often each was told.
  std::map<std::string, int> told() const {
    std::map<std::string, int> counts;
    for (const std::string& key : told_) ++counts[key];
    return counts;
  }

 private:
  std::shared_ptr<const config::Config> config_;
  std::vector<model::AlertEvent> events_;
  std::vector<std::string> told_;
};

void CheckRush(config::Receiver receiver) {
  config::Config config = *With(std::move(receiver));
  config.route.group_by = {"instance"};
  int step = 0;
  for (;; ++step) {
    ASSERT_LT(step, 100);
    Rush rush(Share(config));
    const TempDir folder, copy, unused;
    if (!rush.Run(folder, step, copy)) break;
    rush.Run(copy, -1, unused);
    const std::map<std::string, int> told = rush.told();
    EXPECT_EQ(told.size(), 4U) << step;
    int again = 0;
    for (const auto& [key, count] : told) again += count - 1;
    EXPECT_LE(again, 1) << step;
  }
  EXPECT_GE(step, 16);  // four times: before and after a request, before and after its outcome
}

TEST(CrashTest, ARushIsRepeatedByOneAtMost) {
  CheckRush({"pager", {PagerDuty()}, {}});
  CheckRush({"team", {Webhook()}, {}});
}

TEST(CrashTest, NoStepOfAnEscalationIsLostOrTakenTwice) {
  config::Config config = *With({"team", {Slack()}, {}, {}});
  config.receivers.push_back({"pager", {PagerDuty()}, {}, {}});
  config::EscalationStep step;
  step.after = 1min;
  step.receivers = {"pager"};
  config.escalation_policies = {{"p", {step}, {}}};
  config.route.escalation = "p";
  CheckEveryStep(Share(config), false);
  CheckEveryStep(Share(config), true);
}

}  // namespace
}  // namespace drwatch::notify
