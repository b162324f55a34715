// Which proxy carries a request, by the rules of Go's package httpproxy, which Prometheus' programs
// follow.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace drwatch::net {

// The proxy of http and of https addresses. One without a scheme is meant as http.
struct ProxyRules {
  base::Secret http, https;
  // Hosts that are reached without, separated by commas: a name (and those below it), ".name" or
  // "*.name" (only those below it), an address, a network (10.0.0.0/8), each but the last with an
  // optional port; "*" is everything. What is none of these matches nothing.
  std::string no_proxy;
};

// HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or their lower-case forms where those are empty.
ProxyRules ProxyRulesFromEnvironment();
// The proxy for `url`; empty: none. This machine (localhost, loopback addresses) is never reached
// through one. Any thread.
base::Secret ChooseProxy(const ProxyRules& rules, const base::Secret& url);

}  // namespace drwatch::net
