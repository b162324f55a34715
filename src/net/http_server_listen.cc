#include "net/http_server_listen.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "net/address.h"
#include "net/resolver.h"

namespace drwatch::net {
namespace {

constexpr base::Duration kResolveTimeout{5000};
constexpr int kBacklog = 1024;

std::string HintFor(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return "another program, or another drwatch, listens there; choose another port with "
             "--web.listen-address";
    case EACCES:
      return "ports below 1024 need the CAP_NET_BIND_SERVICE capability";
    case EADDRNOTAVAIL:
      return "the address must belong to this machine";
    default:
      return {};
  }
}

// Binds and listens. An errno value is the error.
tl::expected<Listener, int> Bind(const IpAddress& address, std::uint16_t port, bool both_families) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.is_v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_scope_id = address.scope;
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    size = sizeof(sockaddr_in6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
    size = sizeof(sockaddr_in);
  }
  auto* name = reinterpret_cast<sockaddr*>(&storage);
  Listener listener;
  listener.fd =
      base::UniqueFd(::socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.fd.valid()) return tl::unexpected(errno);
  const int on = 1;
  ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.is_v6) {
    const int only_v6 = both_families ? 0 : 1;
    ::setsockopt(listener.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  if (::bind(listener.fd.get(), name, size) != 0 || ::listen(listener.fd.get(), kBacklog) != 0) {
    return tl::unexpected(errno);
  }
  ::getsockname(listener.fd.get(), name, &size);
  const std::uint16_t bound =
      ntohs(address.is_v6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                          : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  listener.address = Endpoint{address.ToString(), bound, {}}.ToString();
  return listener;
}

tl::expected<Listener, int> BindEverywhere(std::uint16_t port) {
  tl::expected<Listener, int> both = Bind(*IpAddress::Parse("::"), port, true);
  if (both || both.error() == EADDRINUSE || both.error() == EACCES) return both;
  return Bind(*IpAddress::Parse("0.0.0.0"), port, false);
}

}  // namespace

base::Result<Listener> Listen(const std::string& address) {
  const std::string context = "cannot listen on " + base::Quote(address);
  const base::Result<Endpoint> endpoint = ParseEndpoint(address);
  if (!endpoint) return base::Wrap(context, endpoint.error());
  if (endpoint->is_unix() || address.find(':') == address.npos) {
    return base::Fail(context + ": no port", "write host:port or :port");
  }
  tl::expected<Listener, int> listener = tl::unexpected(EADDRNOTAVAIL);
  if (endpoint->host.empty()) {
    listener = BindEverywhere(endpoint->port);
  } else {
    const NetResult<std::vector<IpAddress>> addresses =
        Resolve(endpoint->host, IpFamily::kAny, base::Deadline::After(kResolveTimeout), {});
    if (!addresses) return base::Fail(context + ": " + addresses.error().message);
    for (const IpAddress& candidate : *addresses) {
      listener = Bind(candidate, endpoint->port, false);
      if (listener) break;
    }
  }
  if (listener) return *std::move(listener);
  return base::Fail(context + ": " + base::ErrnoText(listener.error()), HintFor(listener.error()));
}

}  // namespace drwatch::net
