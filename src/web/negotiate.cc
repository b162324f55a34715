#include "web/negotiate.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"

namespace drwatch::web {
namespace {

constexpr std::string_view kOpenMetrics = "application/openmetrics-text";
constexpr std::array<std::string_view, 4> kEscapings = {"allow-utf-8", "underscores", "dots",
                                                        "values"};

// One alternative of an Accept header.
struct Clause {
  std::string type;
  std::string version;
  std::string escaping;
  double weight = 1;
};

Clause ParseClause(std::string_view text) {
  const auto parts = base::Split(text, ';');
  Clause clause;
  clause.type = base::Lower(base::Trim(parts[0]));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = base::Lower(base::Trim(parts[i].substr(0, equals)));
    std::string_view value = base::Trim(parts[i].substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "version") clause.version = value;
    if (name == "escaping") clause.escaping = base::Lower(value);
    if (name == "q") clause.weight = base::ParseDouble(value).value_or(0);
  }
  return clause;
}

// What drwatch would write for it, if anything.
std::optional<MetricsFormat> FormatOf(const Clause& clause) {
  MetricsFormat format;
  if (clause.type == kOpenMetrics) {
    const bool old = clause.version == "0.0.1";
    if (!old && clause.version != "1.0.0" && !clause.version.empty()) return std::nullopt;
    format.format = model::TextFormat::kOpenMetrics;
    format.content_type = std::string(kOpenMetrics) + "; version=" + (old ? "0.0.1" : "1.0.0");
  } else if (clause.type == "text/plain" || clause.type == "text/*" || clause.type == "*/*") {
    if (clause.version != "0.0.4" && !clause.version.empty()) return std::nullopt;
    format.content_type = "text/plain; version=0.0.4";
  } else {
    return std::nullopt;
  }
  format.content_type += "; charset=utf-8";
  if (std::find(kEscapings.begin(), kEscapings.end(), clause.escaping) != kEscapings.end()) {
    format.content_type += "; escaping=" + clause.escaping;
  }
  return format;
}

}  // namespace

MetricsFormat NegotiateMetrics(std::string_view accept) {
  std::optional<MetricsFormat> best;
  double best_weight = 0;
  for (const std::string_view part : base::Split(accept, ',')) {
    const Clause clause = ParseClause(part);
    if (clause.weight <= best_weight) continue;
    auto format = FormatOf(clause);
    if (!format) continue;
    best = std::move(format);
    best_weight = clause.weight;
  }
  if (best) return *best;
  return *FormatOf({.type = "*/*", .version = "", .escaping = ""});
}

}  // namespace drwatch::web
