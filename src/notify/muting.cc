#include "notify/muting.h"

#include <algorithm>

#include "notify/limits.h"

namespace drwatch::notify {
namespace {

// Alerts that say that a service is not there. Of these, and only these, the cause is looked for
// in the services it depends on.
model::Matcher Outage() {
  return *model::Matcher::Make(model::MatchType::kRegex, "alertname",
                               "DatabaseDown|RedisDown|EndpointDown");
}

// What `service` depends on, directly or through others.
std::set<std::string> Foundations(const config::Config& config, const std::string& service) {
  std::set<std::string> found;
  std::vector<std::string> open{service};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    for (const config::Service& candidate : config.services) {
      if (candidate.name != name) continue;
      for (const std::string& foundation : candidate.depends_on) {
        if (found.insert(foundation).second) open.push_back(foundation);
      }
    }
  }
  return found;
}

// While something that a service depends on is down, nobody is told that the service is, too.
void AddDependencies(const config::Config& config, std::vector<config::InhibitRule>& rules) {
  for (const config::Service& service : config.services) {
    for (const std::string& foundation : Foundations(config, service.name)) {
      config::InhibitRule rule;
      rule.source = {Outage(), model::Matcher::Equal("service", foundation)};
      rule.target = {Outage(), model::Matcher::Equal("service", service.name)};
      rules.push_back(std::move(rule));
    }
  }
}

}  // namespace

model::Labels PublicLabels(const config::Config& config, const model::Labels& labels) {
  if (config.global.external_labels.empty()) return labels;
  model::LabelsBuilder builder(config.global.external_labels);
  for (const model::LabelView label : labels) builder.Set(label.name, label.value);
  return builder.Build();
}

void Muting::Configure(std::shared_ptr<const config::Config> config, base::Timestamp now) {
  config_ = std::move(config);
  std::vector<config::InhibitRule> rules = config_->inhibit_rules;
  AddDependencies(*config_, rules);
  inhibitor_.SetRules(std::move(rules));
  for (const auto& [id, record] : records_.alerts) {
    if (!record.alert.resolved()) Fired(record);
  }
  next_silence_change_ = now;
  next_interval_look_ = now;
}

void Muting::Fired(const AlertRecord& record) {
  inhibitor_.Add(record.id, PublicLabels(*config_, record.alert.labels), unjudged_);
}

void Muting::Resolved(const AlertRecord& record) {
  inhibitor_.Remove(record.id, PublicLabels(*config_, record.alert.labels), unjudged_);
}

void Muting::Grouped(const Group& group, base::Timestamp now) {
  if (!group.mute.empty() || !group.active.empty()) next_interval_look_ = now;
}

Muting::Unmuted Muting::Update(base::Timestamp now) {
  Unmuted unmuted;
  if (now >= next_silence_change_) UpdateSilences(now);
  for (const AlertId id : std::exchange(unjudged_, {})) {
    const auto found = records_.alerts.find(id);
    if (found == records_.alerts.end()) continue;
    const AlertRecord& record = found->second;
    const bool was_muted = record.muted();
    const bool was_silenced = !record.silenced_by.empty();
    Judge(found->second, now);
    if (was_muted && !record.muted()) {
      (was_silenced ? unmuted.alerts : unmuted.followers).push_back(id);
    }
    if (was_muted != record.muted()) unmuted.any_change = true;
  }
  if (now >= next_interval_look_) UpdateIntervals(now, unmuted);
  return unmuted;
}

// Silences began, ended or changed: every firing alert is judged anew.
void Muting::UpdateSilences(base::Timestamp now) {
  next_silence_change_ = base::Timestamp::max();
  std::erase_if(records_.silences, [&](const auto& entry) {
    if (entry.second.ends_at + kKeepExpiredSilences > now) return false;
    changes_.silences.insert(entry.first);
    return true;
  });
  for (const auto& [id, silence] : records_.silences) {
    const base::Timestamp next = silence.StateAt(now) == SilenceState::kPending ? silence.starts_at
                                 : silence.StateAt(now) == SilenceState::kActive
                                     ? silence.ends_at
                                     : silence.ends_at + kKeepExpiredSilences;
    next_silence_change_ = std::min(next_silence_change_, next);
  }
  for (const auto& [id, record] : records_.alerts) {
    if (!record.alert.resolved()) unjudged_.insert(id);
  }
}

void Muting::Judge(AlertRecord& record, base::Timestamp now) {
  record.silenced_by.clear();
  record.inhibited = false;
  if (record.alert.resolved()) return;
  const model::Labels labels = PublicLabels(*config_, record.alert.labels);
  for (const auto& [id, silence] : records_.silences) {
    if (silence.StateAt(now) == SilenceState::kActive && silence.Takes(labels)) {
      record.silenced_by.push_back(id);
    }
  }
  record.inhibited = !inhibitor_.SourcesOf(record.id, labels).empty();
}

void Muting::UpdateIntervals(base::Timestamp now, Unmuted& unmuted) {
  next_interval_look_ = base::Timestamp::max();
  const auto holds = [&](const std::string& name) {
    return std::any_of(
        config_->time_intervals.begin(), config_->time_intervals.end(),
        [&](const auto& interval) { return interval.name == name && interval.Contains(now); });
  };
  for (auto& [id, group] : records_.groups) {
    if (group.mute.empty() && group.active.empty()) continue;
    next_interval_look_ = std::chrono::floor<std::chrono::minutes>(now) + std::chrono::minutes(1);
    const bool was_muted = !group.muted_by.empty();
    group.muted_by.clear();
    std::copy_if(group.mute.begin(), group.mute.end(), std::back_inserter(group.muted_by), holds);
    if (std::none_of(group.active.begin(), group.active.end(), holds)) {
      group.muted_by.insert(group.muted_by.end(), group.active.begin(), group.active.end());
    }
    if (was_muted && group.muted_by.empty()) unmuted.groups.push_back(id);
    if (was_muted == group.muted_by.empty()) unmuted.any_change = true;
  }
}

bool Muting::MayRepeat(const Group& group, const Delivery& delivery) const {
  if (delivery.alert != 0) return IsAudible(group, delivery.alert);
  return std::any_of(group.firing.begin(), group.firing.end(), [&](AlertId id) {
    return (delivery.confirmed.contains(id) || delivery.maybe.contains(id) ||
            delivery.refused.contains(id)) &&
           IsAudible(group, id);
  });
}

std::vector<AlertId> Muting::InhibitedBy(const AlertRecord& record) const {
  if (!record.inhibited) return {};
  return inhibitor_.SourcesOf(record.id, PublicLabels(*config_, record.alert.labels));
}

base::Status Muting::CheckSilence(const Silence& silence, base::Timestamp now) const {
  const auto& matchers = silence.matchers;
  if (matchers.empty()) return base::Fail("a silence needs at least one matcher");
  if (matchers.size() > kMaxSilenceMatchers) {
    return base::Fail("a silence has at most " + std::to_string(kMaxSilenceMatchers) + " matchers");
  }
  // As in Alertmanager, team!="dba" is a choice, though it takes alerts without a team, too.
  const auto takes_anything = [](const model::Matcher& matcher) {
    const bool negative = matcher.type() == model::MatchType::kNotEqual ||
                          matcher.type() == model::MatchType::kNotRegex;
    return !negative && matcher.MatchesEmpty();
  };
  if (std::all_of(matchers.begin(), matchers.end(), takes_anything)) {
    return base::Fail("at least one matcher must not match the empty string",
                      "this silence would take nearly every alert");
  }
  if (silence.ends_at <= silence.starts_at) return base::Fail("a silence ends after it starts");
  if (silence.ends_at <= now) return base::Fail("the end of a silence is not in the past");
  if (records_.silences.size() >= kMaxSilences && !records_.silences.contains(silence.id)) {
    return base::Fail("there are " + std::to_string(kMaxSilences) + " silences already");
  }
  return {};
}

base::Result<std::string> Muting::SetSilence(Silence silence, const std::string& new_id,
                                             base::Timestamp now) {
  Silence* known = nullptr;
  if (!silence.id.empty()) {
    const auto found = records_.silences.find(silence.id);
    if (found == records_.silences.end()) return base::Fail(std::string(kNoSuchSilence));
    known = &found->second;
  }
  const bool active = known != nullptr && known->StateAt(now) == SilenceState::kActive;
  const bool over = known != nullptr && known->StateAt(now) == SilenceState::kExpired;
  const bool same_start = active && base::ToUnixMillis(silence.starts_at) / 1000 ==
                                        base::ToUnixMillis(known->starts_at) / 1000;
  if (same_start) {
    silence.starts_at = known->starts_at;
  } else {
    silence.starts_at = std::max(silence.starts_at, now);
  }
  if (const base::Status fine = CheckSilence(silence, now); !fine) return base::Fail(fine.error());
  const bool replace =
      known != nullptr && !over && known->matchers == silence.matchers && (same_start || !active);
  if (!replace) {
    if (known != nullptr && !over) {
      if (const base::Status ended = ExpireSilence(silence.id, now); !ended) {
        return base::Fail(ended.error());
      }
    }
    silence.id = new_id;
    silence.starts_at = std::max(silence.starts_at, now);
  }
  silence.updated_at = now;
  const std::string id = silence.id;
  records_.silences[id] = std::move(silence);
  changes_.silences.insert(id);
  next_silence_change_ = now;
  return id;
}

base::Status Muting::ExpireSilence(const std::string& id, base::Timestamp now) {
  const auto found = records_.silences.find(id);
  if (found == records_.silences.end()) return base::Fail(std::string(kNoSuchSilence));
  Silence& silence = found->second;
  if (silence.StateAt(now) == SilenceState::kExpired) return {};
  silence.starts_at = std::min(silence.starts_at, now);
  silence.ends_at = now;
  silence.updated_at = now;
  changes_.silences.insert(id);
  next_silence_change_ = now;
  return {};
}

}  // namespace drwatch::notify
