#include "base/strings.h"
#include "config/describe.h"

namespace drwatch::config {
namespace {

void WriteIntegration(YamlWriter& out, const PagerDutyReceiver& receiver) {
  out.Text("url", base::RedactUrl(receiver.url));
  WriteSecret(out, "routing_key", receiver.routing_key);
  out.TextUnlessEmpty("severity", receiver.severity);
  out.TextUnlessEmpty("description", receiver.description);
  out.Text("client", receiver.client);
  out.TextUnlessEmpty("client_url", receiver.client_url);
  out.TextUnlessEmpty("component", receiver.component);
  out.TextUnlessEmpty("group", receiver.group);
  out.TextUnlessEmpty("class", receiver.event_class);
  out.TextMap("details", receiver.details);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteIntegration(YamlWriter& out, const SlackReceiver& receiver) {
  WriteSecret(out, "api_url", receiver.api_url);
  out.TextUnlessEmpty("channel", receiver.channel);
  out.TextUnlessEmpty("title", receiver.title);
  out.TextUnlessEmpty("text", receiver.text);
  out.Flag("send_resolved", receiver.send_resolved);
}

void WriteIntegration(YamlWriter& out, const WebhookReceiver& receiver) {
  WriteSecret(out, "url", receiver.url);
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
    out.End();
  }
}

}  // namespace drwatch::config
