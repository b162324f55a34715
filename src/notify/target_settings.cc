#include "notify/target_settings.h"

#include <nlohmann/json.hpp>

#include "notify/receiver.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

}  // namespace

std::string EncodeIntegration(const config::Integration& integration) {
  const config::SecretSource& secret = IntegrationSecret(integration);
  if (!secret.value.empty()) return "";
  Json json = {{"kind", IntegrationName(integration)}, {"file", secret.file}};
  if (const auto* pagerduty = std::get_if<config::PagerDutyReceiver>(&integration)) {
    json["url"] = pagerduty->url;
  }
  if (const auto* slack = std::get_if<config::SlackReceiver>(&integration)) {
    json["channel"] = slack->channel;
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
                 {"ca_file", server.tls.ca_file},
                 {"cert_file", server.tls.cert_file},
                 {"key_file", server.tls.key_file},
                 {"server_name", server.tls.server_name},
                 {"insecure", server.tls.insecure_skip_verify},
                 {"send_resolved", email->send_resolved}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::shared_ptr<const config::Integration> DecodeIntegration(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return nullptr;
  const auto read = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string kind = read("kind");
  if (kind == "pagerduty") {
    config::PagerDutyReceiver receiver;
    receiver.routing_key.file = read("file");
    receiver.url = read("url");
    return std::make_shared<const config::Integration>(std::move(receiver));
  }
  if (kind == "slack") {
    config::SlackReceiver receiver;
    receiver.api_url.file = read("file");
    receiver.channel = read("channel");
    return std::make_shared<const config::Integration>(std::move(receiver));
  }
  if (kind == "webhook") {
    config::WebhookReceiver receiver;
    receiver.url.file = read("file");
    return std::make_shared<const config::Integration>(std::move(receiver));
  }
  if (kind == "email") {
    const auto flag = [&](const char* key) {
      return json.contains(key) && json[key].is_boolean() && json[key].get<bool>();
    };
    config::EmailReceiver receiver;
    receiver.to = read("to");
    receiver.from = read("from");
    receiver.send_resolved = flag("send_resolved");
    receiver.server = {read("smarthost"),
                       read("hello"),
                       read("username"),
                       {base::Secret(), read("file")},
                       read("identity"),
                       flag("require_tls"),
                       flag("implicit_tls"),
                       {read("ca_file"), read("cert_file"), read("key_file"), read("server_name"),
                        flag("insecure")}};
    return std::make_shared<const config::Integration>(std::move(receiver));
  }
  return nullptr;
}

}  // namespace drwatch::notify
