#include "notify/pagerduty.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "notify/expand.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxSummaryCharacters = 1024;
constexpr std::size_t kMaxEventBytes = 512'000;
constexpr std::size_t kMaxDetailCharacters = 4096;  // of one label or annotation
constexpr std::size_t kMaxFieldCharacters = 255;    // source, component, group, class, client
constexpr std::size_t kMaxUrlBytes = 2000;
constexpr std::size_t kMaxLinks = 20;  // and images

std::string Field(std::string_view text) {
  return CutCharacters(CleanLine(text.substr(0, 4 * kMaxFieldCharacters)), kMaxFieldCharacters);
}

std::string Detail(std::string_view text) { return CleanWithin(text, kMaxDetailCharacters); }

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What the alert is about, in the order of how well it names a thing. Never blank, because
// PagerDuty refuses an event without a source.
std::string Source(const model::Alert& alert) {
  for (const char* label : {"instance", "probe", "service", "job"}) {
    std::string source = Field(alert.labels.Get(label));
    if (!source.empty()) return source;
  }
  return "drwatch";
}

Json LabelObject(const model::Labels& labels) {
  Json object = Json::object();
  for (const model::LabelView label : labels) object[CleanLine(label.name)] = Detail(label.value);
  return object;
}

Json CustomDetails(const config::PagerDutyReceiver& receiver, const Notification& notification,
                   Expander& expander) {
  const model::Alert& alert = notification.alerts.front();
  Json details = Json::object();
  details["alertname"] = Detail(alert.labels.Get(model::kAlertName));
  for (const char* annotation : {"description", "action"}) {
    if (alert.annotations.Has(annotation)) {
      details[annotation] = Detail(alert.annotations.Get(annotation));
    }
  }
  if (!notification.note.empty()) details["note"] = Detail(notification.note);
  if (!std::isnan(alert.value)) details["value"] = base::FormatDouble(alert.value);
  details["firing_since"] = base::FormatRfc3339(alert.fired_at);
  if (alert.resolved()) details["resolved_at"] = base::FormatRfc3339(alert.resolved_at);
  details["labels"] = LabelObject(alert.labels);
  const model::Labels others = alert.annotations.Without("description").Without("action");
  if (!others.empty()) details["annotations"] = LabelObject(others);
  for (const auto& [name, text] : receiver.details) {
    details[name] = Detail(expander.Expand("details." + name, text, ""));
  }
  return details;
}

void AddLink(Json& links, std::string_view url, const std::string& text) {
  if (!IsWebUrl(url) || url.size() > kMaxUrlBytes || links.size() == kMaxLinks) return;
  Json link = {{"href", std::string(url)}};
  if (!text.empty()) link["text"] = text;
  links.push_back(std::move(link));
}

Json Links(const config::PagerDutyReceiver& receiver, const Notification& notification,
           Expander& expander) {
  const model::Alert& alert = notification.alerts.front();
  Json links = Json::array();
  AddLink(links, alert.annotations.Get("runbook_url"), "Runbook");
  AddLink(links, alert.annotations.Get("dashboard_url"), "Dashboard");
  AddLink(links, alert.generator_url, "Expression");
  AddLink(links, notification.acknowledge_url, "Acknowledge");
  for (const config::PagerDutyLink& link : receiver.links) {
    AddLink(links, expander.Expand("links.href", link.href, ""),
            Field(expander.Expand("links.text", link.text, "")));
  }
  return links;
}

// PagerDuty shows images from https addresses only.
Json Images(const config::PagerDutyReceiver& receiver, Expander& expander) {
  Json images = Json::array();
  for (const config::PagerDutyImage& image : receiver.images) {
    const std::string source = expander.Expand("images.src", image.source, "");
    if (!IsWebUrl(source) || !base::Lower(source).starts_with("https://") ||
        source.size() > kMaxUrlBytes || images.size() == kMaxLinks) {
      continue;
    }
    Json object = {{"src", source}};
    const std::string alternative = Field(expander.Expand("images.alt", image.alternative, ""));
    if (!alternative.empty()) object["alt"] = alternative;
    const std::string href = expander.Expand("images.href", image.href, "");
    if (IsWebUrl(href) && href.size() <= kMaxUrlBytes) object["href"] = href;
    images.push_back(std::move(object));
  }
  return images;
}

PageSeverity TemplatedSeverity(const config::PagerDutyReceiver& receiver,
                               const Notification& notification, Expander& expander) {
  const std::string word = expander.Expand("severity", receiver.severity, "");
  return base::Trim(word).empty() ? notification.severity : MapSeverity(word, {});
}

Json Payload(const config::PagerDutyReceiver& receiver, const Notification& notification,
             Expander& expander) {
  const model::Alert& alert = notification.alerts.front();
  const std::string summary = AlertSummary(alert);
  Json payload = Json::object();
  if (notification.form == Form::kMinimal) {
    payload["summary"] = CutCharacters(summary, kMaxSummaryCharacters);
    payload["source"] = "drwatch";
    payload["severity"] = PageSeverityName(PageSeverity::kCritical);
    return payload;
  }
  std::string described = CleanLine(expander.Expand("description", receiver.description, summary));
  if (described.empty()) described = summary;
  payload["summary"] = CutCharacters(described, kMaxSummaryCharacters);
  const std::string source = Field(expander.Expand("source", receiver.source, ""));
  payload["source"] = source.empty() ? Source(alert) : source;
  payload["severity"] = PageSeverityName(TemplatedSeverity(receiver, notification, expander));
  payload["timestamp"] = base::FormatRfc3339(alert.fired_at);
  const auto add = [&](const char* key, const std::string& configured, std::string_view label) {
    std::string text =
        Field(expander.Expand(key, configured, std::string(alert.labels.Get(label))));
    if (!text.empty()) payload[key] = std::move(text);
  };
  add("component", receiver.component, "service");
  add("group", receiver.group, "job");
  add("class", receiver.event_class, model::kAlertName);
  payload["custom_details"] = CustomDetails(receiver, notification, expander);
  return payload;
}

}  // namespace

base::Result<BuiltRequest> BuildPagerDuty(const config::PagerDutyReceiver& receiver,
                                          const Notification& notification,
                                          const base::Secret& secret) {
  if (!IsWebUrl(receiver.url))
    return base::Fail("the url of the receiver is not an http(s) address");
  if (secret.empty()) return base::Fail("the routing key is empty");
  Expander expander(notification);
  Json event = Json::object();
  event["routing_key"] = secret.Reveal();
  const bool acknowledge = notification.occasion == Occasion::kAcknowledge;
  event["event_action"] = acknowledge               ? "acknowledge"
                          : notification.resolved() ? "resolve"
                                                    : "trigger";
  event["dedup_key"] = notification.dedup_key;
  if (!notification.resolved() && !acknowledge) {
    event["payload"] = Payload(receiver, notification, expander);
    if (notification.form == Form::kFull) {
      const std::string client = Field(expander.Expand("client", receiver.client, "drwatch"));
      if (!client.empty()) event["client"] = client;
      const std::string client_url =
          expander.Expand("client_url", receiver.client_url, notification.external_url);
      if (IsWebUrl(client_url)) event["client_url"] = client_url;
      if (Json links = Links(receiver, notification, expander); !links.empty()) {
        event["links"] = std::move(links);
      }
      if (Json images = Images(receiver, expander); !images.empty()) {
        event["images"] = std::move(images);
      }
    }
  }
  std::string body = Dump(event);
  if (body.size() > kMaxEventBytes) {
    event["payload"]["custom_details"] = {
        {"note", "The details were left out because the event was larger than 512 KB."}};
    body = Dump(event);
  }
  return BuiltRequest{
      JsonRequest(base::Secret(receiver.url), std::move(body)), {}, expander.TakeErrors()};
}

Verdict ClassifyPagerDuty(const net::HttpOutcome& outcome, base::Timestamp now) {
  Verdict verdict = ClassifyCommon(outcome, now);
  if (!outcome.response) return verdict;
  const net::HttpResponse& response = *outcome.response;
  if (verdict.kind == Verdict::Kind::kRejected) {
    verdict.minimal_may_help = response.status == 400 || response.status == 413;
  }
  // PagerDuty says 202 and "success"; a 200 with another page comes from something in between (a
  // proxy's login page), and then nobody was paged.
  if (verdict.kind == Verdict::Kind::kDelivered && response.status != 202 &&
      response.body.find("\"success\"") == std::string::npos) {
    verdict.kind = Verdict::Kind::kRetry;
    verdict.reason = "unexpected_response";
  }
  return verdict;
}

}  // namespace drwatch::notify
