// The integrations of a receiver: one structure a kind, with the keys of Alertmanager's
// configuration. Texts are templates unless said otherwise; an empty one means the built-in text.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "config/secret_source.h"

namespace drwatch::config {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

struct PagerDutyReceiver {
  SecretSource routing_key;
  std::string url = "https://events.pagerduty.com/v2/enqueue";
  std::string severity;     // empty = the alert's severity through severity_map
  std::string description;  // the summary
  std::string client = "drwatch";
  std::string client_url;
  std::string component, group, event_class;
  NamedTexts details;
  bool send_resolved = true;
};

struct SlackReceiver {
  SecretSource api_url;  // the webhook's URL is the secret
  std::string channel;
  std::string title;
  std::string text;
  bool send_resolved = true;
};

struct WebhookReceiver {
  SecretSource url;
  bool send_resolved = true;
};

// A mail server and how to log in there; receivers inherit each key from the global section.
struct MailServer {
  std::string smarthost;            // host:port
  std::string hello;                // EHLO's name, not a template
  std::string username;             // empty = no login; not a template
  SecretSource password;            // auth_password, else auth_secret
  std::string identity;             // not a template
  bool require_tls = true;          // STARTTLS; false: no encryption
  bool force_implicit_tls = false;  // TLS from the first byte; so does port 465
  Tls tls;
};

struct EmailReceiver {
  std::string to;    // addresses, separated by commas
  std::string from;  // one address
  MailServer server;
  NamedTexts headers;  // names as given; they win over those drwatch sets itself
  std::string html, text;
  bool send_resolved = false;  // as in Alertmanager
};

using Integration = std::variant<PagerDutyReceiver, SlackReceiver, WebhookReceiver, EmailReceiver>;

}  // namespace drwatch::config
