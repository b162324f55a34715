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
#include "config/secret_source.h"

namespace drwatch::config {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

// Which proxy carries a request: the one of `url` but for the hosts of `no_proxy`, or what the
// environment says.
struct Proxy {
  base::Secret url;      // may hold a password
  std::string no_proxy;  // as written
  bool from_environment = false;
  friend bool operator==(const Proxy&, const Proxy&) = default;
};

// Who asks whom for the tokens that requests carry: OAuth 2.0, client credentials.
struct OAuth2 {
  std::string client_id;
  SecretSource client_secret;  // may be empty
  base::Secret token_url;
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, base::Secret>> parameters;  // endpoint_params
  Tls tls;
  Proxy proxy;
};

// Alertmanager's http_config: how the server of a receiver is reached. Redirects are never
// followed, because most of them drop the message on the way.
struct HttpSettings {
  std::string username;  // basic_auth
  SecretSource password;
  std::string authorization_type = "Bearer";
  SecretSource credentials;  // of the header Authorization
  std::optional<OAuth2> oauth2;
  Tls tls;
  Proxy proxy;
  bool http2 = true;                                          // where the server speaks it
  std::vector<std::pair<std::string, SecretSource>> headers;  // further ones, in the file's order
  // The one secret of it, or an empty one.
  const SecretSource& secret() const {
    if (oauth2) return oauth2->client_secret;
    return username.empty() ? credentials : password;
  }
  // Somebody is named in requests.
  bool HasCredentials() const { return oauth2 || !username.empty() || !credentials.empty(); }
};

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
