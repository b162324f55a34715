// Who is not told: alerts that a silence takes, that another alert inhibits, or whose route keeps
// quiet at this time.
//
// Muting holds back what is new and what would be repeated. The end of what somebody was told of
// always passes. When muting ends, what still fires is told then, not at the next repetition; after
// inhibition it waits like a new alert, because what ended is likely to end it, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "notify/inhibitor.h"
#include "notify/records.h"

namespace drwatch::notify {

// With the external labels below the alert's own.
model::Labels PublicLabels(const config::Config& config, const model::Labels& labels);

// Fills AlertRecord::silenced_by and inhibited and Group::muted_by of the ledger's records, and
// keeps its silences. Pure; the ledger calls it under the dispatcher's lock.
class Muting {
 public:
  // Both outlive this.
  Muting(Records& records, Changes& changes) : records_(records), changes_(changes) {}

  // Starts over with these rules: every firing alert and every group is judged at the next Update.
  void Configure(std::shared_ptr<const config::Config> config, base::Timestamp now);
  // An alert fires, or does not any more.
  void Fired(const AlertRecord& record);
  void Resolved(const AlertRecord& record);
  // A group is new: its route may have time intervals.
  void Grouped(const Group& group, base::Timestamp now);

  // Who may be told now that was held back before: alerts, and ids of groups.
  struct Unmuted {
    std::vector<AlertId> alerts;     // that a silence held back
    std::vector<AlertId> followers;  // that only another alert held back, which is over now
    std::vector<std::string> groups;
    bool any_change = false;  // also where somebody is held back now
  };
  Unmuted Update(base::Timestamp now);
  // When Update has something to do without further calls.
  base::Timestamp NextChange() const { return std::min(next_silence_change_, next_interval_look_); }

  bool IsAudible(const Group& group, AlertId id) const {
    return group.muted_by.empty() && !records_.alerts.at(id).muted();
  }
  // Whether anything the delivery told of, or was refused, may be told again.
  bool MayRepeat(const Group& group, const Delivery& delivery) const;
  // Firing alerts that keep this one quiet by inhibit rules.
  std::vector<AlertId> InhibitedBy(const AlertRecord& record) const;

  // A new silence, or another version of the one with `silence.id`. An active one whose matchers
  // or start change is ended, and a new one gets `new_id`. A start in the past becomes `now`. The
  // result is the id it has. Errors: kNoSuchSilence, or what is wrong with it.
  base::Result<std::string> SetSilence(Silence silence, const std::string& new_id,
                                       base::Timestamp now);
  // Ends it now, unless it is over already. Errors: kNoSuchSilence.
  base::Status ExpireSilence(const std::string& id, base::Timestamp now);

 private:
  void UpdateSilences(base::Timestamp now);
  void UpdateIntervals(base::Timestamp now, Unmuted& unmuted);
  void Judge(AlertRecord& record, base::Timestamp now);
  base::Status CheckSilence(const Silence& silence, base::Timestamp now) const;

  Records& records_;
  Changes& changes_;
  std::shared_ptr<const config::Config> config_;
  Inhibitor inhibitor_;
  IdSet unjudged_;  // alerts whose muting may have changed
  // When silences begin or end next, and when time intervals are looked at again.
  base::Timestamp next_silence_change_ = base::Timestamp::max();
  base::Timestamp next_interval_look_ = base::Timestamp::max();
};

}  // namespace drwatch::notify
