#include "notify/target_settings.h"

#include <nlohmann/json.hpp>

#include "notify/receiver.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

Json EncodeTls(const config::Tls& tls) {
  return {{"ca_file", tls.ca_file},
          {"cert_file", tls.cert_file},
          {"key_file", tls.key_file},
          {"server_name", tls.server_name},
          {"insecure", tls.insecure_skip_verify}};
}

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool Flag(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

Json Part(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : Json::object();
}

config::Tls DecodeTls(const Json& json) {
  return {Text(json, "ca_file"), Text(json, "cert_file"), Text(json, "key_file"),
          Text(json, "server_name"), Flag(json, "insecure")};
}

Json EncodeHttp(const config::HttpSettings& http) {
  return {{"username", http.username},
          {"file", http.secret().file},
          {"type", http.authorization_type},
          {"tls", EncodeTls(http.tls)},
          {"proxy", http.proxy_url.Reveal()}};
}

config::HttpSettings DecodeHttp(const Json& json) {
  config::HttpSettings http;
  http.username = Text(json, "username");
  (http.username.empty() ? http.credentials : http.password).file = Text(json, "file");
  if (json.contains("type")) http.authorization_type = Text(json, "type");
  http.tls = DecodeTls(Part(json, "tls"));
  http.proxy_url = base::Secret(Text(json, "proxy"));
  return http;
}

// A secret that stands in the configuration itself.
bool HoldsSecret(const config::Integration& integration) {
  if (!IntegrationSecret(integration).value.empty()) return true;
  const config::HttpSettings* http = HttpSettingsOf(integration);
  return http != nullptr &&
         (!http->secret().value.empty() || http->proxy_url.Reveal().find('@') != std::string::npos);
}

}  // namespace

std::string EncodeIntegration(const config::Integration& integration) {
  if (HoldsSecret(integration)) return "";
  Json json = {{"kind", IntegrationName(integration)},
               {"file", IntegrationSecret(integration).file}};
  if (const config::HttpSettings* http = HttpSettingsOf(integration))
    json["http"] = EncodeHttp(*http);
  if (const auto* pagerduty = std::get_if<config::PagerDutyReceiver>(&integration)) {
    json["url"] = pagerduty->url;
  }
  if (const auto* slack = std::get_if<config::SlackReceiver>(&integration)) {
    json["channel"] = slack->channel;
  }
  if (const auto* page = std::get_if<config::StatuspageReceiver>(&integration)) {
    json.update({{"url", page->url},
                 {"page_id", page->page_id},
                 {"component_ids", page->component_ids},
                 {"deliver_notifications", page->deliver_notifications}});
  }
  if (const auto* email = std::get_if<config::EmailReceiver>(&integration)) {
    const config::MailServer& server = email->server;
    json.update({{"to", email->to},
                 {"from", email->from},
                 {"smarthost", server.smarthost},
                 {"hello", server.hello},
                 {"username", server.username},
                 {"identity", server.identity},
                 {"require_tls", server.require_tls},
                 {"implicit_tls", server.force_implicit_tls},
                 {"tls", EncodeTls(server.tls)},
                 {"send_resolved", email->send_resolved}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::shared_ptr<const config::Integration> DecodeIntegration(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return nullptr;
  const config::HttpSettings http = DecodeHttp(Part(json, "http"));
  const std::string kind = Text(json, "kind");
  const config::SecretSource secret{base::Secret(), Text(json, "file")};
  const auto share = [](auto receiver) {
    return std::make_shared<const config::Integration>(std::move(receiver));
  };
  if (kind == "pagerduty") {
    config::PagerDutyReceiver receiver;
    receiver.routing_key = secret;
    receiver.url = Text(json, "url");
    receiver.http = http;
    return share(std::move(receiver));
  }
  if (kind == "slack") {
    config::SlackReceiver receiver;
    receiver.api_url = secret;
    receiver.channel = Text(json, "channel");
    receiver.http = http;
    return share(std::move(receiver));
  }
  if (kind == "webhook") {
    config::WebhookReceiver receiver;
    receiver.url = secret;
    receiver.http = http;
    return share(std::move(receiver));
  }
  if (kind == "statuspage") {
    config::StatuspageReceiver receiver;
    receiver.api_key = secret;
    receiver.url = Text(json, "url");
    receiver.page_id = Text(json, "page_id");
    receiver.deliver_notifications = Flag(json, "deliver_notifications");
    if (json.contains("component_ids") && json["component_ids"].is_array()) {
      for (const Json& id : json["component_ids"]) {
        if (id.is_string()) receiver.component_ids.push_back(id.get<std::string>());
      }
    }
    receiver.http = http;
    return share(std::move(receiver));
  }
  if (kind == "email") {
    config::EmailReceiver receiver;
    receiver.to = Text(json, "to");
    receiver.from = Text(json, "from");
    receiver.send_resolved = Flag(json, "send_resolved");
    receiver.server = {Text(json, "smarthost"),    Text(json, "hello"),
                       Text(json, "username"),     secret,
                       Text(json, "identity"),     Flag(json, "require_tls"),
                       Flag(json, "implicit_tls"), DecodeTls(Part(json, "tls"))};
    return share(std::move(receiver));
  }
  return nullptr;
}

}  // namespace drwatch::notify
