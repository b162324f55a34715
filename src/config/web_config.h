// Prometheus' web configuration file: TLS, users and headers of the HTTP server.
//
// A value, built whole by LoadWebConfig.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "config/problem.h"

namespace drwatch::config {

// In the order of how much they ask for.
enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };
enum class TlsVersion { k10, k11, k12, k13 };

// PEM text; from a file, which is read again when it changes, or in place.
struct Pem {
  std::string file;   // absolute; empty = in place
  base::Secret text;  // also of a file, as it was when the configuration was loaded
};

struct WebTls {
  Pem cert, key;
  ClientAuth client_auth = ClientAuth::kNone;
  Pem client_ca;                                 // empty without one
  std::vector<std::string> client_allowed_sans;  // empty = any
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  std::vector<std::string> cipher_suites;  // of TLS 1.2 and older, as Go names them; empty = all
  std::vector<std::string> curve_preferences;  // as Go names them; empty = the library's
};

struct WebConfig {
  std::optional<WebTls> tls;
  std::vector<std::pair<std::string, std::string>> headers;  // of every answer
  std::vector<std::pair<std::string, base::Secret>> users;   // and the bcrypt hash of each
  std::vector<std::string> files;                            // it was made of, itself first
};

// An empty path is an empty configuration. The result is there only if `problems` gained no error;
// all errors are reported at once.
std::optional<WebConfig> LoadWebConfig(const std::string& path, Problems& problems);

// "$2a$10$" and 53 characters, and its kin; the cost is at most kMaxBcryptCost.
inline constexpr int kMaxBcryptCost = 16;
bool IsBcryptHash(std::string_view text);

}  // namespace drwatch::config
