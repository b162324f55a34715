#include "base/strings.h"
#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

constexpr char kKind[] = "slack_configs";

void ReadFields(MapReader& reader, ReadContext& context, SlackReceiver& receiver,
                Templates& templates) {
  for (const Node& node : GetItems(reader, "fields")) {
    SlackField field;
    const std::string kind = std::string(kKind) + ": fields";
    MapReader item(node, context.problems, "a field of slack_configs");
    item.Require("title");
    item.Require("value");
    GetTemplate(item, kind, "title", field.title, templates);
    GetTemplate(item, kind, "value", field.value, templates);
    GetOptional(item, "short", field.is_short);
    item.Finish();
    receiver.fields.push_back(std::move(field));
  }
}

void ReadConfirm(MapReader& action, ReadContext& context, SlackAction& out, Templates& templates) {
  const Node* node = action.Take("confirm");
  if (node == nullptr) return;
  const std::string kind = std::string(kKind) + ": confirm";
  MapReader reader(*node, context.problems, "the confirmation of an action");
  reader.Require("text");
  GetTemplate(reader, kind, "title", out.confirm_title, templates);
  GetTemplate(reader, kind, "text", out.confirm_text, templates);
  GetTemplate(reader, kind, "ok_text", out.confirm_ok, templates);
  GetTemplate(reader, kind, "dismiss_text", out.confirm_dismiss, templates);
  reader.Finish();
}

void ReadActions(MapReader& reader, ReadContext& context, SlackReceiver& receiver,
                 Templates& templates) {
  for (const Node& node : GetItems(reader, "actions")) {
    SlackAction action;
    const std::string kind = std::string(kKind) + ": actions";
    MapReader item(node, context.problems, "an action of slack_configs");
    item.Require("type");
    item.Require("text");
    GetTemplate(item, kind, "type", action.type, templates);
    GetTemplate(item, kind, "text", action.text, templates);
    GetTemplate(item, kind, "url", action.url, templates);
    GetTemplate(item, kind, "style", action.style, templates);
    GetTemplate(item, kind, "name", action.name, templates);
    GetTemplate(item, kind, "value", action.value, templates);
    ReadConfirm(item, context, action, templates);
    if (action.url.empty() && action.name.empty()) {
      item.Error(node, "an action of slack_configs needs \"url\" or \"name\"");
    }
    item.Finish();
    receiver.actions.push_back(std::move(action));
  }
}

void ReadTexts(MapReader& reader, SlackReceiver& receiver, Templates& templates) {
  const std::string kind = kKind;
  GetTemplate(reader, kind, "channel", receiver.channel, templates);
  GetTemplate(reader, kind, "username", receiver.username, templates);
  GetTemplate(reader, kind, "icon_emoji", receiver.icon_emoji, templates);
  GetTemplate(reader, kind, "icon_url", receiver.icon_url, templates);
  GetTemplate(reader, kind, "color", receiver.color, templates);
  GetTemplate(reader, kind, "title", receiver.title, templates);
  GetTemplate(reader, kind, "title_link", receiver.title_link, templates);
  GetTemplate(reader, kind, "pretext", receiver.pretext, templates);
  GetTemplate(reader, kind, "text", receiver.text, templates);
  GetTemplate(reader, kind, "fallback", receiver.fallback, templates);
  GetTemplate(reader, kind, "footer", receiver.footer, templates);
  GetTemplate(reader, kind, "callback_id", receiver.callback_id, templates);
  GetTemplate(reader, kind, "image_url", receiver.image_url, templates);
  GetTemplate(reader, kind, "thumb_url", receiver.thumb_url, templates);
}

// A webhook's address, or a bot's token: the receiver's own one wins over the global section's
// token, and that over its address, unless the receiver has other credentials, as in Alertmanager.
void ReadAddress(MapReader& reader, const GlobalReceiverDefaults& defaults, ReadContext& context,
                 SlackReceiver& receiver) {
  const Node& node = reader.node();
  const bool own_address = GetSecret(reader, "api_url", context, receiver.api_url);
  CheckSecretUrl(reader, "api_url", receiver.api_url);
  const bool own_token = GetSecret(reader, "app_token", context, receiver.app_token);
  receiver.app_url = defaults.slack_app_url;
  GetHttpUrl(reader, "app_url", receiver.app_url);
  if (!own_address && !own_token) {
    const bool other_login = receiver.http.HasCredentials() && !defaults.slack_api_url.empty();
    if (!other_login) receiver.app_token = defaults.slack_app_token;
    if (receiver.app_token.empty()) receiver.api_url = defaults.slack_api_url;
    if (receiver.api_url.empty() && receiver.app_token.empty()) {
      reader.Error(node, "slack_configs needs \"api_url\" or \"api_url_file\"",
                   "or slack_api_url under global; a bot has app_token or slack_app_token");
    }
  }
  if (own_address && own_token) {
    reader.Error(node, "an address of a webhook and a bot's token are both given",
                 "keep \"api_url\" or \"app_token\"");
  }
}

}  // namespace

SlackReceiver ReadSlack(const Node& node, const GlobalReceiverDefaults& defaults,
                        ReadContext& context, Templates& templates) {
  SlackReceiver receiver;
  MapReader reader(node, context.problems, kKind);
  receiver.http = defaults.http;
  ReadHttpSettings(reader, context, receiver.http);
  ReadAddress(reader, defaults, context, receiver);
  ReadTexts(reader, receiver, templates);
  ReadFields(reader, context, receiver, templates);
  reader.Get("short_fields", receiver.short_fields);
  ReadActions(reader, context, receiver, templates);
  reader.Get("mrkdwn_in", receiver.markdown_in);
  reader.Get("link_names", receiver.link_names);
  GetTimeout(reader, receiver.timeout);
  reader.Get("send_resolved", receiver.send_resolved);
  RefuseAll(reader, {"message_text", "update_message"});
  if (!receiver.app_token.empty() && receiver.channel.empty()) {
    reader.Error(node, "slack_configs with a bot's token needs a \"channel\"");
  }
  if (!receiver.app_token.empty() && receiver.http.HasCredentials()) {
    reader.Error(node, "slack_configs logs in by the bot's token and by nothing else",
                 "give it a http_config without credentials");
  }
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
