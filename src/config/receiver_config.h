// Who is told, and by which way an alert finds them: Alertmanager's receivers and routes.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/integration_config.h"
#include "config/problem.h"
#include "config/time_interval.h"
#include "model/matcher.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// A text of a receiver that is expanded when a notification is sent.
struct TemplateText {
  std::string field;  // "pagerduty_configs: description"
  std::string text;
  Position position;
};

// One name, any number of integrations; each is delivered on its own.
struct Receiver {
  std::string name;
  std::vector<Integration> integrations;
  std::vector<TemplateText> templates{};  // of the integrations, for notify to check
  Position position{};
};

struct Route {
  std::string receiver;  // inherited where the file leaves it out
  std::vector<model::Matcher> matchers;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // group_by: ['...']
  base::Duration group_wait = 5s;
  base::Duration group_interval = 1min;
  base::Duration repeat_interval = 4h;
  std::string escalation;  // one of Config::escalation_policies, inherited; empty = none
  bool continue_matching = false;
  // Names of Config::time_intervals, not inherited: nobody is told of alerts that fire during one
  // of the first, or outside all of the second.
  std::vector<std::string> mute_time_intervals, active_time_intervals;
  std::vector<Route> routes;
  Position position;
};

// While an alert that `source` matches fires, nobody is told of those that `target` matches and
// that have the same values of `equal`. An alert that both match is not inhibited by another such.
struct InhibitRule {
  std::vector<model::Matcher> source, target;
  std::vector<std::string> equal;  // a label that is missing has the empty value
  Position position;
};

}  // namespace drwatch::config
