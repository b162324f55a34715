#include "exporter/once_format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/duration.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "exporter/once_machine.h"
#include "model/latest_good.h"

namespace drwatch::exporter {
namespace {

using model::CheckOutcome;
using model::ProbeResult;
using model::Severity;

struct FormatName {
  std::string_view name;
  OnceFormat format;
};
constexpr std::array<FormatName, 6> kFormats = {{{"table", OnceFormat::kTable},
                                                 {"json", OnceFormat::kJson},
                                                 {"ndjson", OnceFormat::kNdjson},
                                                 {"nagios", OnceFormat::kNagios},
                                                 {"junit", OnceFormat::kJunit},
                                                 {"prometheus", OnceFormat::kPrometheus}}};

// How much a severity matters for the verdict (OverallSeverity).
int Weight(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return 0;
    case Severity::kWarning:
      return 1;
    case Severity::kUnknown:
      return 2;
    case Severity::kCritical:
      return 3;
  }
  std::abort();
}

std::string_view ColourOf(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "\x1b[32m";
    case Severity::kWarning:
      return "\x1b[33m";
    case Severity::kUnknown:
      return "\x1b[35m";
    case Severity::kCritical:
      return "\x1b[1;31m";
  }
  std::abort();
}

std::string Upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

std::string Pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// Control characters would move the cursor of whoever reads this.
std::string OneLine(std::string_view text) {
  std::string result;
  for (const char c : text) result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return result;
}

std::string Detail(const CheckOutcome& check) {
  std::string text = check.name + ": " + OneLine(check.message);
  if (check.reason != model::Reason::kNone)
    text += " (" + std::string(ReasonName(check.reason)) + ")";
  return text;
}

std::size_t Widest(const std::vector<ProbeResult>& results, std::size_t at_least,
                   const std::string ProbeResult::*member) {
  std::size_t width = at_least;
  for (const ProbeResult& result : results) width = std::max(width, (result.*member).size());
  return std::min<std::size_t>(width, 48);
}

std::string Summary(const OnceReport& report) {
  std::array<int, 4> counts{};
  for (const ProbeResult& result : report.results) ++counts.at(Weight(result.severity()));
  char text[160];
  std::snprintf(text, sizeof text, "%d ok, %d warning, %d critical, %d unknown in %.2f s\n",
                counts[Weight(Severity::kOk)], counts[Weight(Severity::kWarning)],
                counts[Weight(Severity::kCritical)], counts[Weight(Severity::kUnknown)],
                base::ToSeconds(report.duration));
  return text;
}

// The rows of one result: its headline, then every other check that is not well, then the hints.
std::string Rows(const ProbeResult& result, const std::string& lead, const std::string& indent) {
  const CheckOutcome headline = result.Headline();
  std::string text = lead + Detail(headline) + "\n";
  const auto add_hint = [&](const CheckOutcome& check) {
    if (!check.hint.empty()) text += indent + "hint: " + OneLine(check.hint) + "\n";
  };
  add_hint(headline);
  for (const CheckOutcome& check : result.checks) {
    if ((check.severity == Severity::kOk && check.name != model::kLatestGoodCheck) ||
        (check.name == headline.name && check.message == headline.message))
      continue;
    text += indent + Detail(check) + "\n";
    add_hint(check);
  }
  return text;
}

std::string FormatTable(const OnceReport& report, Colour colour) {
  constexpr std::size_t kStatusWidth = 8;
  std::vector<ProbeResult> sorted = report.results;
  std::stable_sort(sorted.begin(), sorted.end(), [](const ProbeResult& a, const ProbeResult& b) {
    return Weight(a.severity()) > Weight(b.severity());
  });
  for (ProbeResult& result : sorted) {
    result.probe = base::Visible(result.probe);
    result.target = base::Visible(result.target);
  }
  const std::size_t name_width = Widest(sorted, 5, &ProbeResult::probe);
  const std::size_t type_width = Widest(sorted, 4, &ProbeResult::type);
  const std::size_t target_width = Widest(sorted, 6, &ProbeResult::target);
  const std::string gap = "  ";
  std::string text = base::Join({Pad("STATUS", kStatusWidth), Pad("PROBE", name_width),
                                 Pad("TYPE", type_width), Pad("TARGET", target_width), "DETAIL\n"},
                                gap);
  const std::string indent(kStatusWidth + name_width + type_width + target_width + 4 * gap.size(),
                           ' ');
  for (const ProbeResult& result : sorted) {
    std::string status = Pad(Upper(SeverityName(result.severity())), kStatusWidth);
    if (colour == Colour::kAlways) status.insert(0, ColourOf(result.severity())).append("\x1b[0m");
    text += Rows(result,
                 base::Join({status, Pad(result.probe, name_width), Pad(result.type, type_width),
                             Pad(base::Truncate(result.target, target_width), target_width), ""},
                            gap),
                 indent);
  }
  return text + Summary(report);
}

}  // namespace

std::optional<OnceFormat> ParseOnceFormat(std::string_view name) {
  for (const FormatName& row : kFormats) {
    if (row.name == name) return row.format;
  }
  return std::nullopt;
}

Severity OverallSeverity(const std::vector<ProbeResult>& results) {
  if (results.empty()) return Severity::kUnknown;
  Severity worst = Severity::kOk;
  for (const ProbeResult& result : results) {
    if (Weight(result.severity()) > Weight(worst)) worst = result.severity();
  }
  return worst;
}

int ExitCode(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return 0;
    case Severity::kWarning:
      return 1;
    case Severity::kCritical:
      return 2;
    case Severity::kUnknown:
      return 3;
  }
  std::abort();
}

std::string FormatOnce(const OnceReport& report, OnceFormat format, Colour colour) {
  switch (format) {
    case OnceFormat::kTable:
      return FormatTable(report, colour);
    case OnceFormat::kJson:
      return FormatJson(report);
    case OnceFormat::kNdjson:
      return FormatNdjson(report);
    case OnceFormat::kNagios:
      return FormatNagios(report);
    case OnceFormat::kJunit:
      return FormatJunit(report);
    case OnceFormat::kPrometheus:
      return FormatPrometheus(report);
  }
  std::abort();
}

}  // namespace drwatch::exporter
