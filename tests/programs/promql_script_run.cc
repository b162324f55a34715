#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "base/duration.h"
#include "base/strings.h"
#include "programs/promql_script.h"
#include "promql/engine.h"
#include "promql/parser.h"
#include "store/store.h"

namespace drwatch::testing {
namespace {

using promql::Matrix;
using promql::MatrixSeries;
using Problem = std::optional<std::string>;

base::Timestamp At(base::Duration offset) { return base::Timestamp(offset); }

// Relative, 1e-6; zero equals only zero.
bool AlmostEqual(double a, double b) {
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) {
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  }
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kTolerance = 1e-6;
  constexpr double kSmallest = std::numeric_limits<double>::min();
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kSmallest) return difference < kTolerance * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

bool Matches(const MessagePattern& pattern, const std::string& message) {
  if (pattern.text) return message == *pattern.text;
  if (pattern.regex) return RE2::PartialMatch(message, RE2(*pattern.regex, RE2::Quiet));
  return true;
}

Problem CheckMessages(const char* kind, const std::vector<MessagePattern>& wanted, bool none_wanted,
                      const std::vector<std::string>& messages) {
  if (none_wanted && !messages.empty()) {
    return std::string("unexpected ") + kind + ": " + messages[0];
  }
  if (wanted.empty()) return std::nullopt;
  if (messages.empty()) return std::string("expected a ") + kind;
  for (const MessagePattern& pattern : wanted) {
    if (std::none_of(messages.begin(), messages.end(),
                     [&](const std::string& message) { return Matches(pattern, message); })) {
      return std::string("no ") + kind + " matches; got: " + messages[0];
    }
  }
  for (const std::string& message : messages) {
    if (std::none_of(wanted.begin(), wanted.end(),
                     [&](const MessagePattern& pattern) { return Matches(pattern, message); })) {
      return std::string("unexpected ") + kind + ": " + message;
    }
  }
  return std::nullopt;
}

std::string Number(double value) { return base::FormatDouble(value); }

Problem CompareVector(const EvalCommand& eval, const promql::Vector& vector) {
  std::vector<bool> seen(eval.series.size(), false);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const promql::VectorElement& got = vector[i];
    const auto wanted =
        std::find_if(eval.series.begin(), eval.series.end(),
                     [&](const ScriptSeries& series) { return series.labels == got.labels; });
    if (wanted == eval.series.end()) {
      return "unexpected " + got.labels.ToString() + " " + Number(got.value);
    }
    const auto place = static_cast<std::size_t>(wanted - eval.series.begin());
    if (seen[place]) return got.labels.ToString() + " is there twice";
    seen[place] = true;
    if (eval.ordered && place != i) return got.labels.ToString() + " is at the wrong place";
    if (wanted->values.empty() || !wanted->values[0]) continue;
    if (!AlmostEqual(*wanted->values[0], got.value)) {
      return got.labels.ToString() + ": expected " + Number(*wanted->values[0]) + ", got " +
             Number(got.value);
    }
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) return "missing " + eval.series[i].labels.ToString();
  }
  return std::nullopt;
}

Problem CompareSeries(const ScriptSeries& wanted, const MatrixSeries& got,
                      const ScriptSteps& steps) {
  std::map<base::Timestamp, double> points;
  for (const model::Sample& sample : got.samples) points[sample.time] = sample.value;
  std::size_t matched = 0;
  base::Timestamp at = At(steps.from);
  for (const std::optional<double>& value : wanted.values) {
    if (at > At(steps.to) && value) return "more values than steps for " + wanted.labels.ToString();
    const auto point = points.find(at);
    if (value.has_value() != (point != points.end())) {
      return wanted.labels.ToString() + (value ? ": no point at " : ": unexpected point at ") +
             base::FormatDuration(at.time_since_epoch());
    }
    if (value) {
      ++matched;
      if (!AlmostEqual(*value, point->second)) {
        return wanted.labels.ToString() + ": expected " + Number(*value) + ", got " +
               Number(point->second) + " at " + base::FormatDuration(at.time_since_epoch());
      }
    }
    at += steps.step;
  }
  if (matched != points.size()) return "more points than expected for " + wanted.labels.ToString();
  return std::nullopt;
}

Problem CompareMatrix(const EvalCommand& eval, const Matrix& matrix, const ScriptSteps& steps) {
  for (std::size_t i = 1; i < matrix.size(); ++i) {
    if (!(matrix[i - 1].labels < matrix[i].labels)) return "the result is not sorted by labels";
  }
  std::size_t expected = 0;
  for (const ScriptSeries& series : eval.series) {
    const auto capacity = static_cast<std::size_t>((steps.to - steps.from) / steps.step) + 1;
    if (series.values.size() > capacity) {
      return "more values than steps for " + series.labels.ToString();
    }
    const auto got = std::find_if(matrix.begin(), matrix.end(), [&](const MatrixSeries& candidate) {
      return candidate.labels == series.labels;
    });
    const bool any =
        std::any_of(series.values.begin(), series.values.end(),
                    [](const std::optional<double>& value) { return value.has_value(); });
    if (got == matrix.end()) {
      if (any) return "missing " + series.labels.ToString();
      continue;
    }
    ++expected;
    if (Problem problem = CompareSeries(series, *got, steps)) return problem;
  }
  if (expected == matrix.size()) return std::nullopt;
  for (const MatrixSeries& got : matrix) {
    if (std::none_of(eval.series.begin(), eval.series.end(),
                     [&](const ScriptSeries& series) { return series.labels == got.labels; })) {
      return "unexpected " + got.labels.ToString();
    }
  }
  return "unexpected series";
}

Problem CompareValue(const EvalCommand& eval, const promql::Value& value) {
  if (eval.text) {
    const auto* text = std::get_if<promql::String>(&value);
    if (text == nullptr) return "expected a string";
    if (text->value != *eval.text)
      return "expected another string, got " + base::Quote(text->value);
    return std::nullopt;
  }
  if (std::holds_alternative<promql::String>(value)) return "got a string";
  if (const auto* scalar = std::get_if<promql::Scalar>(&value)) {
    if (!eval.scalar) return "got a scalar";
    if (!AlmostEqual(*eval.scalar, scalar->value)) {
      return "expected " + Number(*eval.scalar) + ", got " + Number(scalar->value);
    }
    return std::nullopt;
  }
  if (eval.scalar) return "expected a scalar";
  if (const auto* matrix = std::get_if<Matrix>(&value)) {
    if (eval.range) return CompareMatrix(eval, *matrix, *eval.range);
    if (!eval.window) return "got a range vector";
    return CompareMatrix(eval, *matrix, *eval.window);
  }
  if (eval.window) return "expected a range vector";
  return CompareVector(eval, std::get<promql::Vector>(value));
}

// The middle of three steps, as an instant query would give it.
promql::Value MiddleStep(const Matrix& matrix, base::Timestamp at, promql::ValueType type) {
  promql::Vector vector;
  for (const MatrixSeries& series : matrix) {
    for (const model::Sample& sample : series.samples) {
      if (sample.time == at) vector.push_back({series.labels, at, sample.value});
    }
  }
  if (type == promql::ValueType::kScalar && !vector.empty()) {
    return promql::Scalar{at, vector[0].value};
  }
  return vector;
}

class Runner {
 public:
  explicit Runner(CheckAnnotations annotations) : annotations_(annotations) { Clear(); }

  void Run(const std::vector<ScriptCommand>& commands) {
    for (const ScriptCommand& command : commands) {
      if (std::holds_alternative<ClearCommand>(command)) Clear();
      if (const auto* load = std::get_if<std::unique_ptr<LoadCommand>>(&command)) Load(**load);
      if (const auto* eval = std::get_if<std::unique_ptr<EvalCommand>>(&command)) Judge(**eval);
    }
  }
  ScriptResult result;

 private:
  void Clear() {
    engine_.reset();
    store_ = std::make_unique<store::Store>(
        store::StoreOptions{.retention = std::chrono::hours(24 * 36500)});
    engine_ = std::make_unique<promql::Engine>(*store_);
  }

  void Load(const LoadCommand& load) {
    std::map<base::Timestamp, std::vector<store::NewSample>> batches;
    for (const ScriptSeries& series : load.series) {
      for (std::size_t i = 0; i < series.values.size(); ++i) {
        if (!series.values[i]) continue;
        batches[At(load.step * static_cast<std::int64_t>(i))].push_back(
            {series.labels, *series.values[i]});
      }
    }
    for (const auto& [time, samples] : batches) store_->Append(samples, time);
  }

  void Judge(const EvalCommand& eval) {
    const Problem problem = Check(eval);
    if (!problem) {
      ++result.passed;
      return;
    }
    const std::string name = eval.name.empty() ? "" : " [" + eval.name + "]";
    result.failures.push_back({eval.line, eval.expr + ": " + *problem + name});
  }

  Problem CheckFailure(const EvalCommand& eval, const std::string& message) const {
    if (!eval.fail) return "failed: " + message;
    if (!Matches(*eval.fail, message)) return "failed with another message: " + message;
    return std::nullopt;
  }

  Problem Check(const EvalCommand& eval) const {
    const auto expr = promql::ParseExpr(eval.expr);
    if (!expr) return CheckFailure(eval, expr.error().message);
    promql::QueryLimits limits;
    limits.text = eval.expr;
    const promql::QueryResult got =
        eval.range ? engine_->Range(**expr, At(eval.range->from), At(eval.range->to),
                                    eval.range->step, limits)
                   : engine_->Instant(**expr, At(eval.at), limits);
    if (!got) return CheckFailure(eval, got.error().message);
    if (eval.fail) return "did not fail";
    if (annotations_ == CheckAnnotations::kYes) {
      const promql::Annotations& notes = got->annotations;
      if (auto p = CheckMessages("warning", eval.warnings, eval.no_warnings, notes.warnings)) {
        return p;
      }
      if (auto p = CheckMessages("info", eval.infos, eval.no_infos, notes.infos)) return p;
    }
    if (Problem problem = CompareValue(eval, got->value)) return problem;
    return eval.range ? std::nullopt : CheckAsRange(eval, **expr);
  }

  // The same expression as a range query around the time must give the same in its middle.
  Problem CheckAsRange(const EvalCommand& eval, const promql::Expr& expr) const {
    if (eval.ordered || eval.window || eval.text) return std::nullopt;
    for (const char* call : {"start()", "end()", "step()", "range()"}) {
      if (eval.expr.find(call) != std::string::npos) return std::nullopt;
    }
    const base::Duration around = std::chrono::minutes(1);
    const auto got = engine_->Range(expr, At(eval.at - around), At(eval.at + around), around);
    if (!got) return "as a range query it fails: " + got.error().message;
    const Problem problem =
        CompareValue(eval, MiddleStep(std::get<Matrix>(got->value), At(eval.at), expr.type));
    return problem ? Problem("as a range query: " + *problem) : std::nullopt;
  }

  const CheckAnnotations annotations_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<promql::Engine> engine_;
};

}  // namespace

ScriptResult RunScript(std::string_view text, CheckAnnotations annotations) {
  const auto commands = ParseScript(text);
  if (!commands) {
    const std::string& message = commands.error().message;
    return {0, {{std::atoi(message.c_str()), message}}};
  }
  Runner runner(annotations);
  runner.Run(*commands);
  return runner.result;
}

}  // namespace drwatch::testing
