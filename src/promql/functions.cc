#include "promql/functions.h"

#include <algorithm>
#include <cmath>

#include "promql/functions_bodies.h"

namespace drwatch::promql {
namespace {

constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kT = ValueType::kString;

// Picks the overload for double.
constexpr ElementBody Math(double (*function)(double)) { return function; }

// Sorted by name. Rows marked experimental are known so that the message can say so.
const std::vector<Function>& Table() {
  static const std::vector<Function> table = {
      {"abs", {kV}, 0, kV, false, Math(std::fabs)},
      {"absent", {kV}, 0, kV, false, AbsentVector},
      {"absent_over_time", {kM}, 0, kV, false, AbsentOverTime},
      {"acos", {kV}, 0, kV, false, Math(std::acos)},
      {"acosh", {kV}, 0, kV, false, Math(std::acosh)},
      {"asin", {kV}, 0, kV, false, Math(std::asin)},
      {"asinh", {kV}, 0, kV, false, Math(std::asinh)},
      {"atan", {kV}, 0, kV, false, Math(std::atan)},
      {"atanh", {kV}, 0, kV, false, Math(std::atanh)},
      {"avg_over_time", {kM}, 0, kV, false, AvgOverTime},
      {"ceil", {kV}, 0, kV, false, Math(std::ceil)},
      {"changes", {kM}, 0, kV, false, Changes},
      {"clamp", {kV, kS, kS}, 0, kV, false, Clamp},
      {"clamp_max", {kV, kS}, 0, kV, false, ClampMax},
      {"clamp_min", {kV, kS}, 0, kV, false, ClampMin},
      {"cos", {kV}, 0, kV, false, Math(std::cos)},
      {"cosh", {kV}, 0, kV, false, Math(std::cosh)},
      {"count_over_time", {kM}, 0, kV, false, CountOverTime},
      {"day_of_month", {kV}, 1, kV, false, DayOfMonth},
      {"day_of_week", {kV}, 1, kV, false, DayOfWeek},
      {"day_of_year", {kV}, 1, kV, false, DayOfYear},
      {"days_in_month", {kV}, 1, kV, false, DaysInMonth},
      {"deg", {kV}, 0, kV, false, Degrees},
      {"delta", {kM}, 0, kV, false, Delta},
      {"deriv", {kM}, 0, kV, false, Deriv},
      {"double_exponential_smoothing", {kM, kS, kS}, 0, kV, true},
      {"end", {}, 0, kS, true},
      {"exp", {kV}, 0, kV, false, Math(std::exp)},
      {"first_over_time", {kM}, 0, kV, false, FirstOverTime},
      {"floor", {kV}, 0, kV, false, Math(std::floor)},
      {"histogram_avg", {kV}, 0, kV, false, OfNativeHistograms},
      {"histogram_count", {kV}, 0, kV, false, OfNativeHistograms},
      {"histogram_fraction", {kS, kS, kV}, 0, kV, false, HistogramFraction},
      {"histogram_quantile", {kS, kV}, 0, kV, false, HistogramQuantile},
      {"histogram_quantiles", {kV, kT, kS, kS}, 9, kV, true},
      {"histogram_stddev", {kV}, 0, kV, false, OfNativeHistograms},
      {"histogram_stdvar", {kV}, 0, kV, false, OfNativeHistograms},
      {"histogram_sum", {kV}, 0, kV, false, OfNativeHistograms},
      {"hour", {kV}, 1, kV, false, Hour},
      {"idelta", {kM}, 0, kV, false, Idelta},
      {"increase", {kM}, 0, kV, false, Increase},
      {"info", {kV, kV}, 1, kV, true},
      {"integral", {kM, kS}, 1, kV, true},
      {"irate", {kM}, 0, kV, false, Irate},
      {"label_join", {kV, kT, kT, kT}, -1, kV, false, LabelJoin},
      {"label_replace", {kV, kT, kT, kT, kT}, 0, kV, false, LabelReplace},
      {"last_over_time", {kM}, 0, kV, false, LastOverTime},
      {"ln", {kV}, 0, kV, false, Math(std::log)},
      {"log10", {kV}, 0, kV, false, Math(std::log10)},
      {"log2", {kV}, 0, kV, false, Math(std::log2)},
      {"mad_over_time", {kM}, 0, kV, true},
      {"max_over_time", {kM}, 0, kV, false, MaxOverTime},
      {"min_over_time", {kM}, 0, kV, false, MinOverTime},
      {"minute", {kV}, 1, kV, false, Minute},
      {"month", {kV}, 1, kV, false, Month},
      {"pi", {}, 0, kS, false, Pi},
      {"predict_linear", {kM, kS}, 0, kV, false, PredictLinear},
      {"present_over_time", {kM}, 0, kV, false, PresentOverTime},
      {"quantile_over_time", {kS, kM}, 0, kV, false, QuantileOverTime},
      {"rad", {kV}, 0, kV, false, Radians},
      {"range", {}, 0, kS, true},
      {"rate", {kM}, 0, kV, false, Rate},
      {"resets", {kM}, 0, kV, false, Resets},
      {"round", {kV, kS}, 1, kV, false, Round},
      {"scalar", {kV}, 0, kS, false, ScalarOf},
      {"sgn", {kV}, 0, kV, false, Sign},
      {"sin", {kV}, 0, kV, false, Math(std::sin)},
      {"sinh", {kV}, 0, kV, false, Math(std::sinh)},
      {"sort", {kV}, 0, kV, false, SortUp},
      {"sort_by_label", {kV, kT}, -1, kV, true},
      {"sort_by_label_desc", {kV, kT}, -1, kV, true},
      {"sort_desc", {kV}, 0, kV, false, SortDown},
      {"sqrt", {kV}, 0, kV, false, Math(std::sqrt)},
      {"start", {}, 0, kS, true},
      {"stddev_over_time", {kM}, 0, kV, false, StddevOverTime},
      {"stdvar_over_time", {kM}, 0, kV, false, StdvarOverTime},
      {"step", {}, 0, kS, true},
      {"sum_over_time", {kM}, 0, kV, false, SumOverTime},
      {"tan", {kV}, 0, kV, false, Math(std::tan)},
      {"tanh", {kV}, 0, kV, false, Math(std::tanh)},
      {"time", {}, 0, kS, false, Time},
      {"timestamp", {kV}, 0, kV, false, TimestampOf},
      {"ts_of_first_over_time", {kM}, 0, kV, true},
      {"ts_of_last_over_time", {kM}, 0, kV, true},
      {"ts_of_max_over_time", {kM}, 0, kV, true},
      {"ts_of_min_over_time", {kM}, 0, kV, true},
      {"vector", {kS}, 0, kV, false, VectorOf},
      {"year", {kV}, 1, kV, false, Year},
  };
  return table;
}

}  // namespace

const Function* FindFunction(std::string_view name) {
  const std::vector<Function>& table = Table();
  const auto row =
      std::lower_bound(table.begin(), table.end(), name,
                       [](const Function& f, std::string_view wanted) { return f.name < wanted; });
  return row != table.end() && row->name == name ? &*row : nullptr;
}

}  // namespace drwatch::promql
