// Tokens that requests carry: OAuth 2.0's client credentials grant (RFC 6749, section 4.4), asked
// for as Prometheus' programs do.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"

namespace drwatch::net {

struct OAuth2Client {
  std::string id;
  base::Secret secret;
  base::Secret token_url;
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, base::Secret>> parameters;  // further fields of the form
  TlsOptions tls;
  base::Secret proxy;
  std::vector<std::pair<std::string, base::Secret>> connect_headers{};  // as in HttpRequest
};

using FetchFunction =
    std::function<HttpOutcome(const HttpRequest&, base::Deadline, const base::StopToken&)>;

// `fetch` for requests with `oauth2`, too. A token is kept until ten seconds before its end, and
// asked for again, once, when an answer is 401. Where there is none to be had, nothing is sent:
// kAuth if the client was refused (status 4xx), kUnexpectedStatus, kProtocol (an answer without a
// token), or what fetching the token failed with. Neither messages nor answers hold the token. The
// function may be copied and called by any thread; the copies share their tokens.
FetchFunction WithTokens(FetchFunction fetch);

}  // namespace drwatch::net
