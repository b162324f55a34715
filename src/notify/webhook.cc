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

// Valid, without anything that JSON or CleanText() would change: most texts are like that.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The document is written piece by piece: as a tree it would cost several times as much.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void Key(std::string_view key) {
    out_ += out_.back() == '{' ? "\"" : ",\"";
    out_ += key;
    out_ += "\":";
  }
  // Cleans the text.
  void Text(std::string_view key, std::string_view text) {
    Key(key);
    Value(text, text.size());
  }
  void Labels(std::string_view key, const model::Labels& labels) {
    Key(key);
    // Names that become alike when they are cleaned are one.
    for (const model::LabelView label : labels) {
      if (!IsPlain(label.name)) return Tree(labels);
    }
    out_ += '{';
    for (const model::LabelView label : labels) {
      Key(label.name);
      Value(label.value, kMaxValueCharacters);
    }
    out_ += '}';
  }

 private:
  void Value(std::string_view text, std::size_t limit) {
    if (text.size() > limit || !IsPlain(text)) {
      out_ += Dump(Json(CleanWithin(text, std::max<std::size_t>(limit, 1))));
      return;
    }
    out_ += '"';
    out_ += text;
    out_ += '"';
  }
  void Tree(const model::Labels& labels) {
    Json object = Json::object();
    for (const model::LabelView label : labels) {
      object[CleanText(label.name)] = CleanWithin(label.value, kMaxValueCharacters);
    }
    out_ += Dump(object);
  }

  std::string& out_;
};

void AppendAlert(std::string& out, const model::Alert& alert, Form form) {
  Writer writer(out);
  out += '{';
  writer.Text("status", alert.resolved() ? "resolved" : "firing");
  writer.Labels("labels", alert.labels);
  writer.Labels("annotations", form == Form::kFull ? alert.annotations : model::Labels());
  writer.Text("startsAt", base::FormatRfc3339(alert.fired_at));
  // Go's zero time, as Alertmanager writes it.
  writer.Text("endsAt",
              alert.resolved() ? base::FormatRfc3339(alert.resolved_at) : "0001-01-01T00:00:00Z");
  writer.Text("generatorURL", CleanLine(alert.generator_url));
  writer.Text("fingerprint", alert.FingerprintHex());
  out += '}';
}

// "[...]" and how many it holds.
std::pair<std::string, std::size_t> AlertList(const Notification& notification, std::size_t limit) {
  std::string out = "[";
  std::size_t count = 0;
  for (const model::Alert& alert : notification.alerts) {
    if (count == limit || out.size() > kMaxAlertsBytes) break;
    if (count++ > 0) out += ',';
    AppendAlert(out, alert, notification.form);
  }
  return {out + "]", count};
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
  const auto [alerts, count] = AlertList(notification, limit);
  std::string document = "{";
  Writer writer(document);
  writer.Text("version", "4");
  writer.Text("groupKey", notification.group_key);
  writer.Key("truncatedAlerts");
  document += std::to_string(notification.alerts.size() - count);
  writer.Text("status", notification.resolved() ? "resolved" : "firing");
  writer.Text("receiver", notification.receiver);
  writer.Labels("groupLabels", notification.group_labels);
  writer.Labels("commonLabels", notification.CommonLabels());
  writer.Labels("commonAnnotations", notification.CommonAnnotations());
  writer.Text("externalURL", notification.external_url);
  writer.Text("notification_reason", OccasionName(notification.occasion));
  writer.Key("alerts");
  document += alerts;
  if (!notification.acknowledge_url.empty()) {
    writer.Text("acknowledgeURL", notification.acknowledge_url);
  }
  if (!notification.note.empty()) writer.Text("note", notification.note);
  document += '}';
  net::HttpRequest request = JsonRequest(secret, std::move(document));
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
