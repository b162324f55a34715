// The routing tree: which groups an alert belongs to. Pure.
#pragma once

#include <string>
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

// The labels of the alert the route groups by; all of them with group_by: ['...'].
model::Labels GroupLabels(const config::Route& route, const model::Labels& labels);

// {}/{severity="critical"}:{alertname="X"}
std::string GroupKey(const RouteMatch& match, const model::Labels& group_labels);

}  // namespace drwatch::notify
