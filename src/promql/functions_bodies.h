// The bodies that the table in functions.cc names, by the file they are in.
#pragma once

#include "promql/evaluation.h"

namespace drwatch::promql {

// functions_rate.cc
Operand Rate(Evaluation& evaluation, const Expr& call);
Operand Increase(Evaluation& evaluation, const Expr& call);
double Delta(const Window& window);
double Irate(const Window& window);
double Idelta(const Window& window);
double Deriv(const Window& window);
double Changes(const Window& window);
double Resets(const Window& window);
Operand PredictLinear(Evaluation& evaluation, const Expr& call);

// functions_over_time.cc
double AvgOverTime(const Window& window);
double CountOverTime(const Window& window);
double MaxOverTime(const Window& window);
double MinOverTime(const Window& window);
double PresentOverTime(const Window& window);
double StddevOverTime(const Window& window);
double StdvarOverTime(const Window& window);
double SumOverTime(const Window& window);
Operand FirstOverTime(Evaluation& evaluation, const Expr& call);
Operand LastOverTime(Evaluation& evaluation, const Expr& call);
Operand QuantileOverTime(Evaluation& evaluation, const Expr& call);
Operand AbsentOverTime(Evaluation& evaluation, const Expr& call);

// functions_math.cc
double Degrees(double radians);
double Radians(double degrees);
double Sign(double value);
Operand Clamp(Evaluation& evaluation, const Expr& call);
Operand ClampMax(Evaluation& evaluation, const Expr& call);
Operand ClampMin(Evaluation& evaluation, const Expr& call);
Operand Round(Evaluation& evaluation, const Expr& call);
Operand Pi(Evaluation& evaluation, const Expr& call);

// functions_time.cc
Operand Time(Evaluation& evaluation, const Expr& call);
Operand TimestampOf(Evaluation& evaluation, const Expr& call);
Operand DayOfMonth(Evaluation& evaluation, const Expr& call);
Operand DayOfWeek(Evaluation& evaluation, const Expr& call);
Operand DayOfYear(Evaluation& evaluation, const Expr& call);
Operand DaysInMonth(Evaluation& evaluation, const Expr& call);
Operand Hour(Evaluation& evaluation, const Expr& call);
Operand Minute(Evaluation& evaluation, const Expr& call);
Operand Month(Evaluation& evaluation, const Expr& call);
Operand Year(Evaluation& evaluation, const Expr& call);

// functions_vector.cc
Operand AbsentVector(Evaluation& evaluation, const Expr& call);
Operand ScalarOf(Evaluation& evaluation, const Expr& call);
Operand VectorOf(Evaluation& evaluation, const Expr& call);
Operand SortUp(Evaluation& evaluation, const Expr& call);
Operand SortDown(Evaluation& evaluation, const Expr& call);

// functions_label.cc
Operand LabelJoin(Evaluation& evaluation, const Expr& call);
Operand LabelReplace(Evaluation& evaluation, const Expr& call);

// functions_histogram.cc
Operand HistogramQuantile(Evaluation& evaluation, const Expr& call);
Operand HistogramFraction(Evaluation& evaluation, const Expr& call);
// histogram_count and its like read native histograms, of which there are none here.
Operand OfNativeHistograms(Evaluation& evaluation, const Expr& call);

inline const Expr& Argument(const Expr& call, std::size_t index) {
  return *std::get<CallExpr>(call.node).arguments[index];
}
inline std::size_t ArgumentCount(const Expr& call) {
  return std::get<CallExpr>(call.node).arguments.size();
}

}  // namespace drwatch::promql
