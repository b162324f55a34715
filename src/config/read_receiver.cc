#include "base/strings.h"
#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

WebhookReceiver ReadWebhook(const Node& node, const GlobalReceiverDefaults& defaults,
                            ReadContext& context) {
  WebhookReceiver receiver;
  MapReader reader(node, context.problems, "webhook_configs");
  if (!GetSecret(reader, "url", context, receiver.url)) {
    reader.Error(node, "webhook_configs needs \"url\" or \"url_file\"");
  }
  CheckSecretUrl(reader, "url", receiver.url);
  reader.Get("send_resolved", receiver.send_resolved);
  GetAtLeast(reader, "max_alerts", 0, receiver.max_alerts);
  receiver.http = defaults.http;
  ReadHttpSettings(reader, context, receiver.http);
  GetTimeout(reader, receiver.timeout);
  RefuseAll(reader, {"payload"});
  reader.Finish();
  return receiver;
}

void RefuseForeignKinds(MapReader& reader) {
  for (const std::string_view kind :
       {"opsgenie", "victorops", "pushover", "sns", "telegram", "webex", "discord", "msteams",
        "msteamsv2", "wechat", "jira", "rocketchat", "incidentio", "mattermost"}) {
    reader.Refuse(
        std::string(kind) + "_configs", "is not supported yet",
        "drwatch knows pagerduty_configs, slack_configs, webhook_configs, email_configs and "
        "statuspage_configs");
  }
  reader.Refuse("labels", "is not supported yet");
}

}  // namespace

void CheckSecretUrl(MapReader& reader, std::string_view key, const SecretSource& source) {
  const Node* node = reader.Take(key);
  if (node == nullptr || source.value.empty()) return;
  base::Secret checked;
  GetHttpUrl(reader, key, checked);
}

void GetTimeout(MapReader& reader, std::optional<base::Duration>& out) {
  std::optional<base::Duration> value;
  reader.GetDuration("timeout", value);
  if (value != base::Duration(0)) GetPositive(reader, "timeout", out);
}

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
    receiver.integrations.emplace_back(ReadWebhook(item, defaults, context));
  }
  for (const Node& item : GetItems(reader, "email_configs")) {
    receiver.integrations.emplace_back(ReadEmail(item, defaults, context, receiver.templates));
  }
  for (const Node& item : GetItems(reader, "statuspage_configs")) {
    receiver.integrations.emplace_back(ReadStatuspage(item, defaults, context, receiver.templates));
  }
  RefuseForeignKinds(reader);
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
