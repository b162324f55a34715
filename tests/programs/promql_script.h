// Prometheus' engine test scripts (*.test): read, run, judge.
//
// A script loads series into a store that starts empty and evaluates expressions on it; time starts
// at 0. What the commands mean is described in docs/promql.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/labels.h"

namespace drwatch::testing {

using ScriptValues = std::vector<std::optional<double>>;

struct ScriptSeries {
  model::Labels labels;
  ScriptValues values;
};

struct ClearCommand {};

struct LoadCommand {
  base::Duration step{};
  std::vector<ScriptSeries> series;
};

// How a message has to look; both empty means that any will do.
struct MessagePattern {
  std::optional<std::string> text;
  std::optional<std::string> regex;
};

struct ScriptSteps {
  base::Duration from{};
  base::Duration to{};
  base::Duration step{};
};

struct EvalCommand {
  int line = 0;
  std::string name;  // the comment that names the case, or ""
  std::string expr;
  base::Duration at{};                // of an instant query
  std::optional<ScriptSteps> range;   // else a range query
  std::optional<ScriptSteps> window;  // expect range vector
  bool ordered = false;
  std::optional<MessagePattern> fail;
  std::vector<MessagePattern> warnings;
  std::vector<MessagePattern> infos;
  bool no_warnings = false;
  bool no_infos = false;
  std::optional<double> scalar;
  std::optional<std::string> text;
  std::vector<ScriptSeries> series;
};

using ScriptCommand =
    std::variant<ClearCommand, std::unique_ptr<LoadCommand>, std::unique_ptr<EvalCommand>>;

// Errors name the line: "3: ...".
base::Result<std::vector<ScriptCommand>> ParseScript(std::string_view text);

enum class CheckAnnotations { kYes, kNo };

struct ScriptFailure {
  int line = 0;
  std::string message;  // "EXPR: what is wrong"
};
struct ScriptResult {
  int passed = 0;
  std::vector<ScriptFailure> failures;
};

// A script that cannot be read is one failure.
ScriptResult RunScript(std::string_view text, CheckAnnotations annotations);

}  // namespace drwatch::testing
