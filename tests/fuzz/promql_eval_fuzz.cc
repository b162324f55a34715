// Any expression evaluates on a small store or fails with a message, within the limits; over a
// range it gives at each step what it gives at that time alone.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "promql/engine.h"
#include "promql/parser.h"
#include "store/store.h"

namespace drwatch::promql {
namespace {

using fuzz::Check;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr std::int64_t kMaxSamples = 20'000;
constexpr std::int64_t kMaxResultSamples = 60;
constexpr base::Timestamp kStart{1'700'000'000s};
constexpr base::Duration kInterval = 30s;
constexpr int kScrapes = 24;
constexpr std::array kRangeWords = {"start()", "end()", "sort", "topk", "bottomk"};

// What sample number `i` of series number `series` is.
double MadeUp(int series, int i) {
  switch (series % 4) {
    case 0:
      return i % 7 == 3 ? 0 : 1;
    case 1:
      return (i % 10) * (series + 1.5);  // a counter that starts anew
    case 2:
      return i == 5 ? std::nan("") : i == 6 ? std::numeric_limits<double>::infinity() : -i * 0.25;
    default:
      return 1e9 + i * i;
  }
}

std::vector<store::NewSample> Scrape(int i) {
  std::vector<store::NewSample> samples;
  int series = 0;
  for (const char* metric : {"up", "requests_total", "load", "disk_bytes"}) {
    for (const char* instance : {"a:1", "b:2", "c:3"}) {
      const bool missing = instance[0] == 'c' && i >= 8 && i < 14;
      if (!missing) {
        samples.push_back({{{"__name__", metric},
                            {"instance", instance},
                            {"job", instance[0] == 'a' ? "api" : "db"}},
                           MadeUp(series % 4, i + instance[0])});
      }
    }
    ++series;
  }
  for (const char* le : {"0.1", "1", "+Inf"}) {
    const double count = i * (le[0] == '0' ? 1 : le[0] == '1' ? 3 : 4);
    samples.push_back({{{"__name__", "seconds_bucket"}, {"le", le}, {"job", "api"}}, count});
  }
  samples.push_back({{{"__name__", "role"}, {"instance", "a:1"}, {"kind", "x y"}}, 1});
  return samples;
}

const store::Store& Samples() {
  static const store::Store* const store = [] {
    auto* const made = new store::Store({.retention = 24h * 365 * 100, .max_series = 1000});
    for (int i = 0; i < kScrapes; ++i) made->AppendFrom("fuzz", Scrape(i), kStart + kInterval * i);
    return made;
  }();
  return *store;
}

bool Same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

using Row = std::map<std::string, double>;  // by labels

Row RowOf(const Value& value) {
  Row row;
  if (const auto* scalar = std::get_if<Scalar>(&value)) row["{}"] = scalar->value;
  if (const auto* vector = std::get_if<Vector>(&value)) {
    for (const VectorElement& element : *vector) row[element.labels.ToString()] = element.value;
  }
  return row;
}

Row RowAt(const Matrix& matrix, base::Timestamp time) {
  Row row;
  for (const MatrixSeries& series : matrix) {
    for (const model::Sample& sample : series.samples) {
      if (sample.time == time) row[series.labels.ToString()] = sample.value;
    }
  }
  return row;
}

std::string Printed(const Row& row) {
  std::string text;
  for (const auto& [labels, value] : row) {
    char number[40];
    std::snprintf(number, sizeof number, " %.17g\n", value);
    text += labels + number;
  }
  return text;
}

std::size_t SamplesIn(const Value& value) {
  if (const auto* vector = std::get_if<Vector>(&value)) return vector->size();
  const auto* matrix = std::get_if<Matrix>(&value);
  if (matrix == nullptr) return 1;
  std::size_t samples = 0;
  for (const MatrixSeries& series : *matrix) samples += series.samples.size();
  return samples;
}

void CheckTimes(const Matrix& matrix) {
  for (const MatrixSeries& series : matrix) {
    const auto falls = [](const model::Sample& a, const model::Sample& b) {
      return a.time >= b.time;
    };
    const auto& samples = series.samples;
    Check(std::adjacent_find(samples.begin(), samples.end(), falls) == samples.end(),
          "times do not rise in " + series.labels.ToString());
  }
}

void CheckResult(const QueryResult& result) {
  if (!result) return Check(!result.error().message.empty(), "an error without a message");
  Check(SamplesIn(result->value) <= static_cast<std::size_t>(kMaxResultSamples),
        "the result is larger than its limit");
  Check(result->samples <= kMaxSamples, "more samples than the limit");
  if (const auto* matrix = std::get_if<Matrix>(&result->value)) CheckTimes(*matrix);
}

void CheckExpression(std::string_view text) {
  static const Engine engine(Samples(), {.max_samples = kMaxSamples});
  const auto expr = ParseExpr(text);
  if (!expr) return;
  QueryLimits limits;
  limits.text = text;
  limits.max_result_samples = kMaxResultSamples;
  const base::Timestamp first = kStart + 4min;
  constexpr base::Duration kStep = 95s;
  constexpr int kSteps = 3;
  const bool ranged = (*expr)->type == ValueType::kScalar || (*expr)->type == ValueType::kVector;
  QueryResult range = tl::unexpected(QueryError{QueryErrorKind::kExecution, "not tried"});
  if (ranged) range = engine.Range(**expr, first, first + kStep * (kSteps - 1), kStep, limits);
  CheckResult(range);
  limits.caches = QueryCaches::kOwn;
  const std::string printed = Print(**expr);
  // The first two say where the range is, and so are something else without one. The others
  // sort instants only, and what is summed in another order is rounded another way.
  const bool differs = std::any_of(kRangeWords.begin(), kRangeWords.end(), [&](const char* word) {
    return printed.find(word) != std::string::npos;
  });
  for (int i = 0; i < (ranged ? kSteps : 1); ++i) {
    const base::Timestamp now = first + kStep * i;
    const QueryResult at = engine.Instant(**expr, now, limits);
    CheckResult(at);
    if (!range || differs) continue;
    Check(at.has_value(), "works over a range only: " + printed);
    const Row one = RowOf(at->value);
    const Row other = RowAt(std::get<Matrix>(range->value), now);
    const bool same = std::equal(one.begin(), one.end(), other.begin(), other.end(),
                                 [](const auto& a, const auto& b) {
                                   return a.first == b.first && Same(a.second, b.second);
                                 });
    Check(same, "differs over a range at step " + std::to_string(i) + ": " + printed + "\n" +
                    Printed(one) + "but\n" + Printed(other));
  }
}

}  // namespace
}  // namespace drwatch::promql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::promql::CheckExpression(drwatch::fuzz::Text(data, size));
  return 0;
}
