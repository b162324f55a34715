// The integrations of a receiver: one structure a kind, with the keys of Alertmanager's
// configuration. Texts are templates unless said otherwise; an empty one means the built-in text.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/http_settings.h"
#include "config/secret_source.h"

namespace drwatch::config {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

struct PagerDutyLink {
  std::string href, text;
};
struct PagerDutyImage {
  std::string source, alternative, href;
};

struct PagerDutyReceiver {
  SecretSource routing_key;
  std::string url = "https://events.pagerduty.com/v2/enqueue";
  std::string severity;     // empty = the alert's severity through severity_map
  std::string description;  // the summary
  std::string client = "drwatch";
  std::string client_url;
  std::string source;
  std::string component, group, event_class;
  NamedTexts details;
  std::vector<PagerDutyLink> links;  // after the alert's own
  std::vector<PagerDutyImage> images;
  HttpSettings http;
  std::optional<base::Duration> timeout;  // of an attempt
  bool send_resolved = true;
};

struct SlackField {
  std::string title, value;
  std::optional<bool> is_short;
};
struct SlackAction {
  std::string type, text, url, style, name, value;
  // The question before it is done; none if its text is empty.
  std::string confirm_title, confirm_text, confirm_ok, confirm_dismiss;
};

struct SlackReceiver {
  SecretSource api_url;    // the webhook's URL is the secret
  SecretSource app_token;  // of a bot, in its place
  std::string app_url = "https://slack.com/api/chat.postMessage";
  std::string channel, username, icon_emoji, icon_url;
  std::string color, title, title_link, pretext, text, fallback, footer, callback_id;
  std::string image_url, thumb_url;
  std::vector<SlackField> fields;
  bool short_fields = false;
  std::vector<SlackAction> actions;
  std::vector<std::string> markdown_in;  // mrkdwn_in, not templates
  bool link_names = false;
  HttpSettings http;
  std::optional<base::Duration> timeout;
  bool send_resolved = true;
};

struct WebhookReceiver {
  SecretSource url;
  int max_alerts = 0;  // 0 = as many as fit
  HttpSettings http;
  std::optional<base::Duration> timeout;
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

// Nothing is published unless the file says so.
struct StatuspageReceiver {
  SecretSource api_key;
  std::string page_id;  // not a template, as the next two
  std::string url = "https://api.statuspage.io/v1";
  std::vector<std::string> component_ids;  // shown as broken while it lasts
  std::string name, body;
  bool deliver_notifications = false;  // to the page's subscribers
  HttpSettings http;
  std::optional<base::Duration> timeout;
  bool send_resolved = true;
};

using Integration = std::variant<PagerDutyReceiver, SlackReceiver, WebhookReceiver, EmailReceiver,
                                 StatuspageReceiver>;

}  // namespace drwatch::config
