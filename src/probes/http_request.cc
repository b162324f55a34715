#include "probes/http_request.h"

namespace drwatch::probes {

net::TlsOptions ToTlsOptions(const config::Tls& tls) {
  net::TlsOptions options;
  options.ca_file = tls.ca_file;
  options.cert_file = tls.cert_file;
  options.key_file = tls.key_file;
  options.server_name = tls.server_name;
  options.insecure_skip_verify = tls.insecure_skip_verify;
  return options;
}

base::Status AddCredentials(const HttpCredentials& credentials, net::HttpRequest& request) {
  for (const auto& header : credentials.headers) request.headers.push_back(header);
  request.username = credentials.basic_username;
  if (!credentials.basic_password.empty()) {
    base::Result<base::Secret> password = config::ReadSecret(credentials.basic_password);
    if (!password) return base::Fail(password.error());
    request.password = *std::move(password);
  }
  if (!credentials.bearer_token.empty()) {
    const base::Result<base::Secret> token = config::ReadSecret(credentials.bearer_token);
    if (!token) return base::Fail(token.error());
    request.headers.emplace_back("Authorization", base::Secret("Bearer " + token->Reveal()));
  }
  return {};
}

}  // namespace drwatch::probes
