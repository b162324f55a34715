// Quantiles of plain values.
#pragma once

#include <string>
#include <vector>

namespace drwatch::promql {

// Interpolates between the two nearest ranks. NaN counts as the smallest value. `values` is sorted.
// NaN if it is empty or `q` is NaN; -Inf and +Inf for a `q` below 0 and above 1.
double Quantile(double q, std::vector<double>& values);
inline bool IsValidQuantile(double q) { return q >= 0 && q <= 1; }
// The annotation's text.
std::string InvalidQuantile(double q);
// Less, with NaN before everything: what sorts and quantiles order by.
bool LessNanFirst(double a, double b);
// As Go prints %g with the fewest digits.
std::string FormatShort(double value);

}  // namespace drwatch::promql
