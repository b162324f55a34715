// Delivery's state machine: what changes in alerts mean for groups, and what each destination is
// still to be told. No I/O, no threads, no clock: every call takes `now`.
//
// The dispatcher owns it, calls it under its lock, writes TakeChanges() to disk and sends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "notify/escalator.h"
#include "notify/group_timers.h"
#include "notify/outbox.h"
#include "notify/posted.h"
#include "notify/receiver.h"
#include "notify/records.h"
#include "notify/stats.h"

namespace drwatch::notify {

class Ledger {
 public:
  Ledger(const Ledger&) = delete;
  // `records` come from the journal (empty at the very first start). Routes them with `config`.
  Ledger(Records records, std::shared_ptr<const config::Config> config, base::Timestamp now);

  // Takes events over; known ones change nothing. Errors: more than kMaxAlerts; the rest is taken.
  base::Status Apply(const std::vector<model::AlertEvent>& events, base::Timestamp now);
  // The same for alerts that others post, which are over when nobody posts them again.
  base::Status Post(const std::vector<PostedAlert>& alerts, base::Timestamp now);
  // Flushes groups that are due, tells the fallback receiver, forgets what is over.
  void Tick(base::Timestamp now);
  // When Tick has something to do next, without further events.
  base::Timestamp NextTick(base::Timestamp now) const;
  // The same alerts under another configuration: nobody is told again what they know.
  void Reload(std::shared_ptr<const config::Config> config, base::Timestamp now);
  // The scale was set by `step` to be the wall clock's again: all waits as long as before.
  void Shift(base::Duration step, base::Timestamp now);

  // As Muting's; alerts are told or held back accordingly at once.
  base::Result<std::string> SetSilence(Silence silence, const std::string& new_id,
                                       base::Timestamp now);
  base::Status ExpireSilence(const std::string& id, base::Timestamp now);
  const Muting& muting() const { return muting_; }

  // How many alerts somebody looks after now, or no longer. Errors: as in acknowledge.h.
  base::Result<std::size_t> Acknowledge(const AckRequest& request, base::Timestamp now);

  // The next notification for a target. It may count as delivered: store what changed, then send.
  std::optional<Job> Take(const std::string& target, base::Timestamp now);
  // When Take may have something for the target; nullopt if nothing is pending.
  std::optional<base::Timestamp> NextAttempt(const std::string& target) const;
  void Settle(const Job& job, const Verdict& verdict, base::Duration duration, base::Timestamp now);
  // The attempt was broken off by the program's end: it counts neither as failed nor as done.
  void Abandon(const Job& job);
  void CountTemplateFailures(std::size_t count) { counters_.template_failures += count; }

  const Records& records() const { return records_; }
  const config::Config& config() const { return *config_; }
  const Counters& counters() const { return counters_; }
  // What is not in the database yet; what could not be written is given back.
  Changes TakeChanges();
  void ReturnChanges(Changes changes);
  bool owes_sync() const { return changes_.binding; }  // before the next request
  void Rest();  // nothing is taken any more: Changes::at_rest

 private:
  // ledger.cc: alerts and groups.
  bool Admit(const model::AlertEvent& event, base::Timestamp now);
  void ApplyEvent(const model::AlertEvent& event, base::Timestamp now);
  void Fire(AlertRecord& record, base::Timestamp now);
  void Resolve(AlertRecord& record, base::Timestamp now);
  AlertRecord* Find(const model::Labels& labels);
  void Attach(AlertRecord& record, base::Timestamp now);
  Group& EnsureGroup(const config::Route& route, const std::string& route_key,
                     const AlertRecord& record, base::Timestamp now);
  enum class Wait { kForOldAlertsNone, kAlways };  // of group_wait
  void MarkChanged(Group& group, const AlertRecord& record, base::Timestamp now,
                   Wait wait = Wait::kForOldAlertsNone);
  void TellUnmuted(base::Timestamp now);
  void ResolveExpired(base::Timestamp now);
  void ForgetResolved(base::Timestamp now);

  // ledger_plan.cc: what a flush queues.
  void Flush(const std::string& group_id, base::Timestamp now);
  void FlushPages(Group& group, base::Timestamp now);
  bool PlanGroup(Group& group, const Target& target, base::Timestamp now);
  bool PlanPages(Group& group, const Target& target, base::Timestamp now);
  bool PlanPageEnds(Group& group, const Target& target, base::Timestamp now);
  bool QueueResolveOf(Delivery& delivery, base::Timestamp now);
  void ResolveUnmanaged(const AlertRecord& record, base::Timestamp now);
  Delivery& EnsureDelivery(const Target& target, const Group& group, AlertId alert);
  Delivery* FindDelivery(const DeliveryKey& key);
  void Queue(Delivery& delivery, Occasion occasion, base::Timestamp changed_at,
             base::Timestamp now);
  void Erase(DeliveryKey key);  // by value: the key may be the record's own

  // ledger_take.cc and ledger_settle.cc: sending and its outcome.
  bool Prepare(Delivery& delivery, Job& job);
  bool PrepareAlert(Delivery& delivery, Job& job);
  bool PrepareGroup(Delivery& delivery, Job& job);
  void SettleDelivered(Delivery& delivery, const Job& job, base::Timestamp now);
  void CloseIfOver(Delivery& delivery, const Job& job, base::Timestamp now);
  void SettleRetry(Delivery& delivery, const Job& job, const Verdict& verdict, base::Timestamp now);
  void GiveUp(Delivery& delivery, const Job& job, const std::string& cause, base::Timestamp now);
  void FallBack(Delivery& delivery, const std::string& note, base::Timestamp now);
  void FallBackOfFailing(base::Timestamp now);
  void TellFallback(const Delivery& failed, Target& target, const std::string& note,
                    base::Timestamp now);
  void Withdraw(Delivery& delivery);
  void AddAttempt(AttemptRecord attempt);

  // ledger_escalation.cc and, from RebuildGroups on, ledger_reload.cc, ledger_shift.cc.
  void Escalate(base::Timestamp now);
  void TakeStep(const Escalator::DueStep& step, base::Timestamp now);
  Group& StepGroup(const Group& base, const std::string& receiver, base::Timestamp now);
  void Join(Group& group, AlertRecord& record, base::Timestamp now);
  void JoinSteps(const Group& base, AlertRecord& record, base::Timestamp now);
  void TellAgain(Group& group, base::Timestamp since, base::Timestamp now);
  void MissDeadline(const Escalator::Miss& miss, base::Timestamp now);
  void ExpireAcknowledgements(base::Timestamp now);
  void SetAcknowledgement(AlertRecord& record, const Acknowledgement& ack, base::Timestamp now);
  void PassOnAcknowledgement(Delivery& delivery, base::Timestamp now);
  void RebuildGroups(base::Timestamp now);
  void AdoptOrphans(base::Timestamp now);
  void Adopt(const DeliveryKey& orphan, base::Timestamp now);
  void SettleAdopted(const Job& job, base::Timestamp now);
  void Reconcile(base::Timestamp now);
  void ReconcileAlert(Delivery& delivery, base::Timestamp now);
  void ReconcileGroup(Delivery& delivery, base::Timestamp now);
  void MoveFromLostTargets(base::Timestamp now);
  void ShiftDeliveries(base::Duration step);

  std::shared_ptr<const config::Config> config_;
  Records records_;
  std::unordered_map<model::Labels, AlertId, model::LabelsHash> ids_;
  std::set<DeliveryKey> unmanaged_groups_;  // group incidents without a group of their own
  Outbox outbox_;                           // of records_.deliveries
  GroupTimers timers_;                      // of records_.groups
  Changes changes_;
  Counters counters_;
  base::Timestamp next_forget_{}, next_expiry_{}, next_ack_expiry_{};  // expiry: of posted alerts
  Muting muting_{records_, changes_};
  Escalator escalator_{records_, changes_};
};
}  // namespace drwatch::notify
