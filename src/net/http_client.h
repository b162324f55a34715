// One HTTP request with a deadline (libcurl; names resolved by net/resolver.h, so that a hung
// resolver costs no more than the deadline). Used by probes and by delivery.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/stop.h"
#include "net/net_error.h"
#include "net/tls_options.h"

namespace drwatch::net {

struct OAuth2Client;

struct HttpRequest {
  std::string method = "GET";
  base::Secret url;
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string body;
  std::string username;  // basic auth when not empty
  base::Secret password;
  // Whose token the request is to carry; the function WithTokens() makes adds it (net/oauth2.h).
  std::shared_ptr<const OAuth2Client> oauth2;
  TlsOptions tls;
  // 0 = not followed. Configured headers, credentials and the client certificate never leave the
  // first origin, and a body is not carried to another one.
  int max_redirects = 0;
  std::int64_t max_body_bytes = 1 << 20;  // after decompression
  std::string ip_protocol;                // "", "ip4", "ip6"
  // http://[user:password@]host[:port] that carries the request, https by CONNECT; empty = none.
  // Not together with resolve_to or tls.server_name.
  base::Secret proxy;
  // Of the CONNECT, which only the proxy sees.
  std::vector<std::pair<std::string, base::Secret>> connect_headers;
  std::string resolve_to;  // host[:port] to connect to instead of the URL's, keeping Host and SNI
  bool http2 = true;       // over TLS, where the server speaks it
  bool fresh_connection = true;  // false lets a thread reuse its connection (delivery)
  // False: no Accept-Encoding is sent and the body stays as it came, whatever its Content-Encoding.
  bool decompress = true;
  // HTTP/2 is not offered. For requests whose signature HTTP/2 breaks on the way: Google's front
  // ends, and Amazon's S3 speaks nothing else.
  bool http_1_1 = false;
};

// Phases are summed over redirects; a failed attempt's time is in the phase in which it stood.
struct HttpTimings {
  base::Duration total{};
  double resolve_seconds = 0;
  double connect_seconds = 0;
  double tls_seconds = 0;
  double processing_seconds = 0;
  double transfer_seconds = 0;
};

struct HttpResponse {
  int status = 0;
  std::string http_version;                                  // "1.1", "2"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  int redirects = 0;
  std::string remote_address;
  // "" if absent.
  std::string Header(std::string_view lower_case_name) const;
};

// What happened; timings and TLS facts are there on failure, too, as far as the attempt came. Of
// several TLS hops, `earliest_expiry` is the minimum and `verified` holds for all; the rest is the
// first one's.
struct HttpOutcome {
  std::optional<HttpResponse> response;  // set when a whole response arrived, whatever its status
  std::optional<NetError> error;         // set otherwise
  HttpTimings timings;
  std::optional<TlsInfo> tls;
  // Of the last body, as far as it was kept; also where an error ended it.
  std::int64_t body_bytes = 0;
};

// Blocks until a whole response, an error, the deadline or a stop (reason kTimeout, message
// "stopped"). Any thread; each thread keeps one libcurl handle. Error messages name host and port
// only, never the URL's path, query or user part. Errors: kConfig (URL, method, header, file),
// kDns, kConnectionRefused, kConnectionReset, kTimeout, kTls, kCertificateExpired, kProtocol,
// kResponseTooLarge, kLimit (too many redirects).
HttpOutcome Fetch(const HttpRequest& request, base::Deadline deadline, const base::StopToken& stop);

}  // namespace drwatch::net
