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
constexpr std::size_t kMaxPartCharacters = 1000;
constexpr std::size_t kMaxFooterCharacters = 255;
constexpr std::size_t kMaxFieldCharacters = 2000;
constexpr std::size_t kMaxFields = 20;
constexpr std::size_t kMaxActions = 5;  // Slack shows no more

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

// The attachment of old, whose parts Alertmanager's configuration names. An attachment with blocks
// would show none of them.
bool AsksForParts(const config::SlackReceiver& receiver) {
  return !receiver.title_link.empty() || !receiver.pretext.empty() || !receiver.footer.empty() ||
         !receiver.callback_id.empty() || !receiver.image_url.empty() ||
         !receiver.thumb_url.empty() || !receiver.fields.empty() || !receiver.actions.empty() ||
         !receiver.markdown_in.empty();
}

// Texts of the user's: markup on purpose, so nothing is escaped.
class Parts {
 public:
  Parts(Expander& expander, Json& target) : expander_(expander), target_(target) {}
  // Sets `key`, unless the text is empty or failed.
  void Add(const char* key, const std::string& text, std::size_t limit = kMaxPartCharacters) {
    std::string expanded = Text(key, text, limit);
    if (!expanded.empty()) target_[key] = std::move(expanded);
  }
  std::string Text(const char* field, const std::string& text, std::size_t limit) {
    return CutCharacters(base::Trim(CleanText(expander_.Expand(field, text, ""))), limit);
  }
  void AddUrl(const char* key, const std::string& text) {
    const std::string url = CleanLine(expander_.Expand(key, text, ""));
    if (IsWebUrl(url) && url.size() <= kMaxUrlBytes) target_[key] = url;
  }

 private:
  Expander& expander_;
  Json& target_;
};

Json Fields(const config::SlackReceiver& receiver, Expander& expander) {
  Json fields = Json::array();
  for (const config::SlackField& field : receiver.fields) {
    if (fields.size() == kMaxFields) break;
    Json object = Json::object();
    Parts parts(expander, object);
    parts.Add("title", field.title);
    parts.Add("value", field.value, kMaxFieldCharacters);
    object["short"] = field.is_short.value_or(receiver.short_fields);
    fields.push_back(std::move(object));
  }
  return fields;
}

Json Actions(const config::SlackReceiver& receiver, Expander& expander) {
  Json actions = Json::array();
  for (const config::SlackAction& action : receiver.actions) {
    if (actions.size() == kMaxActions) break;
    Json object = Json::object();
    Parts parts(expander, object);
    for (const auto& [key, text] : {std::pair("type", &action.type),
                                    {"text", &action.text},
                                    {"style", &action.style},
                                    {"name", &action.name},
                                    {"value", &action.value}}) {
      parts.Add(key, *text);
    }
    parts.AddUrl("url", action.url);
    if (!action.confirm_text.empty()) {
      Json confirm = Json::object();
      Parts question(expander, confirm);
      question.Add("title", action.confirm_title);
      question.Add("text", action.confirm_text);
      question.Add("ok_text", action.confirm_ok);
      question.Add("dismiss_text", action.confirm_dismiss);
      object["confirm"] = std::move(confirm);
    }
    actions.push_back(std::move(object));
  }
  return actions;
}

Json PartsAttachment(const config::SlackReceiver& receiver, const Json& title,
                     const std::string& text, Expander& expander) {
  Json attachment = {{"title", title}, {"text", text}};
  Parts parts(expander, attachment);
  parts.AddUrl("title_link", receiver.title_link);
  parts.Add("pretext", receiver.pretext);
  parts.Add("footer", receiver.footer, kMaxFooterCharacters);
  parts.Add("callback_id", receiver.callback_id, kMaxFooterCharacters);
  parts.AddUrl("image_url", receiver.image_url);
  parts.AddUrl("thumb_url", receiver.thumb_url);
  if (!receiver.fields.empty()) attachment["fields"] = Fields(receiver, expander);
  if (!receiver.actions.empty()) attachment["actions"] = Actions(receiver, expander);
  attachment["mrkdwn_in"] = receiver.markdown_in.empty()
                                ? Json::array({"fallback", "pretext", "text"})
                                : Json(receiver.markdown_in);
  return attachment;
}

Json BlocksAttachment(const std::string& text) {
  const Json section = {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", text}}}};
  return {{"blocks", Json::array({section})}};
}

void FillMessage(const config::SlackReceiver& receiver, const Notification& notification,
                 const std::string& built_in, Expander& expander, Json& message) {
  const std::string title =
      receiver.title.empty()
          ? EscapeWithin(built_in, kMaxTitleCharacters)
          : CutCharacters(CleanLine(expander.Expand("title", receiver.title, Escape(built_in))),
                          kMaxTitleCharacters);
  const std::string text =
      CutCharacters(CleanText(expander.Expand("text", receiver.text, DescribeAlerts(notification))),
                    kMaxSectionCharacters);
  const bool parts = AsksForParts(receiver);
  message["text"] = title.empty() ? EscapeWithin(built_in, kMaxTitleCharacters) : title;
  Parts head(expander, message);
  head.Add("channel", receiver.channel);
  head.Add("username", receiver.username);
  head.Add("icon_emoji", receiver.icon_emoji);
  head.AddUrl("icon_url", receiver.icon_url);
  if (receiver.link_names) message["link_names"] = true;
  if (!parts && base::Trim(text).empty()) return;
  Json attachment =
      parts ? PartsAttachment(receiver, message["text"], text, expander) : BlocksAttachment(text);
  attachment["color"] = CleanLine(expander.Expand("color", receiver.color, Color(notification)));
  const std::string fallback = head.Text("fallback", receiver.fallback, kMaxTitleCharacters);
  attachment["fallback"] = fallback.empty() ? message["text"] : Json(fallback);
  // The attachment says it already; without a text a message shows nothing in a notification.
  if (parts) message.erase("text");
  message["attachments"] = Json::array({std::move(attachment)});
}

// What Slack's API says with status 200 (api.slack.com/methods/chat.postMessage).
void JudgeError(std::string_view error, Verdict& verdict) {
  struct Meaning {
    std::string_view reason;
    Verdict::Kind kind;
    std::vector<std::string_view> errors;
  };
  static const Meaning kMeanings[] = {
      {"rate_limited", Verdict::Kind::kRetry, {"ratelimited", "rate_limited"}},
      {"server_error",
       Verdict::Kind::kRetry,
       {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}},
      {"auth",
       Verdict::Kind::kRejected,
       {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
        "missing_scope", "no_permission", "access_denied"}},
      {"not_found",
       Verdict::Kind::kRejected,
       {"channel_not_found", "not_in_channel", "is_archived"}}};
  for (const Meaning& meaning : kMeanings) {
    if (std::find(meaning.errors.begin(), meaning.errors.end(), error) == meaning.errors.end()) {
      continue;
    }
    verdict.reason = meaning.reason;
    verdict.kind = meaning.kind;
    return;
  }
  verdict.reason = "client_error";
  verdict.kind = Verdict::Kind::kRejected;
  verdict.minimal_may_help = true;
}

}  // namespace

base::Result<BuiltRequest> BuildSlack(const config::SlackReceiver& receiver,
                                      const Notification& notification,
                                      const base::Secret& secret) {
  const bool bot = !receiver.app_token.empty();
  const base::Secret url = bot ? base::Secret(receiver.app_url) : secret;
  if (!IsWebUrl(url.Reveal())) return base::Fail("the webhook's URL is not an http(s) address");
  Expander expander(notification);
  const std::string built_in = NotificationTitle(notification);
  Json message = Json::object();
  if (notification.form == Form::kMinimal) {
    message["text"] = EscapeWithin(built_in, kMaxTextCharacters);
    // A webhook has a channel of its own, a bot has none.
    if (bot) message["channel"] = expander.Expand("channel", receiver.channel, "");
  } else {
    FillMessage(receiver, notification, built_in, expander, message);
  }
  std::string body = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  net::HttpRequest request = JsonRequest(url, std::move(body));
  if (bot) {
    request.headers.emplace_back("Authorization", base::Secret("Bearer " + secret.Reveal()));
  }
  return BuiltRequest{std::move(request), {}, expander.TakeErrors()};
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
    const Json error = answer.value("error", Json());
    JudgeError(error.is_string() ? error.get<std::string>() : "", verdict);
  } else if (base::Trim(response.body).starts_with("<")) {
    // Slack says "ok"; an HTML page with status 200 is a proxy's.
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "unexpected_response";
  }
  return verdict;
}

}  // namespace drwatch::notify
