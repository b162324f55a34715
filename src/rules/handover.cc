#include "rules/handover.h"

#include <map>
#include <optional>

namespace drwatch::rules {
namespace {

using Index = std::multimap<std::string, std::size_t>;

std::string_view WithoutNumber(std::string_view key) { return key.substr(0, key.rfind('#')); }

// The first entry of `key` that is still there.
std::optional<std::size_t> Take(const Index& index, const std::string& key,
                                const std::vector<bool>& taken) {
  const auto [begin, end] = index.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    if (!taken[at->second]) return at->second;
  }
  return std::nullopt;
}

void TakeOver(RunningRule& rule, RunningRule former) {
  const bool hold_raised = former.rule != nullptr && rule.rule->hold > former.rule->hold;
  if (!former.source.empty()) rule.source = std::move(former.source);
  rule.alerts = std::move(former.alerts);
  rule.health = former.health;
  rule.last_error = std::move(former.last_error);
  rule.last_evaluation = former.last_evaluation;
  rule.evaluation_seconds = former.evaluation_seconds;
  if (!hold_raised) return;
  for (auto& [labels, instance] : rule.alerts) instance.recheck_hold = true;
}

}  // namespace

std::vector<std::string> RuleKeys(const RuleGroup& group) {
  std::vector<std::string> keys;
  std::map<std::string, int> seen;
  for (const auto& rule : group.rules) {
    std::string identity = std::string(RuleKindName(rule->kind)) + " " + rule->name;
    for (const RuleText& label : rule->labels) {
      identity += "," + label.name + "=" + model::QuoteLabelValue(label.text);
    }
    const int number = seen[identity]++;
    keys.push_back(identity + "#" + std::to_string(number));
  }
  return keys;
}

std::vector<FormerRule> HandOver(std::vector<FormerRule> former,
                                 std::vector<std::unique_ptr<RunningGroup>>& groups) {
  Index by_place;
  Index by_identity;
  for (std::size_t i = 0; i < former.size(); ++i) {
    const std::string identity(WithoutNumber(former[i].running.key));
    by_place.emplace(former[i].location + "\n" + identity, i);
    by_identity.emplace(identity, i);
  }
  std::vector<bool> taken(former.size());
  std::vector<RunningRule*> left;
  for (const auto& group : groups) {
    const std::string place = group->definition->Key() + "\n";
    for (RunningRule& rule : group->rules) {
      const auto found = Take(by_place, place + std::string(WithoutNumber(rule.key)), taken);
      if (found) {
        taken[*found] = true;
        TakeOver(rule, std::move(former[*found].running));
      } else {
        left.push_back(&rule);
      }
    }
  }
  for (RunningRule* rule : left) {
    const auto found = Take(by_identity, std::string(WithoutNumber(rule->key)), taken);
    if (!found) continue;
    taken[*found] = true;
    TakeOver(*rule, std::move(former[*found].running));
  }
  std::vector<FormerRule> unclaimed;
  for (std::size_t i = 0; i < former.size(); ++i) {
    if (!taken[i]) unclaimed.push_back(std::move(former[i]));
  }
  return unclaimed;
}

}  // namespace drwatch::rules
