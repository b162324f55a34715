#include "exporter/once_machine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "base/terminal.h"
#include "exporter/version.h"
#include "model/exposition.h"
#include "model/latest_good.h"

namespace drwatch::exporter {
namespace {

// Keys stay in the order they are written.
using Json = nlohmann::ordered_json;
using model::CheckOutcome;
using model::ProbeResult;
using model::Severity;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json CheckJson(const CheckOutcome& check) {
  Json json = {{"name", check.name},
               {"status", SeverityName(check.severity)},
               {"reason", ReasonName(check.reason)},
               {"message", check.message}};
  if (!check.hint.empty()) json["hint"] = check.hint;
  return json;
}

// The backup one would go back to; null if none is known to be good.
Json LatestGoodJson(const ProbeResult& result) {
  const model::StoredCopy* const good = model::LatestGood(result.copies);
  if (good == nullptr) return nullptr;
  return {{"name", good->name},
          {"time", base::FormatRfc3339(good->point)},
          {"age_seconds", std::max(0.0, base::ToSeconds(result.started - good->point))},
          {"size_bytes", good->size_bytes},
          {"level", good->level}};
}

std::string TextOf(const CheckOutcome& check) { return check.name + ": " + check.message; }

// What is said of the latest good backup, where that is not the headline anyway; else nullptr.
const CheckOutcome* OtherLatestGood(const ProbeResult& result) {
  const CheckOutcome* const check = model::LatestGoodCheck(result);
  return check == nullptr || check->message == result.Headline().message ? nullptr : check;
}

Json ResultJson(const ProbeResult& result) {
  const CheckOutcome headline = result.Headline();
  Json json = {{"probe", result.probe},
               {"type", result.type},
               {"service", result.service},
               {"target", result.target},
               {"status", SeverityName(result.severity())},
               {"reason", ReasonName(headline.reason)},
               {"message", headline.message},
               {"started_at", base::FormatRfc3339(result.started)},
               {"duration_ms", result.duration.count()}};
  if (!headline.hint.empty()) json["hint"] = headline.hint;
  Json measurements = Json::object();
  for (const model::Measurement& measurement : result.measurements) {
    measurements[measurement.name] = Number(measurement.value);
  }
  json["measurements"] = std::move(measurements);
  Json checks = Json::array();
  for (const CheckOutcome& check : result.checks) checks.push_back(CheckJson(check));
  json["checks"] = std::move(checks);
  if (result.type == "backup") json["latest_good"] = LatestGoodJson(result);
  return json;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

int CountOf(const OnceReport& report, Severity severity) {
  int count = 0;
  for (const ProbeResult& result : report.results) count += result.severity() == severity ? 1 : 0;
  return count;
}

// Nagios cuts at '|' and line ends.
std::string NagiosText(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' || static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return result;
}

// Decimal without an exponent, as the plugin guidelines want it.
std::string PlainNumber(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6f", value);
  std::string plain = text;
  plain.erase(plain.find_last_not_of('0') + 1);
  if (plain.ends_with('.')) plain.pop_back();
  return plain;
}

std::string PerformanceData(const OnceReport& report) {
  std::string text;
  for (const ProbeResult& result : report.results) {
    for (const model::Measurement& measurement : result.measurements) {
      std::string label = result.probe + " " + measurement.name;
      for (std::size_t at = 0; (at = label.find('\'', at)) != std::string::npos; at += 2)
        label.insert(at, 1, '\'');
      text += " '" + NagiosText(label) + "'=";
      text += std::isfinite(measurement.value) ? PlainNumber(measurement.value) + measurement.unit
                                               : "U";
      text += ";" + (measurement.warning ? PlainNumber(*measurement.warning) : "");
      text += ";" + (measurement.critical ? PlainNumber(*measurement.critical) : "");
    }
  }
  return text.empty() ? text : " |" + text;
}

// XML has no place for control characters, for bytes that are no UTF-8, and for U+FFFE and U+FFFF.
std::string XmlText(std::string_view text) {
  const std::string visible = base::IsValidUtf8(text) ? std::string(text) : base::Visible(text);
  std::string result;
  for (std::size_t i = 0; i < visible.size(); ++i) {
    const char c = visible[i];
    const auto byte = static_cast<unsigned char>(c);
    const std::string_view next = std::string_view(visible).substr(i, 3);
    if (next == "\xEF\xBF\xBE" || next == "\xEF\xBF\xBF") {
      i += 2;
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '&') {
      result += "&amp;";
    } else if (c == '"') {
      result += "&quot;";
    } else if (byte >= 0x20 || c == '\n' || c == '\t') {
      result += c;
    }
  }
  return result;
}

std::string Upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

}  // namespace

std::string FormatJson(const OnceReport& report) {
  const Severity overall = OverallSeverity(report.results);
  Json results = Json::array();
  for (const ProbeResult& result : report.results) results.push_back(ResultJson(result));
  const Json json = {{"schema", "drwatch.once/v1"},
                     {"generated_at", base::FormatRfc3339(report.generated_at)},
                     {"host", report.host},
                     {"version", Version()},
                     {"summary",
                      {{"status", SeverityName(overall)},
                       {"exit_code", ExitCode(overall)},
                       {"ok", CountOf(report, Severity::kOk)},
                       {"warning", CountOf(report, Severity::kWarning)},
                       {"critical", CountOf(report, Severity::kCritical)},
                       {"unknown", CountOf(report, Severity::kUnknown)},
                       {"duration_ms", report.duration.count()}}},
                     {"results", std::move(results)}};
  return Dump(json, 2);
}

std::string FormatNdjson(const OnceReport& report) {
  std::string text;
  for (const ProbeResult& result : report.results) text += Dump(ResultJson(result), -1);
  return text;
}

std::string FormatNagios(const OnceReport& report) {
  const Severity overall = OverallSeverity(report.results);
  const std::size_t well = CountOf(report, Severity::kOk);
  std::string headline;
  std::string lines;
  for (const ProbeResult& result : report.results) {
    if (result.severity() == Severity::kOk) continue;
    const CheckOutcome check = result.Headline();
    const std::string text = result.probe + " " + TextOf(check);
    if (headline.empty() && result.severity() == overall) headline = text;
    lines += "[" + Upper(SeverityName(result.severity())) + "] " + NagiosText(text);
    if (!check.hint.empty()) lines += " (" + NagiosText(check.hint) + ")";
    lines += "\n";
    if (const CheckOutcome* const good = OtherLatestGood(result)) {
      lines += "[" + Upper(SeverityName(good->severity)) + "] " +
               NagiosText(result.probe + " " + TextOf(*good)) + "\n";
    }
  }
  std::string first = "DRWATCH " + Upper(SeverityName(overall)) + " - ";
  if (report.results.empty()) {
    first += "nothing selected";
  } else if (headline.empty()) {
    first += std::to_string(well) + " probes ok";
  } else {
    first += std::to_string(report.results.size() - well) + " of " +
             std::to_string(report.results.size()) +
             " not ok: " + base::Truncate(NagiosText(headline), 300);
  }
  return first + PerformanceData(report) + "\n" + lines;
}

std::string FormatJunit(const OnceReport& report) {
  std::string cases;
  for (const ProbeResult& result : report.results) {
    const CheckOutcome check = result.Headline();
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.3f", base::ToSeconds(result.duration));
    cases += "  <testcase classname=\"drwatch." + XmlText(result.type) + "\" name=\"" +
             XmlText(result.probe) + "\" time=\"" + seconds + "\">";
    const std::string body = " type=\"" + std::string(ReasonName(check.reason)) + "\" message=\"" +
                             XmlText(TextOf(check)) + "\">" + XmlText(check.hint);
    if (result.severity() == Severity::kCritical) cases += "<failure" + body + "</failure>";
    if (result.severity() == Severity::kUnknown) cases += "<error" + body + "</error>";
    std::string said;
    if (result.severity() == Severity::kWarning) said = "warning: " + TextOf(check);
    if (const CheckOutcome* const good = OtherLatestGood(result)) {
      said += (said.empty() ? "" : "\n") + TextOf(*good);
    }
    if (!said.empty()) cases += "<system-out>" + XmlText(said) + "</system-out>";
    cases += "</testcase>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"drwatch\" tests=\"" +
         std::to_string(report.results.size()) + "\" failures=\"" +
         std::to_string(CountOf(report, Severity::kCritical)) + "\" errors=\"" +
         std::to_string(CountOf(report, Severity::kUnknown)) + "\" skipped=\"0\" timestamp=\"" +
         base::FormatRfc3339(report.generated_at) + "\">\n" + cases + "</testsuite>\n";
}

std::string FormatPrometheus(const OnceReport& report) {
  model::FamilySet own;
  std::vector<model::MetricFamily> families;
  for (const ProbeResult& result : report.results) {
    own.Gauge("drwatch_once_status", "Verdict of a probe: 0 ok, 1 warning, 2 critical, 3 unknown.",
              model::Labels{{"probe", result.probe}}, ExitCode(result.severity()));
    if (!result.foreign)
      families.insert(families.end(), result.families.begin(), result.families.end());
  }
  own.Gauge("drwatch_once_run_timestamp_seconds", "When this file was written.", {},
            base::ToUnixSeconds(report.generated_at));
  for (model::MetricFamily& family : own.Take()) families.push_back(std::move(family));
  return model::WriteText(families, model::TextFormat::kPrometheus);
}

}  // namespace drwatch::exporter
