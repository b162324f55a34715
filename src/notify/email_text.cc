#include "notify/email_text.h"

#include "notify/text.h"

namespace drwatch::notify {
namespace {

constexpr std::size_t kMaxAlerts = 50;
constexpr std::size_t kMaxValueCharacters = 2000;  // of one label or annotation
constexpr std::size_t kMaxBytes = 256 << 10;       // no further alert is added beyond

std::string Value(std::string_view text) { return CleanWithin(text, kMaxValueCharacters); }

std::string Line(std::string_view text) {
  return CutCharacters(CleanLine(text.substr(0, 4 * kMaxValueCharacters)), kMaxValueCharacters);
}

// The alerts of one state, described by `describe`, as many as fit.
template <typename Describe>
std::string List(const Notification& notification, bool resolved, const Describe& describe,
                 std::size_t& left_out) {
  std::string out;
  std::size_t count = 0;
  for (const model::Alert& alert : notification.alerts) {
    if (alert.resolved() != resolved) continue;
    if (count == kMaxAlerts || out.size() > kMaxBytes) {
      ++left_out;
      continue;
    }
    out += describe(alert);
    ++count;
  }
  return out;
}

std::string State(const model::Alert& alert) {
  std::string text = "Firing since " + base::FormatRfc3339(alert.fired_at);
  if (alert.resolved()) text += ", resolved at " + base::FormatRfc3339(alert.resolved_at);
  if (alert.annotations.Has(kResolveReason)) {
    text += " (" + Value(alert.annotations.Get(kResolveReason)) + ")";
  }
  if (alert.annotations.Has(kAcknowledgedBy)) {
    text += ", acknowledged " + Value(alert.annotations.Get(kAcknowledgedBy));
  }
  return text;
}

struct Link {
  const char* name;
  std::string url;
};

std::vector<Link> Links(const model::Alert& alert) {
  std::vector<Link> links;
  for (Link& link :
       std::vector<Link>{{"Runbook", std::string(alert.annotations.Get("runbook_url"))},
                         {"Dashboard", std::string(alert.annotations.Get("dashboard_url"))},
                         {"Expression", alert.generator_url}}) {
    if (IsWebUrl(link.url) && link.url.size() <= kMaxValueCharacters) {
      links.push_back(std::move(link));
    }
  }
  return links;
}

std::string AlertText(const model::Alert& alert) {
  std::string text = "* " + Value(AlertSummary(alert)) + "\n";
  for (const char* annotation : {"description", "action"}) {
    if (!alert.annotations.Has(annotation)) continue;
    const bool action = std::string_view(annotation) == "action";
    text += std::string("  ") + (action ? "Action: " : "") +
            Value(alert.annotations.Get(annotation)) + "\n";
  }
  text += "  " + State(alert) + "\n  Labels:";
  for (const model::LabelView label : alert.labels) {
    text += " " + Line(label.name) + "=\"" + Line(label.value) + "\"";
  }
  text += "\n";
  for (const Link& link : Links(alert))
    text += std::string("  ") + link.name + ": " + link.url + "\n";
  return text + "\n";
}

std::string AlertHtml(const model::Alert& alert) {
  const char* color = alert.resolved() ? "#2e7d32" : "#c62828";
  std::string html = std::string("<div style=\"border-left:4px solid ") + color +
                     ";padding:4px 12px;margin:12px 0\"><p style=\"margin:0\"><b>" +
                     EscapeHtml(Value(AlertSummary(alert))) + "</b></p>\n";
  for (const char* annotation : {"description", "action"}) {
    if (!alert.annotations.Has(annotation)) continue;
    const bool action = std::string_view(annotation) == "action";
    html += std::string("<p style=\"margin:4px 0\">") + (action ? "<b>Action:</b> " : "") +
            EscapeHtml(Value(alert.annotations.Get(annotation))) + "</p>\n";
  }
  html += "<p style=\"margin:4px 0;color:#555\">" + EscapeHtml(State(alert)) + "<br>\n";
  for (const model::LabelView label : alert.labels) {
    html += EscapeHtml(Line(label.name)) + "=&quot;" + EscapeHtml(Line(label.value)) + "&quot; \n";
  }
  html += "</p>";
  std::string separator;
  for (const Link& link : Links(alert)) {
    html += separator + "<a href=\"" + EscapeHtml(link.url) + "\">" + link.name + "</a>";
    separator = " &middot; ";
  }
  return html + "</div>\n";
}

std::string LeftOut(std::size_t count) {
  return count == 0 ? "" : "... and " + std::to_string(count) + " more";
}

}  // namespace

std::string EmailText(const Notification& notification) {
  std::string text;
  if (!notification.note.empty()) text += Value(notification.note) + "\n\n";
  if (IsWebUrl(notification.acknowledge_url)) {
    text += "Acknowledge: " + notification.acknowledge_url + "\n\n";
  }
  std::size_t left_out = 0;
  for (const bool resolved : {false, true}) {
    const std::string alerts = List(notification, resolved, AlertText, left_out);
    if (!alerts.empty()) text += (resolved ? "Resolved:\n\n" : "Firing:\n\n") + alerts;
  }
  if (left_out > 0) text += LeftOut(left_out) + "\n\n";
  return text + "-- \nSent by drwatch " + CleanLine(notification.external_url) + "\n";
}

std::string EmailHtml(const Notification& notification) {
  std::string html =
      "<html><body style=\"font-family:sans-serif;font-size:14px\">\n<h3 style=\"margin:0\">" +
      EscapeHtml(Value(NotificationTitle(notification))) + "</h3>\n";
  if (!notification.note.empty()) html += "<p>" + EscapeHtml(Value(notification.note)) + "</p>\n";
  if (IsWebUrl(notification.acknowledge_url)) {
    html += "<p><a href=\"" + EscapeHtml(notification.acknowledge_url) + "\">Acknowledge</a></p>\n";
  }
  std::size_t left_out = 0;
  for (const bool resolved : {false, true}) {
    html += List(notification, resolved, AlertHtml, left_out);
  }
  if (left_out > 0) html += "<p>" + LeftOut(left_out) + "</p>\n";
  const std::string url = CleanLine(notification.external_url);
  html += "<p style=\"color:#555\">Sent by ";
  html += IsWebUrl(url) ? "<a href=\"" + EscapeHtml(url) + "\">drwatch</a>" : "drwatch";
  return html + "</p>\n</body></html>\n";
}

}  // namespace drwatch::notify
