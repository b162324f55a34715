// Random lives: alerts that come and go, receivers that fail, lie about it or refuse, restarts and
// crashes, reloads. Whatever happens, in the end every receiver knows what is true.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "fixtures.h"
#include "notify/journal.h"
#include "support/log_check.h"

namespace drwatch::notify {
namespace {

// What Take should look at, in this order, found by a walk over everything.
std::vector<DeliveryKey> InOrder(const Ledger& ledger, const std::string& target_id,
                                 base::Timestamp now) {
  const Target& target = ledger.records().targets.at(target_id);
  using Rank = std::tuple<base::Timestamp, int, bool, base::Timestamp, AlertId, DeliveryKey>;
  std::set<Rank> ranks;
  for (const auto& [key, delivery] : ledger.records().deliveries) {
    if (key.first != target_id || !delivery.pending || delivery.in_flight) continue;
    if (delivery.next_attempt > now || target.blocked_until > now) continue;
    const base::Timestamp turn = target.failures > 0 ? delivery.last_attempt : base::Timestamp{};
    ranks.insert({turn, -static_cast<int>(delivery.urgency), delivery.pending == Occasion::kResolve,
                  delivery.queued_at, delivery.alert, key});
  }
  std::vector<DeliveryKey> keys;
  for (const Rank& rank : ranks) keys.push_back(std::get<DeliveryKey>(rank));
  return keys;
}

bool IsPending(const Ledger& ledger, const DeliveryKey& key) {
  const auto found = ledger.records().deliveries.find(key);
  return found != ledger.records().deliveries.end() && found->second.pending.has_value();
}

// The indices agree with what a walk over all groups and deliveries finds.
void CheckIndices(const Ledger& ledger, base::Timestamp now) {
  base::Timestamp first = base::Timestamp::max();
  for (const auto& [id, group] : ledger.records().groups) {
    for (const auto& timer : {group.due, group.page_due, group.next_repeat}) {
      if (timer) first = std::min(first, *timer);
    }
  }
  ASSERT_LE(ledger.NextTick(now), first);
  std::map<std::string, base::Timestamp> next;
  for (const auto& [key, delivery] : ledger.records().deliveries) {
    const Target& target = ledger.records().targets.at(key.first);
    if (!delivery.pending) continue;
    if (target.failures > 0 && !delivery.fell_back) {
      ASSERT_LE(ledger.NextTick(now), delivery.queued_at + 5min) << key.second;
    }
    if (delivery.in_flight) continue;
    const base::Timestamp at = std::max({delivery.next_attempt, target.blocked_until, now});
    const auto known = next.try_emplace(key.first, at).first;
    known->second = std::min(known->second, at);
  }
  for (const auto& [id, target] : ledger.records().targets) {
    const std::optional<base::Timestamp> found = ledger.NextAttempt(id);
    ASSERT_EQ(found.has_value(), next.contains(id)) << id;
    if (found) {
      ASSERT_EQ(std::max(*found, now), next.at(id)) << id;
    }
  }
}

class World {
 public:
  explicit World(unsigned seed, bool refusals = false)
      : random_(seed), refusals_(refusals), database_(*db::Database::OpenInMemory(Migrations())) {
    config_ = MakeAnyConfig();
    ledger_ = std::make_unique<Ledger>(Records{}, config_, now_);
  }

  void Live(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += base::Duration(Pick(30'000));
      switch (Pick(12)) {
        case 0:
        case 1:
        case 2:
          Fire();
          break;
        case 3:
        case 4:
          ResolveOne();
          break;
        case 5:
          if (Pick(4) == 0) Restart();
          break;
        case 6:
          if (Pick(4) == 0) {
            config_ = MakeAnyConfig();
            ledger_->Reload(config_, now_);
          }
          break;
        case 7:
          Acknowledge();
          break;
        default:
          break;
      }
      ledger_->Tick(now_);
      CheckIndices(*ledger_, now_);
      Save();
      Send(/*calm=*/false);
    }
  }

  // Everything works for a while.
  void Calm(base::Duration time) {
    const base::Timestamp end = now_ + time;
    while (now_ < end) {
      now_ += 10s;
      ledger_->Tick(now_);
      Save();
      Send(/*calm=*/true);
    }
  }

  void ResolveAll() {
    while (!firing_.empty()) ResolveOne();
  }

  // What each PagerDuty service that is in the configuration has open, and what it should have.
  void CheckOpenIncidents() {
    for (const auto& [id, target] : ledger_->records().targets) {
      if (target.retired || !IsPerAlert(*target.integration)) continue;
      if (target.receiver != config_->route.receiver) continue;
      for (const auto& [name, event] : firing_) {
        EXPECT_TRUE(open_[id].contains(name)) << id << " does not know of " << name;
      }
    }
    for (const auto& [id, names] : open_) {
      for (const std::string& name : names) {
        EXPECT_TRUE(firing_.contains(name)) << id << " still has " << name;
      }
    }
  }
  std::size_t deliveries() const { return ledger_->records().deliveries.size(); }
  std::size_t resolves_without_page() const { return resolves_without_page_; }

 private:
  std::size_t Pick(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  std::shared_ptr<const config::Config> MakeAnyConfig() {
    // Secrets come from files, so that a receiver that left is still reachable after a restart.
    const auto pager = [](const std::string& file) {
      config::PagerDutyReceiver receiver;
      receiver.routing_key.file = file;
      return receiver;
    };
    config::SlackReceiver slack;
    slack.api_url.file = "/slack";
    config::Config config =
        MakeConfig({{"one", {pager("/one"), slack}, {}, {}}, {"two", {pager("/two")}, {}, {}}});
    if (Pick(3) == 0) config.receivers.pop_back();
    config.route.receiver = config.receivers[Pick(config.receivers.size())].name;
    if (Pick(2) == 0) config.route.group_by = {"instance"};
    if (Pick(3) == 0) config.route.group_by_all = true;
    if (Pick(3) == 0) config.route.group_wait = 0s;
    if (Pick(2) == 0) {
      config::EscalationStep first, second;
      first.after = std::chrono::seconds(Pick(30));
      first.receivers = {"two"};
      second.after = 40s;
      second.unless = config::Unless::kAcknowledged;
      second.receivers = {"one", "two"};
      second.repeat_every = std::chrono::seconds(20 + Pick(60));
      config.escalation_policies = {{"p", {first, second}, {}}};
      config.route.escalation = "p";
    }
    return Share(std::move(config));
  }

  void Fire() {
    const std::string name = std::to_string(Pick(6));
    if (firing_.contains(name)) return;
    now_ += 1ms;
    const model::AlertEvent event = Firing("Alert" + std::to_string(Pick(1)), name, now_);
    firing_[name] = event;
    EXPECT_TRUE(ledger_->Apply({event}, now_));
  }
  void ResolveOne() {
    if (firing_.empty()) return;
    auto at = firing_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(Pick(firing_.size())));
    EXPECT_TRUE(ledger_->Apply({Resolved(at->second, now_)}, now_));
    firing_.erase(at);
  }
  void Acknowledge() {
    AckRequest request;
    request.selection.matchers = {model::Matcher::Equal("instance", std::to_string(Pick(6)))};
    request.by = "ann";
    if (Pick(3) > 0) request.until = now_ + std::chrono::seconds(30 + Pick(300));
    // Nothing may fire, or nothing be acknowledged.
    static_cast<void>(ledger_->Acknowledge(request, now_));
  }
  void Save() { ASSERT_TRUE(SaveChanges(*database_, *ledger_, ledger_->TakeChanges())); }
  void Restart() {
    Save();
    Crash();
  }
  // Forgets what was not saved.
  void Crash() {
    auto stored = LoadState(*database_, now_);
    ASSERT_TRUE(stored);
    ledger_ = std::make_unique<Ledger>(std::move(*stored), config_, now_);
    Save();
  }

  void Send(bool calm) {
    std::vector<std::string> targets;
    for (const auto& [id, target] : ledger_->records().targets) targets.push_back(id);
    for (const std::string& target : targets) {
      for (int i = 0; i < 20; ++i) {
        std::vector<DeliveryKey> order = InOrder(*ledger_, target, now_);
        std::optional<Job> job = ledger_->Take(target, now_);
        // Those that have nothing to say any more are passed over.
        std::erase_if(order, [&](const auto& key) { return !IsPending(*ledger_, key); });
        ASSERT_EQ(job.has_value(), !order.empty());
        if (job) {
          ASSERT_EQ(job->key, order.front());
        }
        CheckIndices(*ledger_, now_);
        Save();
        if (!job || ::testing::Test::HasFatalFailure()) break;
        const std::size_t luck = calm ? 99 : Pick(10);
        const bool arrived = luck != 0 && luck != 1;  // 2 and 3: it arrived, nobody knows
        if (arrived && IsPerAlert(*job->integration)) Receive(target, *job);
        if (!calm && Pick(40) == 0) {
          Crash();
          return;
        }
        const bool refused = refusals_ && !calm && luck == 0;
        const Verdict verdict = refused     ? Refused(Pick(2) == 0)
                                : luck <= 3 ? Failed("timeout")
                                            : Delivered();
        ledger_->Settle(*job, verdict, 1ms, now_);
        CheckIndices(*ledger_, now_);
        Save();
      }
    }
  }
  void Receive(const std::string& target, const Job& job) {
    const std::string name(job.notification.alerts[0].labels.Get("instance"));
    if (job.occasion == Occasion::kAcknowledge) {
      if (!ever_open_[target].contains(name)) ++resolves_without_page_;
    } else if (job.notification.resolved()) {
      if (!ever_open_[target].contains(name)) ++resolves_without_page_;
      open_[target].erase(name);
    } else {
      open_[target].insert(name);
      ever_open_[target].insert(name);
    }
  }

  std::mt19937 random_;
  bool refusals_;
  std::unique_ptr<db::Database> database_;
  base::Timestamp now_ = kStart;
  std::shared_ptr<const config::Config> config_;
  std::unique_ptr<Ledger> ledger_;
  std::map<std::string, model::AlertEvent> firing_;
  std::map<std::string, std::set<std::string>> open_;  // by target: what PagerDuty has open
  std::map<std::string, std::set<std::string>> ever_open_;
  std::size_t resolves_without_page_ = 0;
};

// A page that is refused for good is lost at that receiver; nothing else may come of it.
TEST(SimulationTest, RefusalsLeaveNothingBehind) {
  testing::ExpectLog("a notification was given up");
  testing::ExpectLog("an acknowledgement was not passed on");
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed, true);
    world.Live(300);
    world.ResolveAll();
    world.Calm(10min);
    EXPECT_EQ(world.deliveries(), 0U);
    if (HasFailure()) break;
  }
}

TEST(SimulationTest, EverybodyKnowsTheTruthInTheEnd) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int round = 0; round < 3; ++round) {
      world.Live(150);
      world.Calm(10min);
      world.CheckOpenIncidents();
    }
    world.ResolveAll();
    world.Calm(10min);
    world.CheckOpenIncidents();
    EXPECT_EQ(world.deliveries(), 0U);
    EXPECT_EQ(world.resolves_without_page(), 0U);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace drwatch::notify
