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

void EncodeProxy(const config::Proxy& proxy, Json& json) {
  json["proxy"] = proxy.url.Reveal();
  json["no_proxy"] = proxy.no_proxy;
  json["proxy_from_environment"] = proxy.from_environment;
}

config::Proxy DecodeProxy(const Json& json) {
  return {base::Secret(Text(json, "proxy")),
          Text(json, "no_proxy"),
          Flag(json, "proxy_from_environment"),
          {}};
}

std::vector<std::string> Texts(const Json& json, const char* key) {
  std::vector<std::string> texts;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

Json EncodeOAuth2(const config::OAuth2& oauth2) {
  Json json = {{"client_id", oauth2.client_id},
               {"token_url", oauth2.token_url.Reveal()},
               {"scopes", oauth2.scopes},
               {"tls", EncodeTls(oauth2.tls)}};
  EncodeProxy(oauth2.proxy, json);
  return json;
}

config::OAuth2 DecodeOAuth2(const Json& json, const std::string& secret_file) {
  return {Text(json, "client_id"),
          {base::Secret(), secret_file},
          base::Secret(Text(json, "token_url")),
          Texts(json, "scopes"),
          {},
          DecodeTls(Part(json, "tls")),
          DecodeProxy(json)};
}

Json EncodeHttp(const config::HttpSettings& http) {
  Json json = {{"username", http.username},
               {"file", http.secret().file},
               {"type", http.authorization_type},
               {"tls", EncodeTls(http.tls)}};
  EncodeProxy(http.proxy, json);
  json["http2"] = http.http2;
  json["headers"] = Json::array();
  for (const auto& [name, value] : http.headers) json["headers"].push_back({name, value.file});
  if (http.oauth2) json["oauth2"] = EncodeOAuth2(*http.oauth2);
  return json;
}

config::HttpSettings DecodeHttp(const Json& json) {
  config::HttpSettings http;
  http.username = Text(json, "username");
  const std::string file = Text(json, "file");
  if (json.contains("oauth2")) {
    http.oauth2 = DecodeOAuth2(Part(json, "oauth2"), file);
  } else {
    (http.username.empty() ? http.credentials : http.password).file = file;
  }
  if (json.contains("type")) http.authorization_type = Text(json, "type");
  http.tls = DecodeTls(Part(json, "tls"));
  http.proxy = DecodeProxy(json);
  http.http2 = !json.contains("http2") || Flag(json, "http2");
  if (json.contains("headers") && json["headers"].is_array()) {
    for (const Json& header : json["headers"]) {
      const std::vector<std::string> pair = Texts({{"pair", header}}, "pair");
      if (pair.size() == 2) http.headers.push_back({pair[0], {base::Secret(), pair[1]}});
    }
  }
  return http;
}

// A secret that stands in the configuration itself.
bool HoldsSecret(const config::Integration& integration) {
  if (!IntegrationSecret(integration).value.empty()) return true;
  const config::HttpSettings* http = HttpSettingsOf(integration);
  if (http == nullptr) return false;
  const auto has_user = [](const base::Secret& url) {
    return url.Reveal().find('@') != std::string::npos;
  };
  const auto has_secret = [&](const config::Proxy& proxy) {
    return has_user(proxy.url) || !proxy.connect_headers.empty();
  };
  if (!http->secret().value.empty() || has_secret(http->proxy)) return true;
  for (const auto& [name, value] : http->headers) {
    if (value.file.empty()) return true;
  }
  return http->oauth2 && (!http->oauth2->parameters.empty() || has_user(http->oauth2->token_url) ||
                          has_secret(http->oauth2->proxy));
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
    if (!slack->app_token.empty()) json["app_url"] = slack->app_url;
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
    receiver.app_url = Text(json, "app_url");
    (receiver.app_url.empty() ? receiver.api_url : receiver.app_token) = secret;
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
    receiver.component_ids = Texts(json, "component_ids");
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
