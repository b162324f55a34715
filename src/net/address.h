// Addresses as people write them: IP addresses, host:port, unix socket paths, URLs.
//
// Values; any thread. Error messages never repeat a URL's user part or query.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace drwatch::net {

enum class IpFamily { kAny, kIp4, kIp6 };
// "ip4" and "ip6" as the configuration has them; anything else is kAny.
IpFamily ParseIpFamily(std::string_view text);

struct IpAddress {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
  std::uint32_t scope = 0;               // interface index of a link-local IPv6 address

  // "127.0.0.1", "::1", "fe80::1%eth0"; without brackets. nullopt if it is anything else.
  static std::optional<IpAddress> Parse(std::string_view text);
  std::string ToString() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// A place to connect to: host and port, or a unix socket.
struct Endpoint {
  std::string host;        // a name or a literal without brackets; empty in ":80" (all addresses)
  std::uint16_t port = 0;  // 0 = none given
  std::string unix_path;   // not empty: a unix socket, and host and port are unused

  bool is_unix() const { return !unix_path.empty(); }
  // "db1:5432", "[::1]:80", "/run/redis.sock"; without the port if it is 0.
  std::string ToString() const;
};

// "host:port", "host", ":port", "[::1]:port", "[::1]", "::1", "/path", "unix:/path". A missing port
// becomes `default_port`. Errors: no host and no port, a port outside 0..65535, a bad literal, or
// characters no host name has.
base::Result<Endpoint> ParseEndpoint(std::string_view text, std::uint16_t default_port = 0);

struct Url {
  std::string scheme;    // lower case
  std::string username;  // decoded
  base::Secret password;
  std::string host;        // decoded, without brackets; may be empty ("unix:///path", "file:///x")
  std::uint16_t port = 0;  // the scheme's if none was given and it is a known one; else 0
  std::string path;        // as written, "/" if empty and the scheme is http or https
  std::string query;       // as written, without '?'

  // scheme://host[:port] with a port only where it is not the scheme's: all that may be shown of a
  // URL whose path is the secret.
  std::string Origin() const;
};

// Errors: no scheme, a bad host or port, control characters or blanks.
base::Result<Url> ParseUrl(std::string_view text);

// 80 for "http", 443 for "https", 5432, 6379 ...; 0 if unknown.
std::uint16_t DefaultPort(std::string_view scheme);

// "%2F" -> "/". nullopt for a '%' that two hex digits do not follow.
std::optional<std::string> PercentDecode(std::string_view text);
// "a=1&b=x+y" -> pairs, decoded ('+' is a blank). Parts that do not decode stay as they are.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);

}  // namespace drwatch::net
