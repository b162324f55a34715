// The bodies that the table in functions.cc names, by the file they are in.
#pragma once

#include "promql/evaluation.h"

namespace drwatch::promql {

// functions_rate.cc
NodeValue Rate(Evaluation& evaluation, const Expr& call);
NodeValue Increase(Evaluation& evaluation, const Expr& call);
double Delta(const Window& window);
double Irate(const Window& window);
double Idelta(const Window& window);
double Deriv(const Window& window);
double Changes(const Window& window);
double Resets(const Window& window);
NodeValue PredictLinear(Evaluation& evaluation, const Expr& call);

// functions_over_time.cc
double AvgOverTime(const Window& window);
double CountOverTime(const Window& window);
double MaxOverTime(const Window& window);
double MinOverTime(const Window& window);
double PresentOverTime(const Window& window);
double StddevOverTime(const Window& window);
double StdvarOverTime(const Window& window);
double SumOverTime(const Window& window);
NodeValue FirstOverTime(Evaluation& evaluation, const Expr& call);
NodeValue LastOverTime(Evaluation& evaluation, const Expr& call);
NodeValue QuantileOverTime(Evaluation& evaluation, const Expr& call);
NodeValue AbsentOverTime(Evaluation& evaluation, const Expr& call);

// functions_math.cc
double Degrees(double radians);
double Radians(double degrees);
double Sign(double value);
NodeValue Clamp(Evaluation& evaluation, const Expr& call);
NodeValue ClampMax(Evaluation& evaluation, const Expr& call);
NodeValue ClampMin(Evaluation& evaluation, const Expr& call);
NodeValue Round(Evaluation& evaluation, const Expr& call);
NodeValue Pi(Evaluation& evaluation, const Expr& call);

// functions_time.cc
NodeValue Time(Evaluation& evaluation, const Expr& call);
NodeValue TimestampOf(Evaluation& evaluation, const Expr& call);
NodeValue DayOfMonth(Evaluation& evaluation, const Expr& call);
NodeValue DayOfWeek(Evaluation& evaluation, const Expr& call);
NodeValue DayOfYear(Evaluation& evaluation, const Expr& call);
NodeValue DaysInMonth(Evaluation& evaluation, const Expr& call);
NodeValue Hour(Evaluation& evaluation, const Expr& call);
NodeValue Minute(Evaluation& evaluation, const Expr& call);
NodeValue Month(Evaluation& evaluation, const Expr& call);
NodeValue Year(Evaluation& evaluation, const Expr& call);

// functions_vector.cc
NodeValue AbsentVector(Evaluation& evaluation, const Expr& call);
NodeValue ScalarOf(Evaluation& evaluation, const Expr& call);
NodeValue VectorOf(Evaluation& evaluation, const Expr& call);
NodeValue SortUp(Evaluation& evaluation, const Expr& call);
NodeValue SortDown(Evaluation& evaluation, const Expr& call);

// functions_label.cc
NodeValue LabelJoin(Evaluation& evaluation, const Expr& call);
NodeValue LabelReplace(Evaluation& evaluation, const Expr& call);

// functions_histogram.cc
NodeValue HistogramQuantile(Evaluation& evaluation, const Expr& call);
NodeValue HistogramFraction(Evaluation& evaluation, const Expr& call);
// histogram_count and its like read native histograms, of which there are none here.
NodeValue OfNativeHistograms(Evaluation& evaluation, const Expr& call);

inline const Expr& Argument(const Expr& call, std::size_t index) {
  return *std::get<CallExpr>(call.node).arguments[index];
}
inline std::size_t ArgumentCount(const Expr& call) {
  return std::get<CallExpr>(call.node).arguments.size();
}

}  // namespace drwatch::promql
