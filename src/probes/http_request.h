// How probes that speak HTTP turn their configuration into a request. Shared by http and scrape.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/http_client.h"

namespace drwatch::probes {

net::TlsOptions ToTlsOptions(const config::Tls& tls);

struct HttpCredentials {
  const std::vector<std::pair<std::string, base::Secret>>& headers;
  const std::string& basic_username;
  const config::SecretSource& basic_password;
  const config::SecretSource& bearer_token;
};
// Reads the secrets and adds headers and credentials to `request`. Errors: a secret's file that
// cannot be read.
base::Status AddCredentials(const HttpCredentials& credentials, net::HttpRequest& request);

}  // namespace drwatch::probes
