#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"
#include "config/matcher_parser.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

void AddMatcher(MapReader& reader, const Node& at, base::Result<model::Matcher> matcher,
                std::vector<model::Matcher>& out) {
  if (matcher) {
    out.push_back(std::move(*matcher));
  } else {
    AddParseError(reader.problems(), at, "matcher", matcher.error());
  }
}

// The old maps: "match: {severity: page}" and "match_re: {team: dba|infra}".
void ReadMatchMap(MapReader& reader, std::string_view key, model::MatchType type,
                  std::vector<model::Matcher>& out) {
  const Node* node = reader.Take(key);
  if (node == nullptr) return;
  if (node->kind != NodeKind::kMap) {
    reader.Error(*node, base::Quote(key) + " must be a map of labels and values");
    return;
  }
  for (const auto& [name, value] : node->entries) {
    if (name.scalar.empty()) {
      reader.Error(name, "a label name is empty");
    } else if (value.kind != NodeKind::kScalar) {
      reader.Error(value, "the value for " + base::Quote(name.scalar) + " must be text");
    } else {
      AddMatcher(reader, value, model::Matcher::Make(type, name.scalar, value.scalar), out);
    }
  }
}

void ReadGroupBy(MapReader& reader, Route& route) {
  const Node* node = reader.Take("group_by");
  if (node == nullptr) return;
  route.group_by.clear();
  route.group_by_all = false;
  reader.Get("group_by", route.group_by);
  for (const Node& item : node->items) {
    const auto count = std::count(route.group_by.begin(), route.group_by.end(), item.scalar);
    if (item.scalar == "...") {
      route.group_by_all = true;
    } else if (item.kind == NodeKind::kScalar && !model::IsValidLabelName(item.scalar)) {
      reader.Error(item, "invalid label name " + base::Quote(item.scalar) + " in \"group_by\"");
    } else if (count > 1 && &item == &node->items.back()) {
      reader.Error(item, "label " + base::Quote(item.scalar) + " stands twice in \"group_by\"");
    }
  }
  if (!route.group_by_all) return;
  if (route.group_by.size() > 1) {
    reader.Error(*node, "\"group_by\" cannot have \"...\" beside other labels",
                 "\"...\" already means all of them");
  }
  route.group_by.clear();
}

// A group is looked at every group_interval, so that nothing is repeated more often.
void LimitRepeats(MapReader& reader, Route& route) {
  if (route.repeat_interval >= route.group_interval) return;
  const Node* repeat = reader.Take("repeat_interval");
  const Node* interval = reader.Take("group_interval");
  if (const Node* at = repeat != nullptr ? repeat : interval) {
    reader.problems().AddWarning(at->position,
                                 "repeat_interval " + base::FormatDuration(route.repeat_interval) +
                                     " is shorter than group_interval " +
                                     base::FormatDuration(route.group_interval),
                                 "group_interval is how often is repeated");
  }
  route.repeat_interval = route.group_interval;
}

void ReadRoute(const Node& node, ReadContext& context, Route& route) {
  route.position = node.position;
  MapReader reader(node, context.problems, "route");
  GetReference(reader, "receiver", Reference::Kind::kReceiver, context, route.receiver);
  ReadMatchers(reader, "", route.matchers);
  reader.Get("mute_time_intervals", route.mute_time_intervals);
  reader.Get("active_time_intervals", route.active_time_intervals);
  for (const std::string_view key : {"mute_time_intervals", "active_time_intervals"}) {
    for (const Node& item : GetItems(reader, key)) {
      context.references.push_back({Reference::Kind::kTimeInterval, item.scalar, item.position});
    }
  }
  ReadGroupBy(reader, route);
  reader.GetDuration("group_wait", route.group_wait);
  GetPositive(reader, "group_interval", route.group_interval);
  GetPositive(reader, "repeat_interval", route.repeat_interval);
  reader.Get("continue", route.continue_matching);
  // Empty text takes an inherited policy away.
  const Node* escalation = reader.Take("escalation");
  if (escalation != nullptr && escalation->kind == NodeKind::kScalar &&
      escalation->scalar.empty()) {
    route.escalation.clear();
  } else {
    GetReference(reader, "escalation", Reference::Kind::kEscalationPolicy, context,
                 route.escalation);
  }
  reader.Refuse("labels", "is not supported yet");
  for (const Node& item : GetItems(reader, "routes")) {
    Route child = route;  // inherits
    child.matchers.clear();
    child.mute_time_intervals.clear();
    child.active_time_intervals.clear();
    child.routes.clear();
    child.continue_matching = false;
    ReadRoute(item, context, child);
    route.routes.push_back(std::move(child));
  }
  LimitRepeats(reader, route);  // of this route: children inherit what was written
  reader.Finish();
}

}  // namespace

void ReadMatchers(MapReader& reader, const std::string& prefix, std::vector<model::Matcher>& out) {
  const std::string key = prefix + "matchers";
  const Node* node = reader.Take(key);
  if (node != nullptr && node->kind == NodeKind::kScalar) {
    reader.Error(*node, base::Quote(key) + " must be a list",
                 "such as ['severity=\"critical\"', 'team=~\"dba|infra\"']");
  } else {
    for (const Node& item : GetItems(reader, key)) {
      base::Result<std::vector<model::Matcher>> matchers = ParseMatchers(item.scalar);
      if (item.kind != NodeKind::kScalar) {
        reader.Error(item, "a matcher must be text", "such as 'severity=\"critical\"'");
      } else if (matchers) {
        std::move(matchers->begin(), matchers->end(), std::back_inserter(out));
      } else {
        AddParseError(reader.problems(), item, "matcher", matchers.error());
      }
    }
  }
  ReadMatchMap(reader, prefix + "match", model::MatchType::kEqual, out);
  ReadMatchMap(reader, prefix + "match_re", model::MatchType::kRegex, out);
}

Route ReadRootRoute(const Node& node, ReadContext& context) {
  Route route;
  ReadRoute(node, context, route);
  if (node.kind != NodeKind::kMap) return route;
  if (node.Find("receiver") == nullptr) {
    context.problems.AddError(node.position, "the root route needs a \"receiver\"",
                              "it gets what no other route takes");
  }
  for (const auto& [key, value] : node.entries) {
    if (key.scalar == "matchers" || key.scalar == "match" || key.scalar == "match_re") {
      context.problems.AddError(key.position,
                                "the root route takes every alert and has no matchers",
                                "put them on a route under \"routes\"");
    }
    if (key.scalar == "mute_time_intervals" || key.scalar == "active_time_intervals") {
      context.problems.AddError(key.position, "the root route takes every alert at any time",
                                "put " + base::Quote(key.scalar) + " on a route under \"routes\"");
    }
    if (key.scalar == "continue" && route.continue_matching) {
      context.problems.AddError(key.position, "the root route cannot \"continue\"");
    }
  }
  return route;
}

}  // namespace drwatch::config
