#include <map>

#include "base/strings.h"
#include "config/describe.h"

namespace drwatch::config {
namespace {

void WriteProxy(YamlWriter& out, const Proxy& proxy) {
  out.TextUnlessEmpty("proxy_url", base::RedactUrl(proxy.url.Reveal()));
  out.TextUnlessEmpty("no_proxy", proxy.no_proxy);
  if (proxy.from_environment) out.Flag("proxy_from_environment", true);
  if (proxy.connect_headers.empty()) return;
  std::map<std::string, std::vector<std::string>> hidden;
  for (const auto& [name, value] : proxy.connect_headers)
    hidden[name].emplace_back(base::kRedacted);
  out.BeginMap("proxy_connect_header");
  for (const auto& [name, texts] : hidden) out.Texts(name, texts);
  out.End();
}

void WriteOAuth2(YamlWriter& out, const OAuth2& oauth2) {
  out.BeginMap("oauth2");
  out.Text("client_id", oauth2.client_id);
  WriteSecret(out, "client_secret", oauth2.client_secret);
  out.Text("token_url", base::RedactUrl(oauth2.token_url.Reveal()));
  if (!oauth2.scopes.empty()) out.Texts("scopes", oauth2.scopes);
  // Some servers want passwords there.
  NamedTexts parameters;
  for (const auto& [name, value] : oauth2.parameters)
    parameters.emplace_back(name, base::kRedacted);
  if (!parameters.empty()) out.TextMap("endpoint_params", parameters);
  WriteTls(out, "tls_config", oauth2.tls);
  WriteProxy(out, oauth2.proxy);
  out.End();
}

// Which of the values are secret, Alertmanager's file says, but not always rightly: none is shown.
void WriteHeaders(YamlWriter& out, const HttpSettings& http) {
  std::map<std::string, std::vector<std::string>> secrets, files;
  for (const auto& [name, value] : http.headers) {
    std::vector<std::string>& texts = secrets[name];
    if (value.file.empty()) {
      texts.emplace_back(base::kRedacted);
    } else {
      files[name].push_back(value.file);
    }
  }
  out.BeginMap("http_headers");
  for (const auto& [name, texts] : secrets) {
    out.BeginMap(name);
    if (!texts.empty()) out.Texts("secrets", texts);
    if (!files[name].empty()) out.Texts("files", files[name]);
    out.End();
  }
  out.End();
}

void WriteHttpKeys(YamlWriter& out, const HttpSettings& http) {
  if (!http.username.empty()) {
    out.BeginMap("basic_auth");
    out.Text("username", http.username);
    WriteSecret(out, "password", http.password);
    out.End();
  } else if (http.oauth2) {
    WriteOAuth2(out, *http.oauth2);
  } else if (!http.credentials.empty()) {
    out.BeginMap("authorization");
    out.Text("type", http.authorization_type);
    WriteSecret(out, "credentials", http.credentials);
    out.End();
  }
  WriteTls(out, "tls_config", http.tls);
  WriteProxy(out, http.proxy);
  if (!http.http2) out.Flag("enable_http2", false);
  if (!http.headers.empty()) WriteHeaders(out, http);
}

void WriteHttp(YamlWriter& out, const HttpSettings& http) {
  const bool any = http.HasCredentials() || http.proxy != Proxy() || http.tls != Tls() ||
                   !http.http2 || !http.headers.empty();
  if (!any) return;
  out.BeginMap("http_config");
  WriteHttpKeys(out, http);
  out.End();
}

void WriteTimeout(YamlWriter& out, const std::optional<base::Duration>& timeout) {
  if (timeout) out.Time("timeout", *timeout);
}

void WriteIntegration(YamlWriter& out, const PagerDutyReceiver& receiver) {
  out.Text("url", base::RedactUrl(receiver.url));
  WriteSecret(out, "routing_key", receiver.routing_key);
  out.TextUnlessEmpty("severity", receiver.severity);
  out.TextUnlessEmpty("description", receiver.description);
  out.Text("client", receiver.client);
  out.TextUnlessEmpty("client_url", receiver.client_url);
  out.TextUnlessEmpty("source", receiver.source);
  out.TextUnlessEmpty("component", receiver.component);
  out.TextUnlessEmpty("group", receiver.group);
  out.TextUnlessEmpty("class", receiver.event_class);
  out.TextMap("details", receiver.details);
  if (!receiver.links.empty()) out.List("links");
  for (const PagerDutyLink& link : receiver.links) {
    out.BeginItem();
    out.Text("href", link.href);
    out.TextUnlessEmpty("text", link.text);
    out.End();
  }
  if (!receiver.images.empty()) out.List("images");
  for (const PagerDutyImage& image : receiver.images) {
    out.BeginItem();
    out.Text("src", image.source);
    out.TextUnlessEmpty("alt", image.alternative);
    out.TextUnlessEmpty("href", image.href);
    out.End();
  }
  WriteHttp(out, receiver.http);
  WriteTimeout(out, receiver.timeout);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteSlackParts(YamlWriter& out, const SlackReceiver& receiver) {
  if (!receiver.fields.empty()) out.List("fields");
  for (const SlackField& field : receiver.fields) {
    out.BeginItem();
    out.Text("title", field.title);
    out.Text("value", field.value);
    out.Flag("short", field.is_short.value_or(receiver.short_fields));
    out.End();
  }
  if (!receiver.actions.empty()) out.List("actions");
  for (const SlackAction& action : receiver.actions) {
    out.BeginItem();
    out.Text("type", action.type);
    out.Text("text", action.text);
    out.TextUnlessEmpty("url", action.url);
    out.TextUnlessEmpty("style", action.style);
    out.TextUnlessEmpty("name", action.name);
    out.TextUnlessEmpty("value", action.value);
    out.End();
  }
  if (!receiver.markdown_in.empty()) out.Texts("mrkdwn_in", receiver.markdown_in);
  if (receiver.link_names) out.Flag("link_names", true);
}

void WriteIntegration(YamlWriter& out, const SlackReceiver& receiver) {
  WriteSecret(out, "api_url", receiver.api_url);
  WriteSecret(out, "app_token", receiver.app_token);
  if (!receiver.app_token.empty()) out.Text("app_url", base::RedactUrl(receiver.app_url));
  out.TextUnlessEmpty("channel", receiver.channel);
  out.TextUnlessEmpty("username", receiver.username);
  out.TextUnlessEmpty("icon_emoji", receiver.icon_emoji);
  out.TextUnlessEmpty("icon_url", receiver.icon_url);
  out.TextUnlessEmpty("color", receiver.color);
  out.TextUnlessEmpty("title", receiver.title);
  out.TextUnlessEmpty("title_link", receiver.title_link);
  out.TextUnlessEmpty("pretext", receiver.pretext);
  out.TextUnlessEmpty("text", receiver.text);
  out.TextUnlessEmpty("fallback", receiver.fallback);
  out.TextUnlessEmpty("footer", receiver.footer);
  out.TextUnlessEmpty("callback_id", receiver.callback_id);
  out.TextUnlessEmpty("image_url", receiver.image_url);
  out.TextUnlessEmpty("thumb_url", receiver.thumb_url);
  WriteSlackParts(out, receiver);
  WriteHttp(out, receiver.http);
  WriteTimeout(out, receiver.timeout);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteIntegration(YamlWriter& out, const WebhookReceiver& receiver) {
  if (receiver.url.file.empty()) {
    // amtool before 0.26 reads nothing but an address here.
    out.Text("url", "http://" + std::string(base::kRedacted));
  } else {
    WriteSecret(out, "url", receiver.url);
  }
  if (receiver.max_alerts > 0) out.Number("max_alerts", receiver.max_alerts);
  WriteHttp(out, receiver.http);
  WriteTimeout(out, receiver.timeout);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteIntegration(YamlWriter& out, const EmailReceiver& receiver) {
  const MailServer& server = receiver.server;
  out.Text("to", receiver.to);
  out.Text("from", receiver.from);
  out.Text("smarthost", server.smarthost);
  out.TextUnlessEmpty("hello", server.hello);
  out.TextUnlessEmpty("auth_username", server.username);
  WriteSecret(out, "auth_password", server.password);
  out.TextUnlessEmpty("auth_identity", server.identity);
  out.Flag("require_tls", server.require_tls);
  if (server.force_implicit_tls) out.Flag("force_implicit_tls", true);
  WriteTls(out, "tls_config", server.tls);
  if (!receiver.headers.empty()) out.TextMap("headers", receiver.headers);
  out.TextUnlessEmpty("html", receiver.html);
  out.TextUnlessEmpty("text", receiver.text);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteIntegration(YamlWriter& out, const StatuspageReceiver& receiver) {
  WriteSecret(out, "api_key", receiver.api_key);
  out.Text("page_id", receiver.page_id);
  out.Flag("publish", true);
  out.Text("url", base::RedactUrl(receiver.url));
  if (!receiver.component_ids.empty()) out.Texts("component_ids", receiver.component_ids);
  out.TextUnlessEmpty("name", receiver.name);
  out.TextUnlessEmpty("body", receiver.body);
  out.Flag("deliver_notifications", receiver.deliver_notifications);
  WriteHttp(out, receiver.http);
  WriteTimeout(out, receiver.timeout);
  out.Flag("send_resolved", receiver.send_resolved);
}

// The integrations of one kind, under their key.
template <typename Kind>
void WriteKind(YamlWriter& out, std::string_view key, const Receiver& receiver) {
  bool first = true;
  for (const Integration& integration : receiver.integrations) {
    const auto* kind = std::get_if<Kind>(&integration);
    if (kind == nullptr) continue;
    if (first) out.List(key);
    first = false;
    out.BeginItem();
    WriteIntegration(out, *kind);
    out.End();
  }
}

}  // namespace

void WriteReceivers(YamlWriter& out, const std::vector<Receiver>& receivers) {
  out.List("receivers");
  for (const Receiver& receiver : receivers) {
    out.BeginItem();
    out.Text("name", receiver.name);
    WriteKind<PagerDutyReceiver>(out, "pagerduty_configs", receiver);
    WriteKind<SlackReceiver>(out, "slack_configs", receiver);
    WriteKind<WebhookReceiver>(out, "webhook_configs", receiver);
    WriteKind<EmailReceiver>(out, "email_configs", receiver);
    WriteKind<StatuspageReceiver>(out, "statuspage_configs", receiver);
    out.End();
  }
}

void WriteAlertmanagers(YamlWriter& out, const std::vector<Alertmanagers>& alertmanagers) {
  if (alertmanagers.empty()) return;
  out.BeginMap("alerting");
  out.List("alertmanagers");
  for (const Alertmanagers& item : alertmanagers) {
    out.BeginItem();
    out.Text("scheme", item.scheme);
    out.Text("path_prefix", item.path_prefix);
    out.Time("timeout", item.timeout);
    out.Text("api_version", "v2");
    WriteHttpKeys(out, item.http);
    out.List("static_configs");
    out.BeginItem();
    out.Texts("targets", item.targets);
    out.End();
    out.End();
  }
  out.End();
}

}  // namespace drwatch::config
