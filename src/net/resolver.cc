#include "net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "base/strings.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxHostBytes = 254;    // RFC 1035, and a dot at the end
constexpr int kFirstTryMillis = 1000;         // doubled at each further try
constexpr int kTries = 4;                     // 15 s in all; the deadline is usually shorter
constexpr std::size_t kMaxAddresses = 16;     // more than anybody tries within a deadline
constexpr base::Duration kLongestWait{1000};  // between looks at c-ares' own timers

struct Answer {
  bool done = false;
  int status = ARES_SUCCESS;
  std::vector<IpAddress> addresses;
};

IpAddress FromSockaddr(const sockaddr* address) {
  IpAddress result;
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    result.is_v6 = true;
    result.scope = v6->sin6_scope_id;
    std::memcpy(result.bytes.data(), &v6->sin6_addr, 16);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::memcpy(result.bytes.data(), &v4->sin_addr, 4);
  }
  return result;
}

void OnAnswer(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
  auto* answer = static_cast<Answer*>(argument);
  answer->done = true;
  answer->status = status;
  if (info == nullptr) return;
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    const IpAddress address = FromSockaddr(node->ai_addr);
    const auto& known = answer->addresses;
    if (known.size() >= kMaxAddresses) break;
    if (std::find(known.begin(), known.end(), address) == known.end()) {
      answer->addresses.push_back(address);
    }
  }
  ares_freeaddrinfo(info);
}

bool Matches(const IpAddress& address, IpFamily family) {
  return family == IpFamily::kAny || address.is_v6 == (family == IpFamily::kIp6);
}

std::string Named(std::string_view host) { return base::Quote(base::Truncate(host, 100)); }

tl::unexpected<NetError> NoAddress(std::string_view host, IpFamily family) {
  const std::string kind = family == IpFamily::kIp4   ? "IPv4 address"
                           : family == IpFamily::kIp6 ? "IPv6 address"
                                                      : "address";
  return NetFail(model::Reason::kDns, Named(host) + " has no " + kind);
}

// Addresses that need no question: literals and the loopback's names.
std::vector<IpAddress> KnownAddresses(std::string_view host) {
  if (const std::optional<IpAddress> literal = IpAddress::Parse(host)) return {*literal};
  std::string name = base::Lower(host);
  if (name.ends_with('.')) name.pop_back();
  if (name == "localhost" || name.ends_with(".localhost")) {
    return {*IpAddress::Parse("127.0.0.1"), *IpAddress::Parse("::1")};
  }
  return {};
}

bool IsAskable(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f;
         });
}

struct ChannelDeleter {
  void operator()(ares_channeldata* channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, ChannelDeleter>;

NetResult<Channel> OpenChannel(const std::string& servers) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  options.timeout = kFirstTryMillis;
  options.tries = kTries;
  char lookups[] = "fb";  // the hosts file, then DNS
  options.lookups = lookups;
  ares_channel raw = nullptr;
  int status =
      ares_init_options(&raw, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS);
  Channel channel(status == ARES_SUCCESS ? raw : nullptr);
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(channel.get(), servers.c_str());
  }
  if (status == ARES_SUCCESS) return channel;
  return NetFail(model::Reason::kInternal,
                 std::string("cannot set up name resolution: ") + ares_strerror(status));
}

// Waits once for c-ares' sockets or its next timer, and lets it work.
base::WaitResult Step(ares_channeldata* channel, base::Deadline deadline,
                      const base::StopToken& stop) {
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
  const int bits = ares_getsock(channel, sockets.data(), ARES_GETSOCK_MAXNUM);
  std::vector<pollfd> fds;
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    const bool readable = ARES_GETSOCK_READABLE(static_cast<unsigned>(bits), i) != 0;
    const bool writable = ARES_GETSOCK_WRITABLE(static_cast<unsigned>(bits), i) != 0;
    if (!readable && !writable) continue;
    const int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
    fds.push_back(pollfd{sockets[static_cast<std::size_t>(i)], static_cast<short>(events), 0});
  }
  timeval buffer{};
  timeval longest{kLongestWait.count() / 1000, 0};
  const timeval* next = ares_timeout(channel, &longest, &buffer);
  const base::Duration timer(next->tv_sec * 1000 + (next->tv_usec + 999) / 1000);
  const base::WaitResult result =
      base::PollUntil(fds, deadline.Min(base::Deadline::After(timer)), stop);
  if (result == base::WaitResult::kStopped) return result;
  bool any = false;
  for (const pollfd& entry : fds) {
    if (entry.revents == 0) continue;
    any = true;
    const bool readable = (entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool writable = (entry.revents & POLLOUT) != 0;
    ares_process_fd(channel, readable ? entry.fd : ARES_SOCKET_BAD,
                    writable ? entry.fd : ARES_SOCKET_BAD);
  }
  if (!any) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  return result;
}

tl::unexpected<NetError> Refused(std::string_view host, IpFamily family, int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return NetFail(model::Reason::kDns, "no such host " + Named(host));
    case ARES_ENODATA:
      return NoAddress(host, family);
    case ARES_ETIMEOUT:
      return NetFail(model::Reason::kDns, "no name server answered for " + Named(host));
    case ARES_ECONNREFUSED:
      return NetFail(model::Reason::kDns, "no name server reachable to look up " + Named(host));
    case ARES_EBADNAME:
      return NetFail(model::Reason::kDns, Named(host) + " is no host name");
    case ARES_ENOMEM:
      return NetFail(model::Reason::kInternal, "out of memory");
    default:
      return NetFail(model::Reason::kDns,
                     "cannot look up " + Named(host) + ": " + base::Lower(ares_strerror(status)));
  }
}

}  // namespace

NetResult<std::vector<IpAddress>> Resolve(std::string_view host, IpFamily family,
                                          base::Deadline deadline, const base::StopToken& stop) {
  return ResolveWith({}, host, family, deadline, stop);
}

NetResult<std::vector<IpAddress>> ResolveWith(const std::string& servers, std::string_view host,
                                              IpFamily family, base::Deadline deadline,
                                              const base::StopToken& stop) {
  std::vector<IpAddress> known = KnownAddresses(host);
  if (!known.empty()) {
    std::erase_if(known, [&](const IpAddress& address) { return !Matches(address, family); });
    if (known.empty()) return NoAddress(host, family);
    return known;
  }
  if (!IsAskable(host)) {
    return NetFail(model::Reason::kDns, Named(host) + " is no host name (write an " +
                                            "international name in its xn-- form)");
  }
  // `answer` outlives the channel, whose end calls OnAnswer for a question still open.
  Answer answer;
  NetResult<Channel> channel = OpenChannel(servers);
  if (!channel) return tl::unexpected(channel.error());
  ares_addrinfo_hints hints{};
  hints.ai_family = family == IpFamily::kIp4   ? AF_INET
                    : family == IpFamily::kIp6 ? AF_INET6
                                               : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel->get(), std::string(host).c_str(), nullptr, &hints, OnAnswer, &answer);
  while (!answer.done) {
    if (deadline.Expired()) {
      return NetFail(model::Reason::kDns,
                     "looking up " + Named(host) + " took too long: no name server answered");
    }
    if (Step(channel->get(), deadline, stop) == base::WaitResult::kStopped) {
      return tl::unexpected(StoppedError());
    }
  }
  if (answer.status != ARES_SUCCESS) return Refused(host, family, answer.status);
  std::erase_if(answer.addresses,
                [&](const IpAddress& address) { return !Matches(address, family); });
  if (answer.addresses.empty()) return NoAddress(host, family);
  return std::move(answer.addresses);
}

}  // namespace drwatch::net
