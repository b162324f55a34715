// Host names to addresses, with a deadline that holds (c-ares). The C library's getaddrinfo(), and
// every library that calls it, can hang for 10 to 20 s when a name server does not answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "net/address.h"
#include "net/net_error.h"

namespace drwatch::net {

// The addresses of `host` that belong to `family`, best first (RFC 6724); never empty. An IP
// literal is itself; "localhost" and what ends in ".localhost" is the loopback (RFC 6761); the
// hosts file comes before the name servers of /etc/resolv.conf, which is read at every call.
//
// Errors: kDns (no such name, no address of that family, no answer by the deadline, not a host
// name), kTimeout with "stopped" after a stop. Any thread; returns by the deadline.
NetResult<std::vector<IpAddress>> Resolve(std::string_view host, IpFamily family,
                                          base::Deadline deadline, const base::StopToken& stop);

// The same with name servers of the caller's ("127.0.0.1:53,[::1]:5353") in place of the system's;
// empty = the system's.
NetResult<std::vector<IpAddress>> ResolveWith(const std::string& servers, std::string_view host,
                                              IpFamily family, base::Deadline deadline,
                                              const base::StopToken& stop);

}  // namespace drwatch::net
