// One request and its response over libcurl, without redirects. Used by http_client.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/stop.h"
#include "net/http_client.h"
#include "net/tls_options.h"

namespace drwatch::net {

// Everything is resolved and decided: libcurl asks no name server, reads no proxy from the
// environment and follows nothing.
struct Exchange {
  std::string url;  // without user part and fragment
  bool is_https = false;
  std::string verify_name;  // what the certificate must be for
  // "host:port:address,..." and "::host:port" as CURLOPT_RESOLVE and CURLOPT_CONNECT_TO take them;
  // may be empty.
  std::string resolve;
  std::string connect_to;
  std::string peer;  // "host:port" for messages
  // As CURLOPT_PROXY takes it, without user part; empty = none. `resolve` is then the proxy's.
  std::string proxy;
  std::string proxy_username;
  base::Secret proxy_password;
  std::vector<std::pair<std::string, base::Secret>> connect_headers;  // of the CONNECT
  std::string method;
  std::string body;
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string username;
  base::Secret password;
  TlsOptions tls;
  std::int64_t max_body_bytes = 0;
  bool http2 = true;
  bool fresh_connection = true;
  bool decompress = true;
  bool http_1_1 = false;
};

// The resolve phase of the timings is left to the caller.
HttpOutcome RunExchange(const Exchange& exchange, base::Deadline deadline,
                        const base::StopToken& stop);

}  // namespace drwatch::net
