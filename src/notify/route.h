// The routing tree: which groups an alert belongs to. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "model/labels.h"

namespace drwatch::notify {

// One node of the tree that takes an alert. `key` is Alertmanager's name of the node: the matchers
// on the way to it, {}/{severity="critical"}.
struct RouteMatch {
  const config::Route* route = nullptr;
  std::string key;
};

// Depth first: the first child that matches takes the alert, further ones only after a child with
// `continue`; a node without a matching child takes it itself. The root takes everything
// but alerts of severity "none" (Watchdog): those go only where a route below it asks for them.
std::vector<RouteMatch> MatchRoutes(const config::Route& root, const model::Labels& labels);

// The same of a whole configuration: alerts on drwatch itself go to its fallback receiver, too,
// because what carries the others may be what is broken.
std::vector<RouteMatch> MatchRoutes(const config::Config& config, const model::Labels& labels);
// Whether it is one of the alerts of rules/drwatch.yml, but for Watchdog.
bool IsOnDrwatch(std::string_view alertname);

// The labels of the alert the route groups by; all of them with group_by: ['...'].
model::Labels GroupLabels(const config::Route& route, const model::Labels& labels);

// {}/{severity="critical"}:{alertname="X"}
std::string GroupKey(const RouteMatch& match, const model::Labels& group_labels);

}  // namespace drwatch::notify
