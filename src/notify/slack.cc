#include "notify/slack.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "notify/expand.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::ordered_json;

// Below Slack's own limits (40000 and 3000), because escapes count.
constexpr std::size_t kMaxTextCharacters = 3000;
constexpr std::size_t kMaxSectionCharacters = 2900;
constexpr std::size_t kMaxTitleCharacters = 1024;
constexpr std::size_t kMaxLineCharacters = 600;  // of one annotation in a list of alerts
constexpr std::size_t kMaxUrlBytes = 1000;
constexpr std::size_t kMaxListedAlerts = 10;

std::string Escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else {
      result += c;
    }
  }
  return result;
}

// Escaped, and at most `limit` characters long after it: cuts the raw text until it fits.
std::string EscapeWithin(std::string_view raw, std::size_t limit) {
  std::size_t room = limit;
  while (true) {
    std::string escaped = Escape(CutCharacters(raw, room));
    const std::size_t excess = escaped.size() - CutCharacters(escaped, limit).size();
    if (excess == 0 || room == 0) return escaped;
    room -= std::min(room, std::max<std::size_t>(excess / 5, 1));
  }
}

std::string Line(std::string_view text) {
  return EscapeWithin(CleanLine(text.substr(0, 4 * kMaxLineCharacters)), kMaxLineCharacters);
}

// <url|text>, or nothing if the URL cannot stand in a message.
std::string Link(std::string_view url, std::string_view text) {
  if (!IsWebUrl(url) || url.size() > kMaxUrlBytes) return "";
  std::string safe;
  for (const char c : url) {
    if (c == '<' || c == '>' || c == '|') {
      safe += "%" + base::Hex(std::string_view(&c, 1));
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return "<" + safe + "|" + std::string(text) + ">";
}

std::string Color(const Notification& notification) {
  if (notification.resolved()) return "#2eb67d";
  switch (notification.severity) {
    case PageSeverity::kInfo:
      return "#36c5f0";
    case PageSeverity::kWarning:
      return "#ecb22e";
    case PageSeverity::kError:
    case PageSeverity::kCritical:
      return "#e01e5a";
  }
  return "#e01e5a";
}

std::string DescribeAlert(const model::Alert& alert) {
  std::string text = alert.resolved() ? ":white_check_mark: " : ":rotating_light: ";
  text += "*" + Line(AlertSummary(alert)) + "*";
  if (alert.labels.Has("severity")) text += " (" + Line(alert.labels.Get("severity")) + ")";
  for (const char* annotation : {"description", "action"}) {
    if (!alert.annotations.Has(annotation)) continue;
    const std::string name = std::string(annotation) == "action" ? "*Action:* " : "";
    text += "\n" + name + Line(alert.annotations.Get(annotation));
  }
  text += "\nFiring since " + base::FormatRfc3339(alert.fired_at);
  if (alert.resolved()) text += ", resolved at " + base::FormatRfc3339(alert.resolved_at);
  if (alert.annotations.Has(kResolveReason)) {
    text += " (" + Line(alert.annotations.Get(kResolveReason)) + ")";
  }
  if (alert.annotations.Has(kAcknowledgedBy)) {
    text += "\nAcknowledged " + Line(alert.annotations.Get(kAcknowledgedBy));
  }
  std::string links;
  for (const std::string& link : {Link(alert.annotations.Get("runbook_url"), "Runbook"),
                                  Link(alert.annotations.Get("dashboard_url"), "Dashboard"),
                                  Link(alert.generator_url, "Expression")}) {
    if (!link.empty()) links += (links.empty() ? "" : " · ") + link;
  }
  if (!links.empty()) text += "\n" + links;
  return text;
}

// As many whole alerts as fit; an alert is never cut in the middle of a link.
std::string DescribeAlerts(const Notification& notification) {
  std::string text;
  if (!notification.note.empty()) text = "_" + Line(notification.note) + "_";
  const std::string acknowledge = Link(notification.acknowledge_url, "Acknowledge");
  if (!acknowledge.empty()) text += (text.empty() ? "" : "\n") + acknowledge;
  std::size_t listed = 0;
  for (const model::Alert& alert : notification.alerts) {
    const std::string entry = (text.empty() ? "" : "\n\n") + DescribeAlert(alert);
    // Room for "... and 10000 more".
    if (listed == kMaxListedAlerts || text.size() + entry.size() + 40 > kMaxSectionCharacters)
      break;
    text += entry;
    ++listed;
  }
  const std::size_t rest = notification.alerts.size() - listed;
  if (listed == 0 && rest > 0) {
    text += (text.empty() ? "" : "\n\n") + Line(AlertSummary(notification.alerts.front()));
  }
  if (rest > 0 && notification.alerts.size() > 1)
    text += "\n\n… and " + std::to_string(rest) + " more";
  return text;
}

}  // namespace

base::Result<BuiltRequest> BuildSlack(const config::SlackReceiver& receiver,
                                      const Notification& notification,
                                      const base::Secret& secret) {
  if (!IsWebUrl(secret.Reveal())) return base::Fail("the webhook's URL is not an http(s) address");
  Expander expander(notification);
  const std::string built_in = NotificationTitle(notification);
  Json message = Json::object();
  if (notification.form == Form::kMinimal) {
    message["text"] = EscapeWithin(built_in, kMaxTextCharacters);
  } else {
    // What a user's template yields is markup on purpose, so it is not escaped.
    const std::string title =
        receiver.title.empty()
            ? EscapeWithin(built_in, kMaxTitleCharacters)
            : CutCharacters(CleanLine(expander.Expand("title", receiver.title, Escape(built_in))),
                            kMaxTitleCharacters);
    const std::string text = CutCharacters(
        CleanText(expander.Expand("text", receiver.text, DescribeAlerts(notification))),
        kMaxSectionCharacters);
    message["text"] = title.empty() ? EscapeWithin(built_in, kMaxTitleCharacters) : title;
    if (!receiver.channel.empty()) message["channel"] = receiver.channel;
    if (!base::Trim(text).empty()) {
      const Json section = {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", text}}}};
      message["attachments"] = Json::array({{{"color", Color(notification)},
                                             {"fallback", message["text"]},
                                             {"blocks", Json::array({section})}}});
    }
  }
  std::string body = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  return BuiltRequest{JsonRequest(secret, std::move(body)), expander.TakeErrors()};
}

Verdict ClassifySlack(const net::HttpOutcome& outcome, base::Timestamp now) {
  Verdict verdict = ClassifyCommon(outcome, now);
  if (!outcome.response) return verdict;
  const net::HttpResponse& response = *outcome.response;
  const Json answer = Json::parse(response.body, nullptr, false);
  const bool object = answer.is_object();
  if (verdict.kind == Verdict::Kind::kRejected) {
    verdict.minimal_may_help = response.status == 400 || response.status == 413;
  }
  if (response.status == 429 && !verdict.retry_after && object && answer.contains("retry_after") &&
      answer["retry_after"].is_number()) {
    const double seconds = answer["retry_after"].get<double>();
    if (seconds >= 0) {
      verdict.retry_after = std::chrono::ceil<base::Duration>(
          std::chrono::duration<double>(std::min(seconds, base::ToSeconds(kMaxRetryAfter))));
    }
  }
  if (verdict.kind != Verdict::Kind::kDelivered) return verdict;
  if (object && answer.contains("ok") && answer["ok"] == false) {
    verdict.reason = "client_error";
    verdict.kind = Verdict::Kind::kRejected;
    if (answer.value("error", Json()) == "rate_limited") {
      verdict.kind = Verdict::Kind::kRetry;
      verdict.reason = "rate_limited";
    }
  } else if (base::Trim(response.body).starts_with("<")) {
    // Slack says "ok"; an HTML page with status 200 is a proxy's.
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "unexpected_response";
  }
  return verdict;
}

}  // namespace drwatch::notify
