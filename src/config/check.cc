#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "config/hint.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

template <typename T>
std::vector<std::string> NamesOf(const std::vector<T>& things) {
  std::vector<std::string> names;
  for (const T& thing : things) {
    const bool known = std::find(names.begin(), names.end(), thing.name) != names.end();
    if (!known && !thing.name.empty()) names.push_back(thing.name);
  }
  return names;
}

template <typename T>
void CheckUnique(const std::vector<T>& things, const std::string& what, Problems& problems) {
  std::map<std::string, int> first_line;
  for (const T& thing : things) {
    if (thing.name.empty()) continue;
    const auto [at, added] = first_line.emplace(thing.name, thing.position.line);
    if (added) continue;
    problems.AddError(thing.position, "duplicate " + what + " name " + base::Quote(thing.name),
                      "the first one stands on line " + std::to_string(at->second));
  }
}

void CheckReferences(const Config& config, const ReadContext& context) {
  const std::vector<std::string> services = NamesOf(config.services);
  const std::vector<std::string> receivers = NamesOf(config.receivers);
  const std::vector<std::string> intervals = NamesOf(config.time_intervals);
  const std::vector<std::string> policies = NamesOf(config.escalation_policies);
  std::vector<std::string> databases;
  std::vector<std::string> backups;
  for (const Probe& probe : config.probes) {
    if (probe.type == "postgres" && !probe.name.empty()) databases.push_back(probe.name);
    if (probe.type == "backup" && !probe.name.empty()) backups.push_back(probe.name);
  }
  for (const Reference& reference : context.references) {
    const std::vector<std::string>* known = &services;
    std::string what = "service";
    if (reference.kind == Reference::Kind::kReceiver) {
      known = &receivers;
      what = "receiver";
    } else if (reference.kind == Reference::Kind::kPostgresProbe) {
      known = &databases;
      what = "postgres probe";
    } else if (reference.kind == Reference::Kind::kBackupProbe) {
      known = &backups;
      what = "backup probe";
    } else if (reference.kind == Reference::Kind::kTimeInterval) {
      known = &intervals;
      what = "time interval";
    } else if (reference.kind == Reference::Kind::kEscalationPolicy) {
      known = &policies;
      what = "escalation policy";
    }
    if (std::find(known->begin(), known->end(), reference.name) != known->end()) continue;
    context.problems.AddError(
        reference.position, "unknown " + what + " " + base::Quote(reference.name),
        NameHint(reference.name, *known, what.ends_with("y") ? "escalation policies" : what + "s"));
  }
  for (const Probe& probe : config.probes) {
    const auto* postgres = std::get_if<PostgresProbe>(&probe.spec);
    if (postgres == nullptr || postgres->primary.empty() || postgres->primary != probe.name) {
      continue;
    }
    context.problems.AddError(probe.position, "a probe cannot be its own primary");
  }
}

// Depth first; a service on the present path that is met again closes a circle.
class CircleFinder {
 public:
  CircleFinder(const Config& config, Problems& problems) : problems_(problems) {
    for (const Service& service : config.services) services_.emplace(service.name, &service);
    for (const Service& service : config.services) Visit(service);
  }

 private:
  void Visit(const Service& service) {
    const auto on_path = std::find(path_.begin(), path_.end(), service.name);
    if (on_path != path_.end()) {
      std::vector<std::string> circle(on_path, path_.end());
      circle.push_back(service.name);
      problems_.AddError(service.position,
                         "services depend on each other: " + base::Join(circle, " -> "));
      return;
    }
    if (!done_.insert(service.name).second) return;
    path_.push_back(service.name);
    for (const std::string& name : service.depends_on) {
      const auto found = services_.find(name);
      if (found != services_.end()) Visit(*found->second);
    }
    path_.pop_back();
  }

  Problems& problems_;
  std::map<std::string, const Service*> services_;
  std::set<std::string> done_;
  std::vector<std::string> path_;
};

// What can work and still is rarely meant.
void CheckSmells(const Config& config, const ReadContext& context) {
  const Position whole{config.file, 0, 0};
  Problems& problems = context.problems;
  if (config.probes.empty()) problems.AddWarning(whole, "there are no probes");
  if (config.receivers.empty() && config.alertmanagers.empty()) {
    problems.AddWarning(whole, "there are no receivers: alerts will page nobody",
                        "add \"receivers\" and a \"route\"");
  }
  // The root route's receiver is the fallback where none is named.
  const bool named = !config.fallback_receiver.empty();
  const std::string& fallback = named ? config.fallback_receiver : config.route.receiver;
  for (const Receiver& receiver : config.receivers) {
    const bool only_pages =
        !receiver.integrations.empty() &&
        std::all_of(receiver.integrations.begin(), receiver.integrations.end(),
                    [](const Integration& integration) {
                      return std::holds_alternative<PagerDutyReceiver>(integration);
                    });
    if (!only_pages || receiver.name != fallback) continue;
    problems.AddWarning(receiver.position,
                        "pages of receiver " + base::Quote(receiver.name) +
                            " have nowhere else to go if PagerDuty refuses them",
                        "name another receiver in \"fallback_receiver\"");
  }
}

}  // namespace

void CheckWhole(const Config& config, const ReadContext& context) {
  CheckUnique(config.services, "service", context.problems);
  CheckUnique(config.probes, "probe", context.problems);
  CheckUnique(config.receivers, "receiver", context.problems);
  CheckUnique(config.escalation_policies, "escalation policy", context.problems);
  CheckReferences(config, context);
  const CircleFinder finder(config, context.problems);
  CheckEscalations(config, context.problems);
  CheckSmells(config, context);
}

}  // namespace drwatch::config
