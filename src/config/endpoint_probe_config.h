// What probes of endpoints are told. Included through probe_config.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/secret_source.h"

namespace drwatch::config {

using std::chrono_literals::operator""h;

struct JsonCondition {
  std::string path;  // JSON pointer ("/checks/database") or dotted ("checks.database")
  enum class Op {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kMatches,
    kExists
  };
  Op op = Op::kEqual;
  std::string
      value;  // JSON text of the operand ("true", "300", "\"ok\""), or the regex of kMatches
  friend bool operator==(const JsonCondition&, const JsonCondition&) = default;
};

struct HttpProbe {
  base::Secret url;  // may hold credentials
  std::string method = "GET";
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string body;
  std::string basic_username;
  SecretSource basic_password;
  SecretSource bearer_token;
  Tls tls;
  bool follow_redirects = false;
  int max_redirects = 5;
  std::string ip_protocol;  // "", "ip4", "ip6"
  std::string resolve_to;   // connect to this host[:port], keeping Host and SNI
  std::int64_t max_body_bytes = 1 << 20;
  struct Expect {
    std::vector<int> status = {200};
    std::vector<JsonCondition> json;
    std::vector<std::string> body_matches;      // RE2
    std::vector<std::string> body_not_matches;  // RE2
    friend bool operator==(const Expect&, const Expect&) = default;
  } expect;
  int failure_threshold = 1;  // so many failures in a row before probe_success is 0
  base::Duration certificate_warning = 14 * 24h;
  friend bool operator==(const HttpProbe&, const HttpProbe&) = default;
};

struct TcpProbe {
  std::string address;  // host:port
  bool use_tls = false;
  Tls tls;
  std::string send;
  std::string expect;  // RE2 the first bytes must match; empty = connecting is enough
  int failure_threshold = 1;
  friend bool operator==(const TcpProbe&, const TcpProbe&) = default;
};

struct ScrapeProbe {
  std::string job;  // label `job`; default the probe's name
  base::Secret url;
  std::string instance;  // label `instance`; default host:port of the url
  std::vector<std::pair<std::string, base::Secret>> headers;
  std::string basic_username;
  SecretSource basic_password;
  SecretSource bearer_token;
  Tls tls;
  bool honor_labels = false;
  std::int64_t max_body_bytes = 64 << 20;
  std::int64_t max_samples = 200'000;
  friend bool operator==(const ScrapeProbe&, const ScrapeProbe&) = default;
};

}  // namespace drwatch::config
