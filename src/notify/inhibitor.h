// Which firing alerts keep others quiet: Alertmanager's inhibit_rules. Pure.
//
// For each rule the alerts are sorted by their values of `equal`, so that a change costs what it
// touches, not all alerts. One thread at a time.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "model/labels.h"

namespace drwatch::notify {

class Inhibitor {
 public:
  using Ids = std::set<std::int64_t>;

  // Forgets every alert.
  void SetRules(std::vector<config::InhibitRule> rules);
  // A firing alert with these labels comes or goes. Adds to `affected` itself and the alerts that
  // were quiet and are not any more, or the reverse.
  void Add(std::int64_t id, const model::Labels& labels, Ids& affected);
  void Remove(std::int64_t id, const model::Labels& labels, Ids& affected);
  // One alert of each rule that keeps `id` quiet; empty: nothing does.
  std::vector<std::int64_t> SourcesOf(std::int64_t id, const model::Labels& labels) const;

 private:
  // Alerts with the same values of a rule's `equal`.
  struct Peers {
    Ids sources;  // that are no targets
    Ids both;     // sources that are targets, too: they inhibit only those that are targets alone
    Ids targets;  // that are no sources
  };
  struct Rule {
    config::InhibitRule config;
    std::unordered_map<std::string, Peers> peers;
  };
  enum class Part { kNone, kSource, kTarget, kBoth };
  static Part PartOf(const config::InhibitRule& rule, const model::Labels& labels);
  static std::string KeyOf(const config::InhibitRule& rule, const model::Labels& labels);
  void Change(std::int64_t id, const model::Labels& labels, bool comes, Ids& affected);

  std::vector<Rule> rules_;
};

}  // namespace drwatch::notify
