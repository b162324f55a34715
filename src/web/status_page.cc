#include "web/status_page.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"
#include "model/latest_good.h"

namespace drwatch::web {
namespace {

constexpr std::string_view kStyle = R"(<style>
:root{color-scheme:light dark;--line:#8884;--muted:#777}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;vertical-align:top}
th,td{border-bottom:1px solid var(--line)}
th{color:var(--muted);font-weight:600}td.detail{word-break:break-word}
.muted{color:var(--muted)}code,pre{font-family:ui-monospace,monospace;font-size:.92em}
.badge{display:inline-block;min-width:5.5em;padding:.05rem .5rem;border-radius:.3rem}
.badge{color:#fff;text-align:center}
.ok{background:#1a7f37}.warning{background:#9a6700}
.critical{background:#c0232c}.unknown{background:#6e40c9}
.button{border:1px solid var(--line);border-radius:.3rem;padding:.05rem .5rem}
.pending{background:#9a6700}.firing{background:#c0232c}
</style>)";

std::string Head(std::string_view title, bool refresh) {
  return "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
         EscapeHtml(title) +
         "</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">" +
         (refresh ? "<meta http-equiv=\"refresh\" content=\"10\">" : "") + std::string(kStyle) +
         "</head><body>\n";
}

std::string Badge(std::string_view kind) {
  return "<span class=\"badge " + std::string(kind) + "\">" + std::string(kind) + "</span>";
}

std::string Ago(base::Timestamp now, base::Timestamp then) {
  const auto elapsed = std::chrono::floor<std::chrono::seconds>(now - then);
  return base::FormatDuration(std::max(base::Duration(0), base::Duration(elapsed)));
}

std::string CheckText(const model::CheckOutcome& check) {
  std::string text = "<b>" + EscapeHtml(check.name) + "</b> " + EscapeHtml(check.message);
  if (check.reason != model::Reason::kNone) {
    text += " <code>" + std::string(model::ReasonName(check.reason)) + "</code>";
  }
  if (!check.hint.empty())
    text += "<br><span class=\"muted\">" + EscapeHtml(check.hint) + "</span>";
  return text;
}

std::string ProbeRow(const model::ProbeResult& result, base::Timestamp now) {
  std::string detail = CheckText(result.Headline());
  for (const model::CheckOutcome& check : result.checks) {
    const bool worth_it =
        check.severity != model::Severity::kOk || check.name == model::kLatestGoodCheck;
    if (!worth_it || check.message == result.Headline().message) continue;
    detail += "<br>" + CheckText(check);
  }
  return "<tr><td>" + Badge(model::SeverityName(result.severity())) + "</td><td>" +
         EscapeHtml(result.probe) + "</td><td>" + EscapeHtml(result.type) + "</td><td>" +
         EscapeHtml(result.service) + "</td><td>" + EscapeHtml(result.target) +
         "</td><td class=\"detail\">" + detail + "</td><td>" + Ago(now, result.started) +
         " ago</td></tr>\n";
}

std::string AttentionCell(const StatusView& view, const model::Alert& alert) {
  const auto found = view.attention.find(alert.FingerprintHex());
  if (found == view.attention.end()) return "";
  const AlertAttention& attention = found->second;
  std::string text;
  if (attention.acknowledged.empty()) {
    text =
        "<a class=\"button\" href=\"acknowledge?fingerprint=" + EscapeHtml(attention.fingerprint) +
        "\">Acknowledge</a>";
  } else {
    text = "Acknowledged " + EscapeHtml(attention.acknowledged);
  }
  if (!attention.next.empty()) {
    text += "<br><span class=\"muted\">next: " + EscapeHtml(attention.next) + "</span>";
  }
  return text;
}

std::string AlertRow(const StatusView& view, const model::Alert& alert) {
  std::string labels;
  for (const model::LabelView label : alert.labels) {
    if (label.name == model::kAlertName || label.name == "severity") continue;
    labels += " <code>" + EscapeHtml(label.name) + "=" + EscapeHtml(label.value) + "</code>";
  }
  const std::string_view runbook = alert.annotations.Get("runbook_url");
  std::string name = EscapeHtml(alert.labels.Get(model::kAlertName));
  if (runbook.starts_with("http://") || runbook.starts_with("https://") ||
      runbook.starts_with("/")) {
    name = "<a href=\"" + EscapeHtml(runbook) + "\">" + name + "</a>";
  }
  return "<tr><td>" + Badge(model::AlertStateName(alert.state)) + "</td><td>" + name + "</td><td>" +
         EscapeHtml(alert.labels.Get("severity")) + "</td><td class=\"detail\">" +
         EscapeHtml(alert.annotations.Get("summary")) + labels + "</td><td>" +
         EscapeHtml(alert.annotations.Get("action")) + "</td><td>" +
         Ago(view.now, alert.active_at) + "</td><td>" + AttentionCell(view, alert) + "</td></tr>\n";
}

std::string AlertTable(const StatusView& view) {
  std::vector<model::Alert> shown;
  for (const model::Alert& alert : view.alerts) {
    if (alert.labels.Get("severity") != "none") shown.push_back(alert);
  }
  std::stable_sort(shown.begin(), shown.end(),
                   [](const model::Alert& a, const model::Alert& b) { return a.state > b.state; });
  if (shown.empty()) return "<p class=\"muted\">No alert is pending or firing.</p>\n";
  std::string text =
      "<table><tr><th>State</th><th>Alert</th><th>Severity</th><th>What</th><th>Action</th>"
      "<th>For</th><th>Attention</th></tr>\n";
  for (const model::Alert& alert : shown) text += AlertRow(view, alert);
  return text + "</table>\n";
}

std::string ProbeTable(const StatusView& view) {
  if (view.probes.empty()) return "<p class=\"muted\">No probe is configured.</p>\n";
  std::vector<model::ProbeResult> sorted = view.probes;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const model::ProbeResult& a, const model::ProbeResult& b) {
                     return a.severity() > b.severity();
                   });
  std::string text =
      "<table><tr><th>State</th><th>Probe</th><th>Type</th><th>Service</th><th>Target</th>"
      "<th>Finding</th><th>Started</th></tr>\n";
  for (const model::ProbeResult& result : sorted) text += ProbeRow(result, view.now);
  return text + "</table>\n";
}

std::string Time(std::optional<double> seconds) {
  if (!seconds) return "";
  const auto time = std::chrono::duration<double>(*seconds);
  return base::FormatDuration(time < std::chrono::seconds(1)
                                  ? std::chrono::round<base::Duration>(time)
                                  : std::chrono::round<std::chrono::seconds>(time));
}

// Worse than the objective, by what is known of one of them.
bool IsBeyond(std::optional<double> seconds, std::optional<double> target) {
  return seconds && target && *seconds > *target;
}

// What nothing would bring back.
std::string LostData(const recovery::ScenarioReport& report) {
  std::vector<std::string> names;
  for (const recovery::DataReport& each : report.data) {
    if (each.paths.empty()) names.push_back(EscapeHtml(each.data));
  }
  return "all of " + base::Join(names, ", ");
}

std::string ScenarioRow(const recovery::ServiceReport& service,
                        const recovery::ScenarioReport& report, base::Timestamp now) {
  const recovery::RecoveryPath* const decisive = report.Decisive();
  std::optional<double> loss, measured;
  if (decisive != nullptr) loss = std::max(0.0, base::ToSeconds(now - decisive->point));
  if (report.measured) measured = base::ToSeconds(report.measured->took);
  const std::optional<double> estimate = report.EstimatedSeconds();
  const bool critical = !loss || IsBeyond(loss, service.target_seconds) ||
                        IsBeyond(measured, service.rto_target_seconds);
  const bool warning = IsBeyond(estimate, service.rto_target_seconds);
  return "<tr><td>" +
         Badge(critical  ? "critical"
               : warning ? "warning"
                         : "ok") +
         "</td><td>" + EscapeHtml(service.service) + "</td><td>" +
         std::string(recovery::ScenarioName(report.scenario)) + "</td><td>" +
         (loss ? Time(loss) : LostData(report)) + "</td><td>" + Time(service.target_seconds) +
         "</td><td>" + Time(estimate) + "</td><td>" +
         (report.measured ? Time(measured) + ", " + Ago(now, report.measured->ended) + " ago"
                          : std::string()) +
         "</td><td>" + Time(service.rto_target_seconds) + "</td></tr>\n";
}

std::string RecoveryTable(const StatusView& view) {
  std::string rows;
  for (const recovery::ServiceReport& service : view.services) {
    for (const recovery::ScenarioReport& report : service.scenarios) {
      rows += ScenarioRow(service, report, view.now);
    }
  }
  if (rows.empty()) return "<p class=\"muted\">Nothing of a service is watched.</p>\n";
  return "<table><tr><th>State</th><th>Service</th><th>Scenario</th><th>Would lose</th>"
         "<th>RPO</th><th>Back at the earliest</th><th>Last passed drill</th><th>RTO</th></tr>\n" +
         rows + "</table>\n";
}

std::string ReceiverTable(const StatusView& view) {
  if (view.receivers.empty())
    return "<p class=\"muted\">Nothing has been sent since the start.</p>\n";
  std::string text =
      "<table><tr><th>Receiver</th><th>Integration</th><th>Waiting</th><th>Oldest</th>"
      "<th>Last error</th></tr>\n";
  for (const ReceiverStatus& row : view.receivers) {
    text += "<tr><td>" + EscapeHtml(row.receiver) + "</td><td>" + EscapeHtml(row.integration) +
            "</td><td>" + std::to_string(row.waiting) + "</td><td>" +
            (row.waiting > 0
                 ? base::FormatDuration(std::chrono::floor<std::chrono::seconds>(row.oldest))
                 : "") +
            "</td><td class=\"detail\">" + EscapeHtml(row.last_error) + "</td></tr>\n";
  }
  return text + "</table>\n";
}

// `code`, **bold** and [text](target) inside one line; `text` is escaped already.
std::string InlineMarkup(std::string text) {
  const auto wrap = [&text](std::string_view mark, const std::string& open,
                            const std::string& close) {
    std::size_t at = 0;
    while ((at = text.find(mark, at)) != std::string::npos) {
      const std::size_t end = text.find(mark, at + mark.size());
      if (end == std::string::npos) return;
      const std::string inner = text.substr(at + mark.size(), end - at - mark.size());
      const std::string whole = open + inner + close;
      text.replace(at, end + mark.size() - at, whole);
      at += whole.size();
    }
  };
  wrap("**", "<b>", "</b>");
  wrap("`", "<code>", "</code>");
  std::size_t at = 0;
  while ((at = text.find("](", at)) != std::string::npos) {
    const std::size_t open = text.rfind('[', at);
    const std::size_t close = text.find(')', at);
    if (open == std::string::npos || close == std::string::npos) break;
    std::string target = text.substr(at + 2, close - at - 2);
    if (target.ends_with(".md")) target.resize(target.size() - 3);
    const std::string link =
        "<a href=\"" + target + "\">" + text.substr(open + 1, at - open - 1) + "</a>";
    text.replace(open, close + 1 - open, link);
    at = open + link.size();
  }
  return text;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string PageHead(std::string_view title) { return Head(title, false); }

std::string StatusPage(const StatusView& view) {
  std::string page = Head("drwatch", true);
  page += "<h1>drwatch</h1><p class=\"muted\">" + EscapeHtml(base::FormatRfc3339(view.now)) +
          ", version " + EscapeHtml(view.version) +
          (view.ready ? "" : ", <b>not ready: some probes have not run yet</b>") +
          " &middot; <a href=\"/metrics\">metrics</a> &middot; <a href=\"/api/v1/rules\">rules</a> "
          "&middot; "
          "<a href=\"/api/v1/alerts\">alerts</a></p>\n";
  page += "<h2>Alerts</h2>\n" + AlertTable(view);
  page += "<h2>Recovery</h2>\n" + RecoveryTable(view);
  page += "<h2>Probes</h2>\n" + ProbeTable(view);
  page += "<h2>Delivery</h2>\n" + ReceiverTable(view);
  if (!view.rule_failures.empty()) {
    page += "<h2>Rules that fail</h2>\n<table><tr><th>Group</th><th>Rule</th><th>Error</th></tr>\n";
    for (const RuleFailure& failure : view.rule_failures) {
      page += "<tr><td>" + EscapeHtml(failure.group) + "</td><td>" + EscapeHtml(failure.rule) +
              "</td><td class=\"detail\">" + EscapeHtml(failure.error) + "</td></tr>\n";
    }
    page += "</table>\n";
  }
  return page + "</body></html>\n";
}

std::string RunbookPage(std::string_view title, std::string_view markdown) {
  std::string page = Head(title, false);
  bool in_list = false;
  for (const std::string_view line : base::Split(markdown, '\n')) {
    const std::size_t dot = line.find(". ");
    const bool item =
        dot != std::string_view::npos && dot > 0 && base::ParseInt(line.substr(0, dot)).has_value();
    if (item != in_list) page += item ? "<ol>\n" : "</ol>\n";
    in_list = item;
    if (item) {
      page += "<li>" + InlineMarkup(EscapeHtml(line.substr(dot + 2))) + "</li>\n";
    } else if (line.starts_with("## ")) {
      page += "<h2>" + EscapeHtml(line.substr(3)) + "</h2>\n";
    } else if (line.starts_with("# ")) {
      page += "<h1>" + EscapeHtml(line.substr(2)) + "</h1>\n";
    } else if (!line.empty()) {
      page += "<p>" + InlineMarkup(EscapeHtml(line)) + "</p>\n";
    }
  }
  return page + (in_list ? "</ol>\n" : "") + "<p><a href=\"/\">drwatch</a></p></body></html>\n";
}

}  // namespace drwatch::web
