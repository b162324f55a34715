#include "web/acknowledge.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/strings.h"
#include "config/matcher_parser.h"
#include "web/am_json.h"
#include "web/json.h"
#include "web/parameters.h"
#include "web/status_page.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxShownAlerts = 50;
constexpr std::array kOfferedTimes = {"30m", "1h", "2h", "4h", "8h", "24h"};

// --- the page -------------------------------------------------------------------------------

net::ServerResponse Html(int status, std::string_view title, const std::string& body) {
  net::ServerResponse response =
      net::ServerResponse::Text(status, PageHead(title) + body + "</body></html>\n");
  response.content_type = "text/html; charset=utf-8";
  response.headers = {
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
       "frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"}};
  return response;
}

net::ServerResponse Message(int status, std::string_view title, std::string_view text) {
  return Html(status, title,
              "<h1>" + EscapeHtml(title) + "</h1><p>" + EscapeHtml(text) +
                  "</p><p><a href=\"./\">drwatch</a></p>");
}

int StatusOf(const base::Error& error) {
  if (error.message == notify::kLinkUsed || error.message == notify::kLinkExpired) return 410;
  if (error.message.starts_with(notify::kHoldsInMemory)) return 500;
  return error.message == notify::kNothingFires ? 404 : 400;
}

std::string AlertList(const std::vector<model::Alert>& alerts) {
  std::string text = "<ul>\n";
  for (std::size_t i = 0; i < alerts.size() && i < kMaxShownAlerts; ++i) {
    const model::Alert& alert = alerts[i];
    text += "<li><b>" + EscapeHtml(alert.labels.Get(model::kAlertName)) + "</b> " +
            EscapeHtml(alert.annotations.Get("summary")) + " <code>" +
            EscapeHtml(alert.labels.Without(model::kAlertName).ToString()) +
            "</code>, firing since " + EscapeHtml(base::FormatRfc3339(alert.fired_at)) + "</li>\n";
  }
  if (alerts.size() > kMaxShownAlerts) {
    text += "<li>and " + std::to_string(alerts.size() - kMaxShownAlerts) + " more</li>\n";
  }
  return text + "</ul>\n";
}

std::string Form() {
  std::string options;
  for (const char* time : kOfferedTimes) {
    const bool usual = std::string_view(time) == "1h";
    options += std::string("<option") + (usual ? " selected" : "") + ">" + time + "</option>";
  }
  return "<form method=\"post\"><p><label>Your name <input name=\"by\" maxlength=\"200\" "
         "autofocus></label></p><p><label>Comment <input name=\"comment\" maxlength=\"1000\" "
         "size=\"50\"></label></p><p><label>For <select name=\"duration\">" +
         options + "</select></label></p><p><button>Acknowledge</button></p></form>\n";
}

// --- the API --------------------------------------------------------------------------------

net::ServerResponse Success(Json data) {
  const Json answer = {{"status", "success"}, {"data", std::move(data)}};
  return net::ServerResponse::Json(
      200, answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

net::ServerResponse Error(int status, std::string_view message) {
  const Json answer = {{"status", "error"},
                       {"errorType", status == 500   ? "internal"
                                     : status == 404 ? "not_found"
                                                     : "bad_data"},
                       {"error", message}};
  return net::ServerResponse::Json(
      status, answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

net::ServerResponse MethodNotAllowed(std::string_view allowed) {
  net::ServerResponse response = Error(405, "method not allowed");
  response.headers.emplace_back("Allow", std::string(allowed));
  return response;
}

bool IsGet(const net::ServerRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Json LabelsJson(const model::Labels& labels) {
  Json json = Json::object();
  for (const model::LabelView label : labels) json[std::string(label.name)] = label.value;
  return json;
}

Json TimeOrNull(const std::optional<base::Timestamp>& time) {
  return time ? Json(JsonTime(*time)) : Json(nullptr);
}

base::Status ReadMatchers(const std::vector<std::string>& texts, notify::AckSelection& selection) {
  for (const std::string& text : texts) {
    base::Result<model::Matcher> matcher = config::ParseMatcher(text);
    if (!matcher) return base::Fail("bad matcher: " + matcher.error().message);
    selection.matchers.push_back(std::move(*matcher));
  }
  return {};
}

base::Result<base::Timestamp> EndOf(std::string_view duration, std::string_view until,
                                    base::Timestamp now) {
  if (!until.empty() && !duration.empty()) {
    return base::Fail("give \"duration\" or \"until\", not both");
  }
  if (!until.empty()) return ParseRfc3339(until);
  if (duration.empty()) return now + notify::kDefaultAcknowledgement;
  const base::Result<base::Duration> time = base::ParseDuration(duration);
  if (!time) return base::Fail("\"duration\": " + time.error().message);
  // The dispatcher says what is too long; this keeps the sum in range.
  return now + std::min(*time, 2 * notify::kMaxAcknowledgement);
}

base::Result<notify::AckRequest> ReadRequest(std::string_view body, base::Timestamp now) {
  const base::Result<nlohmann::json> json = ParseObject(body);
  if (!json) return base::Fail(json.error());
  notify::AckRequest request;
  std::string duration, until;
  std::vector<std::string> matchers;
  for (const auto& [key, value] : json->items()) {
    std::string* const out = key == "fingerprint" ? &request.selection.fingerprint
                             : key == "groupKey"  ? &request.selection.group_key
                             : key == "by"        ? &request.by
                             : key == "comment"   ? &request.comment
                             : key == "duration"  ? &duration
                             : key == "until"     ? &until
                                                  : nullptr;
    if (out != nullptr) {
      if (!value.is_string()) return base::Fail(base::Quote(key) + " must be a string");
      *out = value.get<std::string>();
    } else if (key == "matchers") {
      if (!value.is_array()) return base::Fail("\"matchers\" must be a list");
      for (const auto& item : value) {
        if (!item.is_string()) return base::Fail("a matcher must be a string");
        matchers.push_back(item.get<std::string>());
      }
    } else {
      return base::Fail("unknown key " + base::Quote(base::Truncate(key, 100)));
    }
  }
  if (const base::Status fine = ReadMatchers(matchers, request.selection); !fine) {
    return base::Fail(fine.error());
  }
  const base::Result<base::Timestamp> end = EndOf(duration, until, now);
  if (!end) return base::Fail(end.error());
  request.until = *end;
  return request;
}

}  // namespace

bool IsCrossSite(const net::ServerRequest& request) {
  const std::string_view site = request.Header("sec-fetch-site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  const std::string_view origin = request.Header("origin");
  if (origin.empty()) return false;
  const std::size_t host = origin.find("://");
  return host == origin.npos || origin.substr(host + 3) != request.Header("host");
}

net::ServerResponse Acknowledging::Page(const net::ServerRequest& request) const {
  notify::AckSelection selection;
  const std::string_view token = request.Query("token");
  if (!token.empty()) {
    selection.link = sources_.read_link(token);
    if (!selection.link) return Message(403, "Not acknowledged", "This link is not valid.");
  } else {
    selection.fingerprint = request.Query("fingerprint");
  }
  if (IsGet(request)) return Ask(selection);
  if (request.method != "POST") {
    net::ServerResponse response = Message(405, "Not acknowledged", "Method not allowed.");
    response.headers.emplace_back("Allow", "GET, HEAD, POST");
    return response;
  }
  // A token is nothing that another site could know; a fingerprint is.
  if (!selection.link && IsCrossSite(request)) {
    return Message(403, "Not acknowledged", "Another site's page may not do this.");
  }
  return Accept(request, selection);
}

net::ServerResponse Acknowledging::Ask(const notify::AckSelection& selection) const {
  const auto alerts = sources_.selected(selection);
  if (!alerts)
    return Message(StatusOf(alerts.error()), "Nothing to acknowledge",
                   "Reason: " + alerts.error().message + ".");
  return Html(200, "Acknowledge",
              "<h1>Acknowledge</h1><p>You look after:</p>\n" + AlertList(*alerts) + Form());
}

net::ServerResponse Acknowledging::Accept(const net::ServerRequest& request,
                                          const notify::AckSelection& selection) const {
  const base::Result<base::Timestamp> end =
      EndOf(request.Query("duration"), "", sources_.snapshot().now);
  if (!end) return Message(400, "Not acknowledged", "Reason: " + end.error().message + ".");
  notify::AckRequest asked;
  asked.selection = selection;
  asked.by = base::Trim(request.Query("by"));
  if (asked.by.empty()) asked.by = request.user;
  if (asked.by.empty()) asked.by = selection.link ? "the reader of a link" : "a visitor";
  asked.comment = request.Query("comment");
  asked.until = *end;
  const base::Result<std::size_t> count = sources_.acknowledge(asked);
  if (!count) {
    const int status = StatusOf(count.error());
    return Message(status, status == 500 ? "Acknowledged, but not on disk" : "Not acknowledged",
                   "Reason: " + count.error().message + ".");
  }
  return Message(200, "Acknowledged",
                 std::to_string(*count) + (*count == 1 ? " alert" : " alerts") + ", by " +
                     asked.by + " until " + base::FormatRfc3339(*end) +
                     ". Escalation goes on then if it still fires.");
}

net::ServerResponse Acknowledging::Api(const net::ServerRequest& request) const {
  if (IsGet(request)) return List();
  if (request.method != "POST" && request.method != "DELETE") {
    return MethodNotAllowed("DELETE, GET, HEAD, POST");
  }
  if (IsCrossSite(request)) return Error(403, "another site's page may not do this");
  return request.method == "POST" ? Post(request) : Delete(request);
}

net::ServerResponse Acknowledging::List() const {
  Json list = Json::array();
  for (const notify::Snapshot::AlertView& view : sources_.snapshot().alerts) {
    if (!view.acknowledged) continue;
    list.push_back({{"fingerprint", view.alert.FingerprintHex()},
                    {"labels", LabelsJson(view.alert.labels)},
                    {"by", view.acknowledged->by},
                    {"comment", view.acknowledged->comment},
                    {"at", JsonTime(view.acknowledged->at)},
                    {"until", JsonTime(view.acknowledged->until)}});
  }
  return Success({{"acknowledged", std::move(list)}});
}

net::ServerResponse Acknowledging::Post(const net::ServerRequest& request) const {
  base::Result<notify::AckRequest> asked = ReadRequest(request.body, sources_.snapshot().now);
  if (!asked) return Error(400, asked.error().message);
  if (asked->by.empty()) asked->by = request.user;
  const base::Result<std::size_t> count = sources_.acknowledge(*asked);
  if (!count) return Error(StatusOf(count.error()), count.error().message);
  return Success({{"acknowledged", *count}, {"until", JsonTime(*asked->until)}});
}

net::ServerResponse Acknowledging::Delete(const net::ServerRequest& request) const {
  notify::AckRequest asked;
  asked.selection.fingerprint = request.Query("fingerprint");
  asked.selection.group_key = request.Query("groupKey");
  asked.by = request.Query("by");
  if (asked.by.empty()) asked.by = request.user;
  const base::Status matchers = ReadMatchers(Values(request, "matcher"), asked.selection);
  if (!matchers) return Error(400, matchers.error().message);
  const base::Result<std::size_t> count = sources_.acknowledge(asked);
  if (!count) return Error(StatusOf(count.error()), count.error().message);
  return Success({{"withdrawn", *count}});
}

net::ServerResponse Acknowledging::Escalations(const net::ServerRequest& request) const {
  if (!IsGet(request)) return MethodNotAllowed("GET, HEAD");
  Json list = Json::array();
  for (const notify::Snapshot::EscalationView& view : sources_.snapshot().escalations) {
    Json steps = Json::array();
    for (const auto& step : view.steps) {
      steps.push_back({{"receivers", step.receivers},
                       {"times", step.times},
                       {"due", TimeOrNull(step.due)},
                       {"deadline", TimeOrNull(step.deadline)}});
    }
    const char* const state = view.situation == notify::Situation::kHeld      ? "held"
                              : view.situation == notify::Situation::kRunning ? "running"
                                                                              : "acknowledged";
    list.push_back({{"groupKey", view.group_key},
                    {"policy", view.policy},
                    {"labels", LabelsJson(view.labels)},
                    {"state", state},
                    {"steps", std::move(steps)}});
  }
  return Success({{"escalations", std::move(list)}});
}

}  // namespace drwatch::web
