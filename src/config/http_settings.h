// Alertmanager's http_config: proxies, tokens and credentials.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "config/secret_source.h"

namespace drwatch::config {

// Which proxy carries a request: the one of `url` but for the hosts of `no_proxy`, or what the
// environment says.
struct Proxy {
  base::Secret url;      // may hold a password
  std::string no_proxy;  // as written
  bool from_environment = false;
  // proxy_connect_header: what only the proxy is told, when a connection through it is asked for.
  std::vector<std::pair<std::string, base::Secret>> connect_headers{};
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

}  // namespace drwatch::config
