#include "notify/forward_state.h"

#include <algorithm>

#include "notify/limits.h"
#include "notify/muting.h"
#include "notify/notification.h"

namespace drwatch::notify {

std::vector<ForwardPeer> ForwardPeers(const config::Config& config) {
  std::vector<ForwardPeer> peers;
  for (const config::Alertmanagers& item : config.alertmanagers) {
    for (const std::string& target : item.targets) {
      peers.push_back({item.Url(target, "/api/v2/alerts"), item.http, item.timeout});
    }
  }
  return peers;
}

ForwardState::ForwardState(std::shared_ptr<const config::Config> config, base::Duration repeat,
                           base::Timestamp now)
    : config_(std::move(config)), repeat_(repeat) {
  Reload(config_, now);
}

base::Duration ForwardState::Validity() const {
  return 4 * std::max(config_->global.evaluation_interval, repeat_);
}

void ForwardState::Reload(std::shared_ptr<const config::Config> config, base::Timestamp now) {
  const bool renamed = config->global.external_labels != config_->global.external_labels;
  config_ = std::move(config);
  std::map<std::string, Peer> peers;
  for (const ForwardPeer& configured : ForwardPeers(*config_)) {
    Peer& peer = peers[configured.url];
    const auto old = peers_.find(configured.url);
    const bool is_new = old == peers_.end();
    if (!is_new) peer = std::move(old->second);
    peer.health.url = configured.url;
    if (!is_new && !renamed) continue;
    for (const auto& [id, entry] : entries_) OweTo(peer, id, now);
  }
  peers_ = std::move(peers);
}

void ForwardState::Restore(const std::vector<model::AlertEvent>& known, base::Timestamp now) {
  for (const model::AlertEvent& event : known) {
    if (ids_.contains(event.alert.labels)) continue;
    ApplyEvent(event, now);
    const auto id = ids_.find(event.alert.labels);
    if (id == ids_.end()) continue;
    entries_.at(id->second).confirmed = false;
    for (auto& [url, peer] : peers_) Put(peer, id->second, Due::kRepeat, now + repeat_);
  }
}

void ForwardState::Confirm(base::Timestamp now) {
  for (auto& [id, entry] : entries_) {
    if (std::exchange(entry.confirmed, true)) continue;
    Owe(id, now);
  }
}

void ForwardState::Apply(const std::vector<model::AlertEvent>& events, base::Timestamp now) {
  for (const model::AlertEvent& event : events) ApplyEvent(event, now);
  Forget(now);
}

void ForwardState::Shift(base::Duration step) {
  ends_.clear();
  for (auto& [id, entry] : entries_) {
    entry.changed_at += step;
    if (entry.forget_at == base::Timestamp::max()) continue;
    entry.forget_at += step;
    ends_.insert({entry.forget_at, id});
  }
  for (auto& [url, peer] : peers_) {
    if (peer.blocked_until != base::Timestamp{}) peer.blocked_until += step;
    for (auto& [id, place] : peer.places) Put(peer, id, place.due, place.at + step);
  }
}

void ForwardState::ApplyEvent(const model::AlertEvent& event, base::Timestamp now) {
  const auto found = ids_.find(event.alert.labels);
  if (found == ids_.end()) {
    if (entries_.size() >= kMaxAlerts) return;
    const std::int64_t id = ++last_id_;
    ids_[event.alert.labels] = id;
    Replace(id, event, now);
    Owe(id, now);
    return;
  }
  Entry& entry = entries_.at(found->second);
  const bool same = event.alert.fired_at == entry.alert.fired_at;
  // Rules offer an event again when they crashed before they noted it, and ends for a while. What
  // fires behind one that began in the future began after the clock was set back.
  const bool set_back = entry.alert.fired_at > now && !event.alert.resolved();
  const bool earlier = event.alert.fired_at < entry.alert.fired_at && !set_back;
  if (earlier || (same && entry.alert.resolved())) return;
  const bool changed = !same || event.alert.resolved() || !entry.confirmed;
  Replace(found->second, event, now);
  if (changed) Owe(found->second, now);
}

void ForwardState::Replace(std::int64_t id, const model::AlertEvent& event, base::Timestamp now) {
  Entry& entry = entries_[id];
  const bool told_alike = entry.version > 0 && entry.alert.fired_at == event.alert.fired_at &&
                          entry.alert.resolved() == event.alert.resolved();
  if (!told_alike) {
    ++entry.version;
    entry.changed_at = now;
  }
  entry.alert = event.alert;
  entry.confirmed = true;
  if (!event.reason.empty()) {
    entry.alert.annotations = entry.alert.annotations.With(kResolveReason, event.reason);
  }
  ends_.erase({entry.forget_at, id});
  entry.forget_at = base::Timestamp::max();
  if (!entry.alert.resolved()) return;
  // By then an Alertmanager that never heard of the end has ended it by itself.
  const base::Duration ago = std::max(base::Duration(0), now - entry.alert.resolved_at);
  entry.forget_at = now - ago + std::max(kForwardEnds, Validity());
  ends_.insert({entry.forget_at, id});
}

void ForwardState::Owe(std::int64_t id, base::Timestamp now) {
  for (auto& [url, peer] : peers_) OweTo(peer, id, now);
}

void ForwardState::OweTo(Peer& peer, std::int64_t id, base::Timestamp now) {
  const auto known = peer.places.find(id);
  if (!entries_.at(id).confirmed) {
    if (known == peer.places.end()) Put(peer, id, Due::kRepeat, now + repeat_);
    return;
  }
  if (known == peer.places.end()) {
    Put(peer, id, Due::kChange, now);
  } else if (known->second.due == Due::kRepeat) {
    Put(peer, id, known->second.suspect ? Due::kAlone : Due::kChange, now);
  }
}

void ForwardState::Put(Peer& peer, std::int64_t id, Due due, base::Timestamp at) {
  const auto [place, added] = peer.places.try_emplace(id);
  if (!added) peer.schedules[place->second.due].erase({place->second.at, id});
  place->second.due = due;
  place->second.at = at;
  peer.schedules[due].insert({at, id});
}

void ForwardState::Forget(base::Timestamp now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    const std::int64_t id = ends_.begin()->second;
    ends_.erase(ends_.begin());
    ids_.erase(entries_.at(id).alert.labels);
    entries_.erase(id);
    for (auto& [url, peer] : peers_) {
      const auto place = peer.places.find(id);
      if (place == peer.places.end()) continue;
      peer.schedules[place->second.due].erase({place->second.at, id});
      peer.places.erase(place);
    }
  }
}

ForwardItem ForwardState::ItemOf(std::int64_t id, const Place& place) const {
  const Entry& entry = entries_.at(id);
  ForwardItem item{id, entry.version, entry.alert, place.at, place.due == Due::kChange};
  item.alert.labels = PublicLabels(*config_, item.alert.labels);
  return item;
}

void ForwardState::TakeFrom(Peer& peer, Due due, base::Timestamp until,
                            std::vector<ForwardItem>& items) {
  std::size_t bytes = 0;
  for (const ForwardItem& item : items) bytes += ForwardedBytes(item.alert);
  for (const auto& [at, id] : peer.schedules[due]) {
    if (at > until || items.size() == kMaxForwardedAlerts) return;
    const Place& place = peer.places.at(id);
    if (place.suspect && due == Due::kRepeat) continue;
    ForwardItem item = ItemOf(id, place);
    bytes += ForwardedBytes(item.alert);
    if (!items.empty() && bytes > kMaxForwardedBytes) return;
    items.push_back(std::move(item));
  }
}

std::vector<ForwardItem> ForwardState::Take(const std::string& url, base::Timestamp now) {
  Forget(now);
  std::vector<ForwardItem> items;
  const auto found = peers_.find(url);
  if (found == peers_.end() || found->second.blocked_until > now) return items;
  Peer& peer = found->second;
  TakeFrom(peer, Due::kChange, base::Timestamp::max(), items);
  TakeFrom(peer, Due::kRepeat, now, items);
  if (!items.empty()) return items;
  if (peer.schedules[Due::kAlone].empty()) {
    // Suspects whose repetition is due are all that can be left of it.
    while (!peer.schedules[Due::kRepeat].empty() &&
           peer.schedules[Due::kRepeat].begin()->first <= now) {
      const auto [at, id] = *peer.schedules[Due::kRepeat].begin();
      Put(peer, id, Due::kAlone, at);
    }
  }
  const Schedule& alone = peer.schedules[Due::kAlone];
  if (!alone.empty()) {
    const std::int64_t id = alone.begin()->second;
    items.push_back(ItemOf(id, peer.places.at(id)));
  }
  return items;
}

std::optional<base::Timestamp> ForwardState::NextTake(const std::string& url) const {
  const auto found = peers_.find(url);
  if (found == peers_.end()) return std::nullopt;
  std::optional<base::Timestamp> next;
  for (const auto& [due, schedule] : found->second.schedules) {
    if (schedule.empty()) continue;
    const base::Timestamp at = schedule.begin()->first;
    next = std::min(next.value_or(at), at);
  }
  if (next) next = std::max(*next, found->second.blocked_until);
  return next;
}

ForwardNews ForwardState::Settle(const std::string& url, const std::vector<ForwardItem>& items,
                                 const Verdict& verdict, base::Timestamp now) {
  const auto found = peers_.find(url);
  if (found == peers_.end()) return ForwardNews::kNone;
  Peer& peer = found->second;
  ForwardHealth& health = peer.health;
  if (verdict.kind != Verdict::Kind::kDelivered) {
    ++health.errors[verdict.reason];
    health.last_error = verdict.detail;
    if (verdict.kind == Verdict::Kind::kRejected && verdict.minimal_may_help) {
      return Refuse(peer, items, now);
    }
    ++health.failures;
    const base::Duration pause = std::min(Backoff(health.failures, url), kForwardMaxPause);
    peer.blocked_until = now + std::max(pause, verdict.retry_after.value_or(base::Duration(0)));
    return health.failures == 1 ? ForwardNews::kFails : ForwardNews::kNone;
  }
  const bool failed = std::exchange(health.failures, 0) > 0;
  health.last_error.clear();
  peer.refusals = 0;
  peer.blocked_until = {};
  health.sent += static_cast<std::int64_t>(items.size());
  for (const ForwardItem& item : items) {
    if (item.change) health.AddLatency(now - item.owed_since);
    const auto place = peer.places.find(item.id);
    if (place == peer.places.end()) continue;
    place->second.suspect = place->second.refused = false;
    const Entry& entry = entries_.at(item.id);
    if (entry.version == item.version) {
      Put(peer, item.id, Due::kRepeat, now + repeat_);
    } else {
      Put(peer, item.id, Due::kChange, entry.changed_at);  // it changed while it was told
    }
  }
  return failed ? ForwardNews::kWorksAgain : ForwardNews::kNone;
}

// One of them is not to its taste: which one is found by sending each alone.
ForwardNews ForwardState::Refuse(Peer& peer, const std::vector<ForwardItem>& items,
                                 base::Timestamp now) {
  ForwardNews news = ForwardNews::kNone;
  // A single refusal delays nobody; who refuses everything is left alone more and more.
  if (++peer.refusals > 1) {
    peer.blocked_until =
        now + std::min(Backoff(peer.refusals - 1, peer.health.url), kForwardMaxPause);
  }
  if (items.size() == 1) ++peer.health.refused;
  for (const ForwardItem& item : items) {
    const auto place = peer.places.find(item.id);
    if (place == peer.places.end()) continue;
    if (items.size() > 1) {
      place->second.suspect = true;
      Put(peer, item.id, Due::kAlone, place->second.at);
      continue;
    }
    place->second.suspect = true;
    if (!std::exchange(place->second.refused, true)) news = ForwardNews::kRefusesAlert;
    if (entries_.at(item.id).version == item.version) {
      Put(peer, item.id, Due::kRepeat, now + repeat_);
    }
  }
  return news;
}

void ForwardState::NoteClock(const std::string& url, base::Duration ahead) {
  const auto found = peers_.find(url);
  if (found != peers_.end()) found->second.health.clock_ahead = ahead;
}

bool ForwardState::HasChanges(const std::string& url, base::Timestamp now) const {
  const auto found = peers_.find(url);
  if (found == peers_.end() || found->second.blocked_until > now) return false;
  for (const auto& [due, schedule] : found->second.schedules) {
    if (due != Due::kRepeat && !schedule.empty()) return true;
  }
  return false;
}

std::vector<ForwardHealth> ForwardState::Health(base::Timestamp now) const {
  std::vector<ForwardHealth> all;
  for (const auto& [url, peer] : peers_) {
    ForwardHealth health = peer.health;
    for (const auto& [due, schedule] : peer.schedules) {
      if (due == Due::kRepeat || schedule.empty()) continue;
      health.waiting += schedule.size();
      health.oldest = std::max(health.oldest, now - schedule.begin()->first);
    }
    all.push_back(std::move(health));
  }
  return all;
}

}  // namespace drwatch::notify
