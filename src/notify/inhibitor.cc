#include "notify/inhibitor.h"

#include <algorithm>

namespace drwatch::notify {
namespace {

bool Takes(const std::vector<model::Matcher>& matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

}  // namespace

void Inhibitor::SetRules(std::vector<config::InhibitRule> rules) {
  rules_.clear();
  for (config::InhibitRule& rule : rules) rules_.push_back({std::move(rule), {}});
}

Inhibitor::Part Inhibitor::PartOf(const config::InhibitRule& rule, const model::Labels& labels) {
  const bool source = Takes(rule.source, labels);
  const bool target = Takes(rule.target, labels);
  if (source && target) return Part::kBoth;
  if (source) return Part::kSource;
  return target ? Part::kTarget : Part::kNone;
}

std::string Inhibitor::KeyOf(const config::InhibitRule& rule, const model::Labels& labels) {
  std::string key;
  for (const std::string& name : rule.equal) {
    const std::string_view value = labels.Get(name);
    key += std::to_string(value.size()) + ":";
    key += value;
  }
  return key;
}

void Inhibitor::Change(std::int64_t id, const model::Labels& labels, bool comes, Ids& affected) {
  affected.insert(id);
  for (Rule& rule : rules_) {
    const Part part = PartOf(rule.config, labels);
    if (part == Part::kNone) continue;
    const std::string key = KeyOf(rule.config, labels);
    Peers& peers = rule.peers[key];
    const bool were_sources = !peers.sources.empty();
    const bool were_any = were_sources || !peers.both.empty();
    Ids& own = part == Part::kSource ? peers.sources
               : part == Part::kBoth ? peers.both
                                     : peers.targets;
    if (comes) {
      own.insert(id);
    } else {
      own.erase(id);
    }
    const bool are_sources = !peers.sources.empty();
    const bool are_any = are_sources || !peers.both.empty();
    if (were_any != are_any) affected.insert(peers.targets.begin(), peers.targets.end());
    if (were_sources != are_sources) affected.insert(peers.both.begin(), peers.both.end());
    if (!are_any && peers.targets.empty()) rule.peers.erase(key);
  }
}

void Inhibitor::Add(std::int64_t id, const model::Labels& labels, Ids& affected) {
  Change(id, labels, true, affected);
}

void Inhibitor::Remove(std::int64_t id, const model::Labels& labels, Ids& affected) {
  Change(id, labels, false, affected);
}

std::vector<std::int64_t> Inhibitor::SourcesOf(std::int64_t id, const model::Labels& labels) const {
  std::vector<std::int64_t> sources;
  for (const Rule& rule : rules_) {
    const Part part = PartOf(rule.config, labels);
    if (part != Part::kTarget && part != Part::kBoth) continue;
    const auto peers = rule.peers.find(KeyOf(rule.config, labels));
    if (peers == rule.peers.end()) continue;
    const bool only_pure = part == Part::kBoth;
    if (!peers->second.sources.empty()) {
      sources.push_back(*peers->second.sources.begin());
    } else if (!only_pure && !peers->second.both.empty()) {
      sources.push_back(*peers->second.both.begin());
    }
  }
  std::erase(sources, id);
  return sources;
}

}  // namespace drwatch::notify
