#include "notify/statuspage.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "notify/expand.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxNameCharacters = 120;
constexpr std::size_t kMaxBodyCharacters = 4000;
constexpr std::int64_t kMaxListBytes = 4 << 20;
constexpr std::string_view kMark = "drwatch";  // the part of the metadata that is ours

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

net::HttpRequest Request(std::string method, const config::StatuspageReceiver& receiver,
                         const std::string& path, const base::Secret& api_key) {
  std::string url = receiver.url;
  while (url.ends_with('/')) url.pop_back();
  net::HttpRequest request =
      JsonRequest(base::Secret(url + "/pages/" + receiver.page_id + path), "");
  request.method = std::move(method);
  request.headers.emplace_back("Authorization", base::Secret("OAuth " + api_key.Reveal()));
  return request;
}

std::string_view ComponentStatus(PageSeverity severity, bool resolved) {
  if (resolved) return "operational";
  switch (severity) {
    case PageSeverity::kInfo:
    case PageSeverity::kWarning:
      return "degraded_performance";
    case PageSeverity::kError:
      return "partial_outage";
    case PageSeverity::kCritical:
      return "major_outage";
  }
  return "major_outage";
}

std::string_view Impact(PageSeverity severity) {
  switch (severity) {
    case PageSeverity::kInfo:
      return "none";
    case PageSeverity::kWarning:
      return "minor";
    case PageSeverity::kError:
      return "major";
    case PageSeverity::kCritical:
      return "critical";
  }
  return "critical";
}

// For the public: which service is concerned, and no names of machines.
std::string BuiltInName(const Notification& notification) {
  const std::string service = CleanLine(notification.CommonLabels().Get("service"));
  return service.empty() ? "Service disruption" : "Disruption of " + service;
}

std::string BuiltInBody(const Notification& notification) {
  if (notification.resolved()) return "The problem is solved.";
  return notification.occasion == Occasion::kTrigger
             ? "We are looking into a problem and will report here."
             : "We are still working on the problem.";
}

// What people set there is theirs; somebody who looks after it knows what it is.
std::string Status(const Notification& notification, const Json* open) {
  std::string status = "investigating";
  if (open != nullptr && open->value("status", Json()).is_string()) {
    status = open->at("status").get<std::string>();
  }
  const bool acknowledged =
      std::any_of(notification.alerts.begin(), notification.alerts.end(),
                  [](const model::Alert& alert) { return alert.annotations.Has(kAcknowledgedBy); });
  return acknowledged && status == "investigating" ? "identified" : status;
}

// The whole incident as it shall be. `open` is what the page has of it, if it has.
Json Incident(const config::StatuspageReceiver& receiver, const Notification& notification,
              const Json* open, Expander& expander) {
  const bool full = notification.form == Form::kFull;
  const bool resolved = notification.resolved();
  Json incident = Json::object();
  const std::string name = CutCharacters(
      CleanLine(full ? expander.Expand("name", receiver.name, BuiltInName(notification))
                     : BuiltInName(notification)),
      kMaxNameCharacters);
  if (open == nullptr) {
    incident["name"] = name.empty() ? BuiltInName(notification) : name;
    incident["metadata"] = {{kMark, {{"incident", notification.dedup_key}}}};
    incident["deliver_notifications"] = receiver.deliver_notifications;
  }
  incident["status"] = resolved ? "resolved" : Status(notification, open);
  incident["body"] = CutCharacters(
      CleanText(full ? expander.Expand("body", receiver.body, BuiltInBody(notification))
                     : BuiltInBody(notification)),
      kMaxBodyCharacters);
  if (!resolved) incident["impact_override"] = Impact(notification.severity);
  if (full && !receiver.component_ids.empty()) {
    Json components = Json::object();
    for (const std::string& id : receiver.component_ids) {
      components[id] = ComponentStatus(notification.severity, resolved);
    }
    incident["components"] = std::move(components);
    incident["component_ids"] = receiver.component_ids;
  }
  return {{"incident", std::move(incident)}};
}

// Our own among the incidents that are not resolved; nullptr if there is none.
const Json* FindOwn(const Json& list, const std::string& dedup_key) {
  for (const Json& incident : list) {
    if (!incident.is_object() || !incident.value("id", Json()).is_string()) continue;
    const auto metadata = incident.find("metadata");
    if (metadata == incident.end() || !metadata->is_object()) continue;
    const auto own = metadata->find(kMark);
    if (own != metadata->end() && own->is_object() && own->value("incident", Json()) == dedup_key) {
      return &incident;
    }
  }
  return nullptr;
}

bool IsPlainId(const std::string& id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
             std::string::npos;
}

}  // namespace

base::Result<BuiltRequest> BuildStatuspage(const config::StatuspageReceiver& receiver,
                                           const Notification& notification,
                                           const base::Secret& api_key) {
  if (!IsWebUrl(receiver.url))
    return base::Fail("the url of the receiver is not an http(s) address");
  if (api_key.empty()) return base::Fail("the API key is empty");
  Expander expander(notification);
  const std::string opened = Dump(Incident(receiver, notification, nullptr, expander));
  BuiltRequest built;
  net::HttpRequest list = Request("GET", receiver, "/incidents/unresolved", api_key);
  list.max_body_bytes = kMaxListBytes;
  built.request = std::move(list);
  built.template_errors = expander.TakeErrors();
  built.then =
      [receiver, notification, api_key,
       opened](const net::HttpResponse& response) -> base::Result<std::optional<net::HttpRequest>> {
    const Json incidents = Json::parse(response.body, nullptr, false);
    if (!incidents.is_array()) return base::Fail("the list of incidents is not JSON");
    const Json* own = FindOwn(incidents, notification.dedup_key);
    const bool news =
        notification.occasion == Occasion::kTrigger || notification.occasion == Occasion::kUpdate;
    // Somebody closed or deleted it: a repetition says nothing that they do not know.
    if (own == nullptr && (notification.resolved() || !news)) return std::nullopt;
    if (own == nullptr) {
      net::HttpRequest create = Request("POST", receiver, "/incidents", api_key);
      create.body = opened;
      return create;
    }
    const std::string id = own->at("id").get<std::string>();
    if (!IsPlainId(id)) return base::Fail("an incident has a strange id");
    Expander again(notification);
    net::HttpRequest change = Request("PATCH", receiver, "/incidents/" + id, api_key);
    change.body = Dump(Incident(receiver, notification, own, again));
    return change;
  };
  return built;
}

Verdict ClassifyStatuspage(const net::HttpOutcome& outcome, base::Timestamp now) {
  Verdict verdict = ClassifyCommon(outcome, now);
  if (!outcome.response) return verdict;
  const int status = outcome.response->status;
  if (status == 420) {  // as 429, of old
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "rate_limited";
  }
  if (verdict.kind == Verdict::Kind::kRejected) {
    verdict.minimal_may_help = status == 400 || status == 413 || status == 422;
  }
  if (verdict.kind == Verdict::Kind::kDelivered &&
      base::Trim(outcome.response->body).starts_with("<")) {
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "unexpected_response";
  }
  return verdict;
}

}  // namespace drwatch::notify
