// Escalation policies: read, held against the rest of the file, and written again.
#include <algorithm>
#include <set>

#include "base/duration.h"
#include "base/strings.h"
#include "config/describe.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

void ReadStepReceivers(MapReader& reader, ReadContext& context, EscalationStep& step) {
  const Node* node = reader.Require("receivers");
  if (node == nullptr) return;
  reader.Get("receivers", step.receivers);
  if (node->kind == NodeKind::kSequence && node->items.empty()) {
    reader.Error(*node, "an escalation step needs somebody to tell",
                 "name at least one of \"receivers\"");
  }
  std::set<std::string> seen;
  for (const Node& item : GetItems(reader, "receivers")) {
    if (item.kind != NodeKind::kScalar) continue;
    if (!seen.insert(item.scalar).second) {
      reader.Error(item, "receiver " + base::Quote(item.scalar) + " stands twice in one step");
      continue;
    }
    context.references.push_back({Reference::Kind::kReceiver, item.scalar, item.position});
  }
}

// What is said again more often than this reads like a fault of drwatch.
constexpr base::Duration kLeastPause = std::chrono::seconds(1);

void GetPause(MapReader& reader, std::string_view key, std::optional<base::Duration>& out) {
  std::optional<base::Duration> pause;
  GetPositive(reader, key, pause);
  if (pause && *pause < kLeastPause) {
    reader.Error(*reader.Take(key), base::Quote(key) + " must be at least 1s");
  } else if (pause) {
    out = pause;
  }
}

void ReadRepeat(const Node& node, ReadContext& context, EscalationStep& step) {
  MapReader reader(node, context.problems, "repeat");
  reader.Require("every");
  GetPause(reader, "every", step.repeat_every);
  GetAtLeast(reader, "max", 1, step.repeat_max);
  reader.Finish();
}

void CheckStep(MapReader& reader, const EscalationStep& step, const EscalationPolicy& policy) {
  const auto at = [&](std::string_view key) -> const Node& {
    const Node* node = reader.Take(key);
    return node != nullptr ? *node : reader.node();
  };
  if (!policy.steps.empty() && step.after < policy.steps.back().after) {
    reader.Error(at("after"),
                 "a step after " + base::FormatDuration(step.after) + " stands behind one after " +
                     base::FormatDuration(policy.steps.back().after),
                 "put the steps in the order in which they are due");
  }
  if (step.within && *step.within <= step.after) {
    reader.Error(at("within"),
                 "\"within\" " + base::FormatDuration(*step.within) + " leaves no time after " +
                     base::FormatDuration(step.after),
                 "both count from the alert's firing; \"within\" must be the longer one");
  }
}

EscalationStep ReadStep(const Node& node, const EscalationPolicy& policy, ReadContext& context) {
  EscalationStep step;
  step.position = node.position;
  MapReader reader(node, context.problems, "an escalation step");
  reader.GetDuration("after", step.after);
  GetPositive(reader, "within", step.within);
  std::string unless(UnlessName(step.unless));
  GetChoice(reader, "unless", {"acknowledged", "resolved"}, unless);
  if (unless == UnlessName(Unless::kAcknowledged)) step.unless = Unless::kAcknowledged;
  ReadStepReceivers(reader, context, step);
  GetPause(reader, "updates_every", step.updates_every);
  if (const Node* repeat = reader.Take("repeat")) ReadRepeat(*repeat, context, step);
  CheckStep(reader, step, policy);
  reader.Finish();
  return step;
}

// The routes that name each policy.
void Collect(const Route& route, std::vector<const Route*>& routes) {
  routes.push_back(&route);
  for (const Route& child : route.routes) Collect(child, routes);
}

// A deadline that passes before anybody may be told.
void CheckWaits(const EscalationPolicy& policy, const std::vector<const Route*>& routes,
                Problems& problems) {
  for (const Route* route : routes) {
    if (route->escalation != policy.name) continue;
    for (const EscalationStep& step : policy.steps) {
      if (!step.within || *step.within > route->group_wait) continue;
      problems.AddError(
          step.position,
          "\"within\" " + base::FormatDuration(*step.within) + " cannot be kept: a route waits " +
              base::FormatDuration(route->group_wait) + " for its group first",
          "lower \"group_wait\" of the route on line " + std::to_string(route->position.line));
      return;
    }
  }
}

}  // namespace

std::string_view UnlessName(Unless unless) {
  switch (unless) {
    case Unless::kResolved:
      return "resolved";
    case Unless::kAcknowledged:
      return "acknowledged";
  }
  return "resolved";
}

bool EscalationStep::SameAs(const EscalationStep& other) const {
  return after == other.after && within == other.within && unless == other.unless &&
         receivers == other.receivers && updates_every == other.updates_every &&
         repeat_every == other.repeat_every && repeat_max == other.repeat_max;
}

bool EscalationPolicy::SameAs(const EscalationPolicy& other) const {
  return name == other.name &&
         std::equal(steps.begin(), steps.end(), other.steps.begin(), other.steps.end(),
                    [](const auto& a, const auto& b) { return a.SameAs(b); });
}

std::vector<EscalationPolicy> ReadEscalationPolicies(MapReader& root, ReadContext& context) {
  std::vector<EscalationPolicy> policies;
  for (const Node& item : GetItems(root, "escalation_policies")) {
    EscalationPolicy policy;
    policy.position = item.position;
    MapReader reader(item, context.problems, "an escalation policy");
    reader.Require("name");
    GetName(reader, "name", policy.name);
    const Node* steps = reader.Require("steps");
    for (const Node& step : GetItems(reader, "steps")) {
      policy.steps.push_back(ReadStep(step, policy, context));
    }
    if (steps != nullptr && steps->kind == NodeKind::kSequence && policy.steps.empty()) {
      reader.Error(*steps, "an escalation policy needs at least one step");
    }
    reader.Finish();
    policies.push_back(std::move(policy));
  }
  return policies;
}

void CheckEscalations(const Config& config, Problems& problems) {
  std::vector<const Route*> routes;
  Collect(config.route, routes);
  for (const EscalationPolicy& policy : config.escalation_policies) {
    CheckWaits(policy, routes, problems);
    const bool used = std::any_of(routes.begin(), routes.end(), [&](const Route* route) {
      return route->escalation == policy.name;
    });
    if (!used && !policy.name.empty()) {
      problems.AddWarning(policy.position,
                          "no route uses the escalation policy " + base::Quote(policy.name),
                          "name it in \"escalation\" of a route");
    }
    for (const EscalationStep& step : policy.steps) {
      for (const std::string& name : step.receivers) {
        const bool nobody = std::any_of(
            config.receivers.begin(), config.receivers.end(), [&](const Receiver& receiver) {
              return receiver.name == name && receiver.integrations.empty();
            });
        if (!nobody) continue;
        problems.AddWarning(step.position, "an escalation step tells " + base::Quote(name) +
                                               ", which reaches nobody: it has no integration");
      }
    }
  }
}

void WriteEscalationPolicies(YamlWriter& out, const std::vector<EscalationPolicy>& policies) {
  if (policies.empty()) return;
  out.List("escalation_policies");
  for (const EscalationPolicy& policy : policies) {
    out.BeginItem();
    out.Text("name", policy.name);
    out.List("steps");
    for (const EscalationStep& step : policy.steps) {
      out.BeginItem();
      out.Time("after", step.after);
      if (step.within) out.Time("within", *step.within);
      out.Text("unless", UnlessName(step.unless));
      out.Texts("receivers", step.receivers);
      if (step.updates_every) out.Time("updates_every", *step.updates_every);
      if (step.repeat_every) {
        out.BeginMap("repeat");
        out.Time("every", *step.repeat_every);
        if (step.repeat_max) out.Number("max", *step.repeat_max);
        out.End();
      }
      out.End();
    }
    out.End();
  }
}

}  // namespace drwatch::config
