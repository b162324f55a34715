#include "template/humanize.h"

#include <array>
#include <cmath>
#include <limits>

#include "template/format.h"

namespace drwatch::tmpl {
namespace {

constexpr std::array<std::string_view, 8> kLarge = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::array<std::string_view, 8> kBinary = {"ki", "Mi", "Gi", "Ti",
                                                     "Pi", "Ei", "Zi", "Yi"};
constexpr std::array<std::string_view, 8> kSmall = {"m", "u", "n", "p", "f", "a", "z", "y"};

std::string Digits(double value) { return FormatFloat(value, 'g', 4); }

std::string ScaledDown(double value, double base, const std::array<std::string_view, 8>& prefixes) {
  std::string_view prefix;
  for (const std::string_view next : prefixes) {
    if (std::abs(value) < base) break;
    prefix = next;
    value /= base;
  }
  return Digits(value) + std::string(prefix);
}

std::string ScaledUp(double value) {
  std::string_view prefix;
  for (const std::string_view next : kSmall) {
    if (std::abs(value) >= 1) break;
    prefix = next;
    value *= 1000;
  }
  return Digits(value) + std::string(prefix);
}

}  // namespace

base::Result<std::string> Humanize(double value) {
  if (value == 0 || !std::isfinite(value)) return Digits(value);
  return std::abs(value) >= 1 ? ScaledDown(value, 1000, kLarge) : ScaledUp(value);
}

base::Result<std::string> Humanize1024(double value) {
  if (std::abs(value) <= 1 || !std::isfinite(value)) return Digits(value);
  return ScaledDown(value, 1024, kBinary);
}

base::Result<std::string> HumanizeDuration(double seconds) {
  if (!std::isfinite(seconds)) return Digits(seconds);
  if (seconds == 0) return Digits(seconds) + "s";
  if (std::abs(seconds) < 1) return ScaledUp(seconds) + "s";
  const std::string sign = seconds < 0 ? "-" : "";
  const double magnitude = std::abs(seconds);
  // Prometheus converts to int64; out of range gives the smallest one on amd64.
  const std::int64_t whole = magnitude < 9223372036854775807.0
                                 ? static_cast<std::int64_t>(magnitude)
                                 : std::numeric_limits<std::int64_t>::min();
  const auto part = [](std::int64_t number, const char* unit) {
    return std::to_string(number) + unit;
  };
  const std::string tail = part(whole / 60 % 60, "m ") + part(whole % 60, "s");
  if (whole / 86400 != 0) {
    return sign + part(whole / 86400, "d ") + part(whole / 3600 % 24, "h ") + tail;
  }
  if (whole / 3600 != 0) return sign + part(whole / 3600 % 24, "h ") + tail;
  if (whole / 60 != 0) return sign + tail;
  return sign + Digits(magnitude) + "s";
}

base::Result<std::string> HumanizePercentage(double ratio) { return Digits(ratio * 100) + "%"; }

}  // namespace drwatch::tmpl
