// What each Alertmanager is still to be told of the rules' alerts. No I/O, no threads, no clock:
// every call takes `now`, an instant of a WallScale.
//
// State instead of messages: an alert has one newest state, and a peer is owed that or nothing. So
// one that does not answer costs no memory, and what it is told in the end is true then. What fires
// is repeated, because an Alertmanager ends what nobody repeats; so are ends, because it forgets
// when it restarts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "model/alert.h"
#include "notify/forward_request.h"
#include "notify/forward_stats.h"
#include "notify/receiver.h"

namespace drwatch::notify {

// Default of --rules.alert.resend-delay.
inline constexpr base::Duration kForwardRepeat = std::chrono::minutes(1);
// An end is repeated for so long, as Prometheus does.
inline constexpr base::Duration kForwardEnds = std::chrono::minutes(15);
// A peer that fails is tried at least so often: alerts end in it by themselves meanwhile.
inline constexpr base::Duration kForwardMaxPause = std::chrono::seconds(15);

// One Alertmanager as configured.
struct ForwardPeer {
  std::string url;  // of /api/v2/alerts, without a secret; names the peer
  config::HttpSettings http;
  base::Duration timeout{};
};
std::vector<ForwardPeer> ForwardPeers(const config::Config& config);

// What a request's outcome says that was not known before.
enum class ForwardNews { kNone, kFails, kWorksAgain, kRefusesAlert };

class ForwardState {
 public:
  // `repeat`: what fires is told again after so long.
  ForwardState(std::shared_ptr<const config::Config> config, base::Duration repeat,
               base::Timestamp now);

  // What an earlier run knew. It is told once the rules have looked (Confirm, or an event of
  // theirs), or after `repeat`: nobody is to hear again of what ended while drwatch was down, nor
  // of an end of what fires again.
  void Restore(const std::vector<model::AlertEvent>& known, base::Timestamp now);
  void Confirm(base::Timestamp now);
  // What the rules say. What is known already changes nothing; a new text waits for the repetition.
  // Beyond kMaxAlerts alerts further ones are left out; the rules offer them again.
  void Apply(const std::vector<model::AlertEvent>& events, base::Timestamp now);
  // The scale followed the wall clock by `step`: what waits goes on waiting for as long as before.
  // When an alert began and ended stays what the rules say.
  void Shift(base::Duration step);
  // Peers of the same URL go on where they are; new ones are owed everything.
  void Reload(std::shared_ptr<const config::Config> config, base::Timestamp now);

  // The next request for the peer: changes first, oldest first. Empty: nothing is due, or it is to
  // be left alone. Nothing is lost if the request is never made.
  std::vector<ForwardItem> Take(const std::string& url, base::Timestamp now);
  // When Take may have something; nullopt: not before another call changes something.
  std::optional<base::Timestamp> NextTake(const std::string& url) const;
  // What came of it.
  ForwardNews Settle(const std::string& url, const std::vector<ForwardItem>& items,
                     const Verdict& verdict, base::Timestamp now);
  void NoteClock(const std::string& url, base::Duration ahead);

  // The peer is owed a change and may be told of it now.
  bool HasChanges(const std::string& url, base::Timestamp now) const;
  std::vector<ForwardHealth> Health(base::Timestamp now) const;
  // How long an alert goes on firing in an Alertmanager that hears no more of it.
  base::Duration Validity() const;

 private:
  enum class Due { kChange, kAlone, kRepeat };
  using Schedule = std::set<std::pair<base::Timestamp, std::int64_t>>;
  struct Entry {
    model::Alert alert;        // without external labels: they are not part of the identity
    std::int64_t version = 0;  // grows with each change that peers must hear of
    base::Timestamp changed_at{};
    bool confirmed = true;  // by the rules, since the start
    base::Timestamp forget_at = base::Timestamp::max();
  };
  // Every alert has one place in each peer's schedules.
  struct Place {
    Due due = Due::kRepeat;
    base::Timestamp at{};  // since when it is owed, or when it is to be repeated
    bool suspect = false;  // was in a request that was refused: told in one of its own
    bool refused = false;  // alone
  };
  struct Peer {
    ForwardHealth health;
    std::map<Due, Schedule> schedules;
    std::unordered_map<std::int64_t, Place> places;
    base::Timestamp blocked_until{};
    int refusals = 0;  // in a row
  };

  void ApplyEvent(const model::AlertEvent& event, base::Timestamp now);
  void Replace(std::int64_t id, const model::AlertEvent& event, base::Timestamp now);
  void Owe(std::int64_t id, base::Timestamp now);
  void OweTo(Peer& peer, std::int64_t id, base::Timestamp now);
  void Put(Peer& peer, std::int64_t id, Due due, base::Timestamp at);
  void Forget(base::Timestamp now);
  void TakeFrom(Peer& peer, Due due, base::Timestamp until, std::vector<ForwardItem>& items);
  ForwardItem ItemOf(std::int64_t id, const Place& place) const;
  ForwardNews Refuse(Peer& peer, const std::vector<ForwardItem>& items, base::Timestamp now);

  std::shared_ptr<const config::Config> config_;
  const base::Duration repeat_;
  std::map<std::int64_t, Entry> entries_;
  std::unordered_map<model::Labels, std::int64_t, model::LabelsHash> ids_;
  Schedule ends_;                      // when entries are forgotten
  std::map<std::string, Peer> peers_;  // by URL
  std::int64_t last_id_ = 0;
};

}  // namespace drwatch::notify
