#include "promql/quantile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace drwatch::promql {

bool LessNanFirst(double a, double b) {
  if (std::isnan(a)) return !std::isnan(b);
  return a < b;
}

double Quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return std::numeric_limits<double>::quiet_NaN();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), LessNanFirst);
  const double rank = q * static_cast<double>(values.size() - 1);
  const double floor = std::floor(rank);
  const auto lower = static_cast<std::size_t>(std::max(0.0, floor));
  const std::size_t upper = std::min(values.size() - 1, lower + 1);
  const double weight = rank - floor;
  return values[lower] * (1 - weight) + values[upper] * weight;
}

std::string FormatShort(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general).ptr;
  return {text, end};
}

std::string InvalidQuantile(double q) {
  return "quantile value should be between 0 and 1, got " + FormatShort(q);
}

}  // namespace drwatch::promql
