#include "base/strings.h"
#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

PagerDutyReceiver ReadPagerDuty(const Node& node, const GlobalReceiverDefaults& defaults,
                                ReadContext& context, Templates& templates) {
  PagerDutyReceiver receiver;
  const std::string kind = "pagerduty_configs";
  MapReader reader(node, context.problems, kind);
  GetSecret(reader, "routing_key", context, receiver.routing_key);
  if (!defaults.pagerduty_url.empty()) receiver.url = defaults.pagerduty_url;
  GetHttpUrl(reader, "url", receiver.url);
  GetTemplate(reader, kind, "severity", receiver.severity, templates);
  GetTemplate(reader, kind, "description", receiver.description, templates);
  reader.Get("client", receiver.client);
  reader.Get("client_url", receiver.client_url);
  GetTemplate(reader, kind, "component", receiver.component, templates);
  GetTemplate(reader, kind, "group", receiver.group, templates);
  GetTemplate(reader, kind, "class", receiver.event_class, templates);
  GetTemplates(reader, kind, "details", receiver.details, templates);
  reader.Get("send_resolved", receiver.send_resolved);
  constexpr std::string_view kEventsV2 = "use the key of an Events API v2 integration";
  reader.Refuse("service_key", "is not supported", std::string(kEventsV2) + " in routing_key");
  reader.Refuse("service_key_file", "is not supported",
                std::string(kEventsV2) + " in routing_key_file");
  RefuseAll(reader, {"images", "links", "http_config", "source", "timeout"});
  if (!reader.Has("routing_key") && !reader.Has("routing_key_file")) {
    reader.Error(node, "pagerduty_configs needs \"routing_key\" or \"routing_key_file\"");
  }
  reader.Finish();
  return receiver;
}

// The webhook's address is the secret, so what is wrong with it is said without it.
void CheckSecretUrl(MapReader& reader, std::string_view key, const SecretSource& source) {
  const Node* node = reader.Take(key);
  if (node == nullptr || source.value.empty()) return;
  base::Secret checked;
  GetHttpUrl(reader, key, checked);
}

SlackReceiver ReadSlack(const Node& node, const GlobalReceiverDefaults& defaults,
                        ReadContext& context, Templates& templates) {
  SlackReceiver receiver;
  const std::string kind = "slack_configs";
  MapReader reader(node, context.problems, kind);
  GetSecret(reader, "api_url", context, receiver.api_url);
  CheckSecretUrl(reader, "api_url", receiver.api_url);
  const bool own = reader.Has("api_url") || reader.Has("api_url_file");
  if (!own) receiver.api_url = defaults.slack_api_url;
  reader.Get("channel", receiver.channel);
  GetTemplate(reader, kind, "title", receiver.title, templates);
  GetTemplate(reader, kind, "text", receiver.text, templates);
  reader.Get("send_resolved", receiver.send_resolved);
  RefuseAll(reader, {"http_config",  "app_token",  "app_token_file", "app_url",    "username",
                     "color",        "title_link", "pretext",        "fields",     "short_fields",
                     "footer",       "fallback",   "callback_id",    "icon_emoji", "icon_url",
                     "image_url",    "thumb_url",  "link_names",     "mrkdwn_in",  "actions",
                     "message_text", "timeout",    "update_message"});
  if (!own && receiver.api_url.empty()) {
    reader.Error(node, "slack_configs needs \"api_url\" or \"api_url_file\"",
                 "or slack_api_url under global");
  }
  reader.Finish();
  return receiver;
}

WebhookReceiver ReadWebhook(const Node& node, ReadContext& context) {
  WebhookReceiver receiver;
  MapReader reader(node, context.problems, "webhook_configs");
  GetSecret(reader, "url", context, receiver.url);
  CheckSecretUrl(reader, "url", receiver.url);
  reader.Get("send_resolved", receiver.send_resolved);
  RefuseAll(reader, {"http_config", "max_alerts", "timeout", "payload"});
  if (!reader.Has("url") && !reader.Has("url_file")) {
    reader.Error(node, "webhook_configs needs \"url\" or \"url_file\"");
  }
  reader.Finish();
  return receiver;
}

void RefuseForeignKinds(MapReader& reader) {
  for (const std::string_view kind :
       {"opsgenie", "victorops", "pushover", "sns", "telegram", "webex", "discord", "msteams",
        "msteamsv2", "wechat", "jira", "rocketchat", "incidentio", "mattermost"}) {
    reader.Refuse(
        std::string(kind) + "_configs", "is not supported yet",
        "drwatch knows pagerduty_configs, slack_configs, webhook_configs and email_configs");
  }
  reader.Refuse("labels", "is not supported yet");
}

}  // namespace

void RefuseAll(MapReader& reader, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) reader.Refuse(key, "is not supported yet");
}

void GetTemplate(MapReader& reader, const std::string& kind, std::string_view key, std::string& out,
                 Templates& templates) {
  reader.Get(key, out);
  const Node* node = reader.Take(key);
  if (node == nullptr || out.empty()) return;
  templates.push_back({kind + ": " + std::string(key), out, node->position});
}

void GetTemplates(MapReader& reader, const std::string& kind, std::string_view key, NamedTexts& out,
                  Templates& templates) {
  reader.Get(key, out);
  const Node* node = reader.Take(key);
  if (node == nullptr) return;
  for (const auto& [name, text] : out) {
    const Node* value = node->Find(name);
    templates.push_back({kind + ": " + std::string(key) + "." + name, text,
                         value == nullptr ? node->position : value->position});
  }
}

Receiver ReadReceiver(const Node& node, const GlobalReceiverDefaults& defaults,
                      ReadContext& context) {
  Receiver receiver;
  receiver.position = node.position;
  MapReader reader(node, context.problems, "receiver");
  reader.Require("name");
  GetName(reader, "name", receiver.name);
  for (const Node& item : GetItems(reader, "pagerduty_configs")) {
    receiver.integrations.emplace_back(ReadPagerDuty(item, defaults, context, receiver.templates));
  }
  for (const Node& item : GetItems(reader, "slack_configs")) {
    receiver.integrations.emplace_back(ReadSlack(item, defaults, context, receiver.templates));
  }
  for (const Node& item : GetItems(reader, "webhook_configs")) {
    receiver.integrations.emplace_back(ReadWebhook(item, context));
  }
  for (const Node& item : GetItems(reader, "email_configs")) {
    receiver.integrations.emplace_back(ReadEmail(item, defaults, context, receiver.templates));
  }
  RefuseForeignKinds(reader);
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
