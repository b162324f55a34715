// How series rise, fall and change.
#include <cmath>
#include <limits>

#include "promql/functions_bodies.h"
#include "promql/kahan.h"

namespace drwatch::promql {
namespace {

enum class Counter { kYes, kNo };
enum class PerSecond { kYes, kNo };

double MillisOf(const model::Sample& sample) {
  return static_cast<double>(base::ToUnixMillis(sample.time));
}

// What a counter that fell back to zero had reached before is part of the increase.
double Difference(std::span<const model::Sample> samples, Counter counter) {
  double difference = samples.back().value - samples.front().value;
  if (counter == Counter::kNo) return difference;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].value < samples[i - 1].value) difference += samples[i - 1].value;
  }
  return difference;
}

// The samples seldom reach from one end of the window to the other. If the first (last) one is
// about where one has to be expected, the line is drawn to the end of the window, else half a
// sample's distance; and for a counter never below zero.
double Extrapolated(const Window& window, Counter counter, PerSecond per_second) {
  const std::span<const model::Sample> samples = window.samples;
  if (samples.size() < 2) return Absent();
  const double difference = Difference(samples, counter);
  const double first = MillisOf(samples.front());
  const double last = MillisOf(samples.back());
  double to_start = (first - static_cast<double>(window.start)) / 1000;
  double to_end = (static_cast<double>(window.end) - last) / 1000;
  const double sampled = (last - first) / 1000;
  const double average = sampled / static_cast<double>(samples.size() - 1);
  const double threshold = average * 1.1;
  if (to_start >= threshold) to_start = average / 2;
  if (counter == Counter::kYes && difference > 0 && samples.front().value >= 0) {
    const double to_zero = sampled * (samples.front().value / difference);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = average / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second == PerSecond::kYes) {
    factor /= static_cast<double>(window.end - window.start) / 1000;
  }
  return difference * factor;
}

double RateOf(const Window& window) { return Extrapolated(window, Counter::kYes, PerSecond::kYes); }
double IncreaseOf(const Window& window) {
  return Extrapolated(window, Counter::kYes, PerSecond::kNo);
}

bool NamedLikeCounter(std::string_view name) {
  return name.empty() || name.ends_with("_total") || name.ends_with("_sum") ||
         name.ends_with("_count") || name.ends_with("_bucket");
}

// Rows whose metric name is not a counter's.
std::shared_ptr<const std::vector<std::size_t>> OddlyNamedRows(const Column& column) {
  return column.Cached<std::vector<std::size_t>>("not counters", [&column] {
    auto rows = std::make_shared<std::vector<std::size_t>>();
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (!NamedLikeCounter(column.NameAt(row))) rows->push_back(row);
    }
    return std::shared_ptr<const std::vector<std::size_t>>(std::move(rows));
  });
}

NodeValue OfCounter(Evaluation& evaluation, const Expr& call, WindowBody body) {
  const Expr& range = Argument(call, 0);
  Grid grid = evaluation.EvalWindows(range, body, {}, MetricNames::kKeep);
  for (const std::size_t row : *OddlyNamedRows(*grid.labels)) {
    bool present = false;
    for (const double cell : grid.Row(row, evaluation.timeline.count)) present |= !IsAbsent(cell);
    if (!present) continue;
    evaluation.session.Inform(
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"" +
            std::string(grid.labels->NameAt(row)) + "\"",
        range.range);
  }
  return {evaluation.DropWindowNames(std::move(grid))};
}

double LastTwo(const Window& window, Counter counter) {
  if (window.samples.size() < 2) return Absent();
  const model::Sample& last = window.samples.back();
  const model::Sample& before = window.samples[window.samples.size() - 2];
  const bool reset = counter == Counter::kYes && last.value < before.value;
  const double difference = reset ? last.value : last.value - before.value;
  return counter == Counter::kYes ? difference / base::ToSeconds(last.time - before.time)
                                  : difference;
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares; times count from `origin`, which should be near them.
Line Regression(std::span<const model::Sample> samples, std::int64_t origin) {
  KahanSum x_sum, y_sum, xy_sum, xx_sum;
  const double first = samples.front().value;
  bool constant = true;
  for (const model::Sample& sample : samples) {
    constant = constant && sample.value == first;
    const double x = static_cast<double>(base::ToUnixMillis(sample.time) - origin) / 1000;
    x_sum.Add(x);
    y_sum.Add(sample.value);
    xy_sum.Add(x * sample.value);
    xx_sum.Add(x * x);
  }
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (constant) return std::isinf(first) ? Line{kNan, kNan} : Line{0, first};
  const auto n = static_cast<double>(samples.size());
  const double x = x_sum.sum + x_sum.lost;
  const double y = y_sum.sum + y_sum.lost;
  const double covariance = xy_sum.sum + xy_sum.lost - x * y / n;
  const double variance = xx_sum.sum + xx_sum.lost - x * x / n;
  const double slope = covariance / variance;
  return {slope, y / n - slope * x / n};
}

double PredictedValue(const Window& window) {
  if (window.samples.size() < 2) return Absent();
  const Line line = Regression(window.samples, window.now);
  return line.slope * window.parameters[0] + line.intercept;
}

}  // namespace

NodeValue Rate(Evaluation& evaluation, const Expr& call) {
  return OfCounter(evaluation, call, RateOf);
}
NodeValue Increase(Evaluation& evaluation, const Expr& call) {
  return OfCounter(evaluation, call, IncreaseOf);
}
double Delta(const Window& window) { return Extrapolated(window, Counter::kNo, PerSecond::kNo); }
double Irate(const Window& window) { return LastTwo(window, Counter::kYes); }
double Idelta(const Window& window) { return LastTwo(window, Counter::kNo); }

double Deriv(const Window& window) {
  if (window.samples.size() < 2) return Absent();
  return Regression(window.samples, base::ToUnixMillis(window.samples.front().time)).slope;
}

double Changes(const Window& window) {
  double changes = 0;
  for (std::size_t i = 1; i < window.samples.size(); ++i) {
    const double before = window.samples[i - 1].value;
    const double value = window.samples[i].value;
    if (value != before && !(std::isnan(value) && std::isnan(before))) ++changes;
  }
  return changes;
}

double Resets(const Window& window) {
  double resets = 0;
  for (std::size_t i = 1; i < window.samples.size(); ++i) {
    if (window.samples[i].value < window.samples[i - 1].value) ++resets;
  }
  return resets;
}

NodeValue PredictLinear(Evaluation& evaluation, const Expr& call) {
  const Scalars ahead = evaluation.EvalScalars(Argument(call, 1));
  return {evaluation.EvalWindows(Argument(call, 0), PredictedValue, {ahead}, MetricNames::kDrop)};
}

}  // namespace drwatch::promql
