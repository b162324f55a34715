// Rules and groups as their files define them.
//
// Immutable: state lives beside them (alerting_rule.h), so a reload swaps definitions and keeps
// state. Any thread may read them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/problem.h"
#include "model/labels.h"
#include "promql/ast.h"
#include "rules/rule_template.h"

namespace drwatch::rules {

enum class RuleKind { kAlerting, kRecording };
// "alerting", "recording".
std::string_view RuleKindName(RuleKind kind);

// A label or an annotation as the file has it. A recording rule's labels are plain text.
struct RuleText {
  std::string name;
  std::string text;
  std::optional<RuleTemplate> parsed;  // of alerting rules
};

struct Rule {
  RuleKind kind = RuleKind::kAlerting;
  std::string name;  // of the alert, or of the recorded series
  std::shared_ptr<const promql::Expr> expr;
  std::string query;                  // the expression in canonical form
  base::Duration hold{};              // for:
  base::Duration keep_firing{};       // keep_firing_for:
  std::vector<RuleText> labels;       // sorted by name; the group's included
  std::vector<RuleText> annotations;  // sorted by name
  config::Position position;

  // Labels and annotations as written, without empty ones.
  model::Labels RawLabels() const;
  model::Labels RawAnnotations() const;
};

struct RuleGroup {
  std::string name;
  std::string file;
  std::optional<base::Duration> interval;  // none: the program's evaluation_interval
  int limit = 0;                           // 0: no limit
  base::Duration query_offset{};
  std::vector<std::shared_ptr<const Rule>> rules;

  // "file;name": the label rule_group.
  std::string Key() const { return file + ";" + name; }
};

// The same alerts or series come out of both: then state may pass from one to the other.
bool SameIdentity(const Rule& a, const Rule& b);
// Nothing at all changed.
bool SameDefinition(const Rule& a, const Rule& b);
bool SameDefinition(const RuleGroup& a, const RuleGroup& b);

}  // namespace drwatch::rules
