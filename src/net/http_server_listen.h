// Listening sockets. Used by http_server.cc only.
#pragma once

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace drwatch::net {

struct Listener {
  base::UniqueFd fd;    // non-blocking
  std::string address;  // "127.0.0.1:10911", "[::]:10911": with the real port
};

// ":port" is every address of both families (IPv4 alone where there is no IPv6), a name the first
// of its addresses that can be bound. Errors: one that does not parse, resolve or bind.
base::Result<Listener> Listen(const std::string& address);

}  // namespace drwatch::net
