// Owns everything that changes while rules run: alert state, slots, counters.
//
// One thread drives it (SetGroups, EvaluateDue, EvaluateNow, NextDue); only Snapshot() may be
// called from others. It reads the clock for durations and for steps of the wall clock; every
// decision takes `now` as an argument.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/database.h"
#include "model/alert.h"
#include "promql/engine.h"
#include "rules/group.h"
#include "rules/handover.h"
#include "rules/rule.h"
#include "rules/snapshot.h"
#include "rules/state_db.h"
#include "store/store.h"

namespace drwatch::rules {

// Taken over at each SetGroups.
struct RuleSettings {
  base::Duration evaluation_interval = std::chrono::seconds(15);  // of groups without an interval
  model::Labels external_labels;                                  // for templates
  std::string external_url;                                       // without a slash at its end
  // A firing alert is told again as kUpdated, and a resolve as kResolved, at the first evaluation
  // more than this after the last time.
  base::Duration resend_delay = std::chrono::minutes(1);
};

// All but `database` and `sources_ready` are needed; everything outlives the manager.
struct ManagerDependencies {
  store::Store* store = nullptr;
  const promql::Engine* engine = nullptr;
  const base::Clock* clock = nullptr;
  db::Database* database = nullptr;  // with Migrations() applied; none: nothing survives a restart
  // Must have persisted the events before it returns success. After a failure they are offered
  // again at the next evaluation, so whoever takes them recognises a repetition by the labels'
  // fingerprint and fired_at.
  std::function<base::Status(const std::vector<model::AlertEvent>&)> sink;
  // True once every probe ran or timed out after the start. Until then alerts from before the start
  // are left as they are. None: ready at once.
  std::function<bool()> sources_ready;
};

// Longest time after the start for which an alert is kept only because its expression looks back
// over a time the new process has not seen yet.
inline constexpr base::Duration kMaxRestoreHold = std::chrono::hours(1);

class Manager {
 public:
  explicit Manager(ManagerDependencies dependencies);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Replaces all groups. Rules that stay keep their alerts, also when expression, `for` or
  // annotations changed or they moved to another group; alerts of the others are resolved with a
  // reason. The first call brings back the state of the last run.
  void SetGroups(std::vector<RuleGroup> groups, const RuleSettings& settings, base::Timestamp now);

  // When EvaluateDue has something to do next; Timestamp::max() without groups.
  base::Timestamp NextDue() const;
  // Evaluates every group whose slot has come, at the time of its latest slot.
  void EvaluateDue(base::Timestamp now);
  // Evaluates all groups at `now`, outside their slots, which stay where they are.
  void EvaluateNow(base::Timestamp now);

  // The wall clock was set by `step` and says `now`; the store's samples moved along. What waits
  // for a time to pass waits as long as before, and no slot counts as missed.
  void Shift(base::Timestamp now, base::Duration step);

  // Never null. Thread-safe. Hold the pointer while you walk the snapshot: the next evaluation
  // drops this one.
  std::shared_ptr<const RulesSnapshot> Snapshot() const;

 private:
  using Evaluated = std::vector<RunningGroup*>;
  std::unique_ptr<RunningGroup> MakeGroup(RuleGroup definition, base::Timestamp now);
  std::vector<FormerRule> LoadFormerRules(base::Timestamp now);
  void Retire(std::vector<FormerRule> former, base::Timestamp now);
  void CheckReady(base::Timestamp now);
  void UpdateJudgeFrom();
  Evaluated EvaluateSlots(base::Timestamp now, AlertChanges& changes);
  void Evaluate(RunningGroup& group, base::Timestamp wanted, AlertChanges& changes);
  void AddOrphans(std::vector<AlertInstance> instances, AlertChanges* changes);
  void FinishCycle(const Evaluated& evaluated, const AlertChanges& changes);
  void Deliver(const Evaluated& evaluated);
  void Persist(const AlertChanges& changes);
  AlertChanges WholeState() const;
  void Publish(const Evaluated& evaluated);

  ManagerDependencies dependencies_;
  RuleSettings settings_;
  std::vector<std::unique_ptr<RunningGroup>> groups_;
  std::vector<AlertInstance> orphans_;  // resolves owed for alerts whose rule or place is gone
  base::Timestamp orphans_due_ = base::Timestamp::max();
  bool started_once_ = false;
  base::Timestamp ready_since_ = base::Timestamp::max();
  std::int64_t next_source_ = 0;
  bool rewrite_all_ = false;  // a write failed: the next one writes everything
  bool state_writable_ = true;
  bool events_accepted_ = true;
  std::int64_t template_failures_ = 0;
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const RulesSnapshot> snapshot_;
};

}  // namespace drwatch::rules
