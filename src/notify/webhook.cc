#include "notify/webhook.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxAlerts = 1000;       // in one document; the rest is counted
constexpr std::size_t kMaxMinimalAlerts = 10;  // after the receiver refused the full form
constexpr std::size_t kMaxValueCharacters = 16 << 10;
constexpr std::size_t kMaxAlertsBytes = 4 << 20;  // no further alert is added beyond

Json LabelObject(const model::Labels& labels) {
  Json object = Json::object();
  for (const model::LabelView label : labels) {
    object[CleanText(label.name)] = CleanWithin(label.value, kMaxValueCharacters);
  }
  return object;
}

Json AlertObject(const model::Alert& alert, Form form) {
  return {
      {"status", alert.resolved() ? "resolved" : "firing"},
      {"labels", LabelObject(alert.labels)},
      {"annotations", form == Form::kFull ? LabelObject(alert.annotations) : Json(Json::object())},
      {"startsAt", base::FormatRfc3339(alert.fired_at)},
      // Go's zero time, as Alertmanager writes it.
      {"endsAt",
       alert.resolved() ? base::FormatRfc3339(alert.resolved_at) : "0001-01-01T00:00:00Z"},
      {"generatorURL", CleanLine(alert.generator_url)},
      {"fingerprint", alert.FingerprintHex()}};
}

}  // namespace

base::Result<BuiltRequest> BuildWebhook(const config::WebhookReceiver& receiver,
                                        const Notification& notification,
                                        const base::Secret& secret) {
  if (!IsWebUrl(secret.Reveal())) return base::Fail("the webhook's URL is not an http(s) address");
  std::size_t limit = notification.form == Form::kFull ? kMaxAlerts : kMaxMinimalAlerts;
  if (receiver.max_alerts > 0) {
    limit = std::min(limit, static_cast<std::size_t>(receiver.max_alerts));
  }
  Json alerts = Json::array();
  std::size_t bytes = 0;
  for (const model::Alert& alert : notification.alerts) {
    if (alerts.size() == limit || bytes > kMaxAlertsBytes) break;
    Json object = AlertObject(alert, notification.form);
    for (const char* part : {"labels", "annotations"}) {
      for (const auto& [name, value] : object[part].items()) {
        bytes += name.size() + value.get_ref<const std::string&>().size();
      }
    }
    alerts.push_back(std::move(object));
  }
  Json document = {{"version", "4"},
                   {"groupKey", CleanText(notification.group_key)},
                   {"truncatedAlerts", notification.alerts.size() - alerts.size()},
                   {"status", notification.resolved() ? "resolved" : "firing"},
                   {"receiver", CleanText(notification.receiver)},
                   {"groupLabels", LabelObject(notification.group_labels)},
                   {"commonLabels", LabelObject(notification.CommonLabels())},
                   {"commonAnnotations", LabelObject(notification.CommonAnnotations())},
                   {"externalURL", notification.external_url},
                   {"notification_reason", OccasionName(notification.occasion)},
                   {"alerts", std::move(alerts)}};
  if (!notification.acknowledge_url.empty()) {
    document["acknowledgeURL"] = notification.acknowledge_url;
  }
  if (!notification.note.empty()) document["note"] = CleanText(notification.note);
  net::HttpRequest request =
      JsonRequest(secret, document.dump(-1, ' ', false, Json::error_handler_t::replace));
  request.headers.emplace_back("X-Idempotency-Key", base::Secret(notification.event_id));
  return BuiltRequest{std::move(request), {}, {}};
}

Verdict ClassifyWebhook(const net::HttpOutcome& outcome, base::Timestamp now) {
  Verdict verdict = ClassifyCommon(outcome, now);
  if (outcome.response && verdict.kind == Verdict::Kind::kRejected) {
    verdict.minimal_may_help = outcome.response->status == 400 || outcome.response->status == 413;
  }
  return verdict;
}

}  // namespace drwatch::notify
