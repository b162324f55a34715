// The parts of an address in the config. Messages never repeat the text: it may hold a password.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drwatch::config {

struct Url {
  std::string scheme;  // lower case
  std::string user;    // percent-decoded, as is the password
  std::optional<std::string> password;
  std::string host;         // [::1] without its brackets
  std::optional<int> port;  // 1..65535
  std::string rest;         // path, query and fragment as written

  // "db1:5432", "[::1]:80"; without a port just the host.
  std::string HostAndPort() const;
};

// scheme://[user[:password]@]host[:port][/...]. Errors: which part is wrong.
base::Result<Url> ParseUrl(std::string_view text);
// host:port or [address]:port, both parts present.
base::Result<Url> ParseHostPort(std::string_view text);

}  // namespace drwatch::config
