#include "probes/postgres_settings.h"

#include <array>
#include <optional>

#include "base/strings.h"

namespace drwatch::probes {
namespace {

struct Unit {
  std::string_view name;  // case matters: "ms" and "MB"
  double factor;
  char kind;
};
// PostgreSQL, "Parameter Names and Values".
constexpr std::array<Unit, 11> kUnits = {{{"B", 1, 'b'},
                                          {"kB", 1024, 'b'},
                                          {"MB", 1048576, 'b'},
                                          {"GB", 1073741824, 'b'},
                                          {"TB", 1099511627776, 'b'},
                                          {"us", 1e-6, 't'},
                                          {"ms", 1e-3, 't'},
                                          {"s", 1, 't'},
                                          {"min", 60, 't'},
                                          {"h", 3600, 't'},
                                          {"d", 86400, 't'}}};

struct Quantity {
  double value = 0;
  char kind = 0;
  friend bool operator==(const Quantity&, const Quantity&) = default;
};

std::optional<Quantity> ParseQuantity(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789.-+");
  const std::optional<double> number = base::ParseDouble(text.substr(0, end));
  if (!number) return std::nullopt;
  if (end == text.npos) return Quantity{*number, 0};
  const std::string_view name = base::Trim(text.substr(end));
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return Quantity{*number * unit.factor, unit.kind};
  }
  return std::nullopt;
}

std::optional<bool> ParseSwitch(const std::string& lower) {
  if (lower == "on" || lower == "true" || lower == "yes" || lower == "1") return true;
  if (lower == "off" || lower == "false" || lower == "no" || lower == "0") return false;
  return std::nullopt;
}

}  // namespace

bool SameSetting(std::string_view expected, std::string_view actual) {
  expected = base::Trim(expected);
  actual = base::Trim(actual);
  const std::string lower_expected = base::Lower(expected);
  const std::string lower_actual = base::Lower(actual);
  if (lower_expected == lower_actual) return true;
  const std::optional<bool> a = ParseSwitch(lower_expected);
  const std::optional<bool> b = ParseSwitch(lower_actual);
  if (a && b) return *a == *b;
  const std::optional<Quantity> x = ParseQuantity(expected);
  const std::optional<Quantity> y = ParseQuantity(actual);
  if (!x || !y) return false;
  // PostgreSQL shows 0 without a unit, and "-1" for switched off.
  return *x == *y || (x->value == y->value && x->value <= 0);
}

bool IsSecretSetting(std::string_view name) {
  const std::string lower = base::Lower(name);
  for (const std::string_view part : {"conninfo", "command", "passphrase", "password", "secret"}) {
    if (lower.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace drwatch::probes
