#include "net/tls_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "net/resolver.h"
#include "net/tls_context.h"

namespace drwatch::net {
namespace {

// How long one address may keep the next from being tried (RFC 8305, section 5).
constexpr base::Duration kAttemptDelay{250};

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

model::Reason ReasonOf(int error_number) {
  switch (error_number) {
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
      return model::Reason::kConnectionReset;
    case ETIMEDOUT:
      return model::Reason::kTimeout;
    case EACCES:
    case EPERM:
      return model::Reason::kPermission;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return model::Reason::kInternal;
    default:  // an errno is not an enum: the rest says that there is no way to the peer
      return model::Reason::kConnectionRefused;
  }
}

NetError ConnectError(const std::string& where, int error_number) {
  return {ReasonOf(error_number), "connect to " + where + ": " + base::ErrnoText(error_number)};
}

NetError ConnectTimeout(const std::string& where) {
  return {model::Reason::kTimeout, "connect to " + where + ": no answer in time"};
}

// The failure of one wait; nullopt if the descriptor is ready.
std::optional<NetError> WaitFor(int fd, short events, const char* doing, base::Deadline deadline,
                                const base::StopToken& stop) {
  std::vector<pollfd> fds = {pollfd{fd, events, 0}};
  switch (base::PollUntil(fds, deadline, stop)) {
    case base::WaitResult::kReady:
      return std::nullopt;
    case base::WaitResult::kStopped:
      return StoppedError();
    case base::WaitResult::kTimeout:
      break;
  }
  return NetError{model::Reason::kTimeout, std::string("no answer in time while ") + doing};
}

// One address that is being tried.
struct Attempt {
  base::UniqueFd fd;
  std::string where;
  bool connected = false;
};

struct Sockaddr {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Sockaddr ToSockaddr(const IpAddress& address, std::uint16_t port) {
  Sockaddr result;
  if (address.is_v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_scope_id = address.scope;
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    result.size = sizeof(sockaddr_in6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
    result.size = sizeof(sockaddr_in);
  }
  return result;
}

// A non-blocking connect() under way, or done at once.
NetResult<Attempt> StartAttempt(const Sockaddr& address, std::string where) {
  const int family = address.storage.ss_family;
  Attempt attempt;
  attempt.fd = base::UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!attempt.fd.valid()) return tl::unexpected(ConnectError(where, errno));
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(attempt.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(attempt.fd.get(), name, address.size) == 0) {
    attempt.connected = true;
  } else if (errno != EINPROGRESS) {
    return tl::unexpected(ConnectError(where, errno));
  }
  attempt.where = std::move(where);
  return attempt;
}

// Several attempts side by side; the first error is the one that is reported.
class Race {
 public:
  void Add(NetResult<Attempt> attempt) {
    if (attempt) {
      running_.push_back(std::move(*attempt));
    } else {
      Failed(std::move(attempt.error()));
    }
  }
  bool empty() const { return running_.empty(); }
  const NetError& error() const { return *error_; }
  const std::string& oldest() const { return running_.front().where; }

  // Waits until `until` for one to connect. Attempts that failed are dropped.
  base::WaitResult Wait(base::Deadline until, const base::StopToken& stop,
                        std::optional<Attempt>& winner) {
    std::vector<pollfd> fds;
    for (Attempt& attempt : running_) {
      if (attempt.connected) {
        winner = std::move(attempt);
        return base::WaitResult::kReady;
      }
      fds.push_back(pollfd{attempt.fd.get(), POLLOUT, 0});
    }
    const base::WaitResult result = base::PollUntil(fds, until, stop);
    if (result != base::WaitResult::kReady) return result;
    for (std::size_t i = fds.size(); i-- > 0;) {
      if (fds[i].revents == 0) continue;
      int error_number = 0;
      socklen_t size = sizeof error_number;
      ::getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
      if (error_number == 0) {
        winner = std::move(running_[i]);
        return result;
      }
      Failed(ConnectError(running_[i].where, error_number));
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return result;
  }

 private:
  void Failed(NetError error) {
    if (!error_) error_ = std::move(error);
  }
  std::vector<Attempt> running_;
  std::optional<NetError> error_;
};

}  // namespace

struct Socket::State {
  base::UniqueFd fd;
  std::string remote;
  CertificateRecorder recorder;
  std::unique_ptr<SSL, SslDeleter> ssl;  // ends before the recorder and the descriptor it uses

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // Says goodbye where that takes no waiting, so that servers do not log a broken connection.
  ~State() {
    if (ssl && SSL_is_init_finished(ssl.get()) == 1) SSL_shutdown(ssl.get());
    ERR_clear_error();
  }

  NetError TlsFailure(int result, const char* doing) const;
  std::optional<NetError> WaitForTls(int result, const char* doing, base::Deadline deadline,
                                     const base::StopToken& stop) const;
};

// What a failed SSL_connect/read/write means. `result` is what it returned.
NetError Socket::State::TlsFailure(int result, const char* doing) const {
  const int error_number = errno;
  const int kind = SSL_get_error(ssl.get(), result);
  const unsigned long error = ERR_peek_last_error();
  if (const std::optional<NetError> refusal = recorder.Refusal();
      refusal && SSL_get_verify_mode(ssl.get()) != SSL_VERIFY_NONE) {
    ERR_clear_error();
    return *refusal;
  }
  const bool closed =
      (kind == SSL_ERROR_SYSCALL && (error_number == 0 || error_number == ECONNRESET)) ||
      ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (closed) {
    ERR_clear_error();
    return {model::Reason::kConnectionReset,
            std::string("the peer closed the connection while ") + doing};
  }
  if (kind == SSL_ERROR_SYSCALL) {
    ERR_clear_error();
    return {ReasonOf(error_number), std::string(doing) + ": " + base::ErrnoText(error_number)};
  }
  return {model::Reason::kTls, std::string(doing) + ": " + TakeTlsError()};
}

std::optional<NetError> Socket::State::WaitForTls(int result, const char* doing,
                                                  base::Deadline deadline,
                                                  const base::StopToken& stop) const {
  const int kind = SSL_get_error(ssl.get(), result);
  if (kind == SSL_ERROR_WANT_READ) return WaitFor(fd.get(), POLLIN, doing, deadline, stop);
  if (kind == SSL_ERROR_WANT_WRITE) return WaitFor(fd.get(), POLLOUT, doing, deadline, stop);
  return TlsFailure(result, doing);
}

Socket::Socket(std::unique_ptr<State> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

int Socket::fd() const { return state_->fd.get(); }
const std::string& Socket::remote_address() const { return state_->remote; }
const std::optional<TlsInfo>& Socket::tls() const { return state_->recorder.info(); }

NetResult<Socket> Socket::Connect(const Endpoint& endpoint, IpFamily family,
                                  base::Deadline deadline, const base::StopToken& stop) {
  if (!endpoint.is_unix()) {
    NetResult<std::vector<IpAddress>> addresses = Resolve(endpoint.host, family, deadline, stop);
    if (!addresses) return tl::unexpected(addresses.error());
    return ConnectTo(*addresses, endpoint.port, deadline, stop);
  }
  PrepareNetwork();
  Sockaddr address;
  auto* name = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (endpoint.unix_path.size() >= sizeof name->sun_path) {
    return NetFail(model::Reason::kConfig,
                   "the unix socket path " + base::Quote(endpoint.unix_path) + " is too long");
  }
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, endpoint.unix_path.data(), endpoint.unix_path.size());
  address.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + endpoint.unix_path.size() + 1);
  // A unix socket connects or refuses at once; EAGAIN says that its backlog is full.
  NetResult<Attempt> attempt = StartAttempt(address, endpoint.unix_path);
  if (!attempt) return tl::unexpected(attempt.error());
  auto state = std::make_unique<State>();
  state->fd = std::move(attempt->fd);
  state->remote = endpoint.unix_path;
  return Socket(std::move(state));
}

NetResult<Socket> Socket::ConnectTo(const std::vector<IpAddress>& addresses, std::uint16_t port,
                                    base::Deadline deadline, const base::StopToken& stop) {
  PrepareNetwork();
  Race race;
  std::size_t next = 0;
  while (next < addresses.size() || !race.empty()) {
    if (next < addresses.size()) {
      const Endpoint where{.host = addresses[next].ToString(), .port = port, .unix_path = {}};
      race.Add(StartAttempt(ToSockaddr(addresses[next], port), where.ToString()));
      ++next;
      if (race.empty()) continue;
    }
    const bool more = next < addresses.size();
    const base::Deadline until =
        more ? deadline.Min(base::Deadline::After(kAttemptDelay)) : deadline;
    std::optional<Attempt> winner;
    const base::WaitResult result = race.Wait(until, stop, winner);
    if (result == base::WaitResult::kStopped) return tl::unexpected(StoppedError());
    if (winner) {
      auto state = std::make_unique<State>();
      state->fd = std::move(winner->fd);
      state->remote = std::move(winner->where);
      return Socket(std::move(state));
    }
    if (result == base::WaitResult::kTimeout && deadline.Expired()) {
      return tl::unexpected(ConnectTimeout(race.oldest()));
    }
  }
  if (addresses.empty()) return NetFail(model::Reason::kDns, "no address to connect to");
  return tl::unexpected(race.error());
}

NetResult<void> Socket::StartTls(const TlsOptions& options, const std::string& host,
                                 base::Deadline deadline, const base::StopToken& stop) {
  std::string name = options.server_name.empty() ? host : options.server_name;
  if (name.ends_with('.')) name.pop_back();  // certificates have no dot at the end
  const std::unique_ptr<SSL_CTX, SslDeleter> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return NetFail(model::Reason::kInternal, "TLS: " + TakeTlsError());
  if (NetResult<void> configured = Configure(context.get(), options); !configured) {
    return configured;
  }
  state_->recorder.Attach(context.get(), name);
  state_->ssl.reset(SSL_new(context.get()));
  if (!state_->ssl) return NetFail(model::Reason::kInternal, "TLS: " + TakeTlsError());
  SSL* ssl = state_->ssl.get();
  SSL_set_verify(ssl, options.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_set_fd(ssl, state_->fd.get());
  if (!IpAddress::Parse(name)) SSL_set_tlsext_host_name(ssl, name.c_str());
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(ssl);
    if (result == 1) return {};
    if (std::optional<NetError> error =
            state_->WaitForTls(result, "TLS handshake", deadline, stop)) {
      return tl::unexpected(*std::move(error));
    }
  }
}

NetResult<std::size_t> Socket::Read(char* buffer, std::size_t size, base::Deadline deadline,
                                    const base::StopToken& stop) {
  while (true) {
    std::optional<NetError> error;
    errno = 0;
    if (state_->ssl) {
      ERR_clear_error();
      const int limit = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
      const int result = SSL_read(state_->ssl.get(), buffer, limit);
      if (result > 0) return static_cast<std::size_t>(result);
      if (SSL_get_error(state_->ssl.get(), result) == SSL_ERROR_ZERO_RETURN) return 0;
      error = state_->WaitForTls(result, "reading", deadline, stop);
    } else {
      const ssize_t result = ::recv(state_->fd.get(), buffer, size, 0);
      if (result >= 0) return static_cast<std::size_t>(result);
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        return NetFail(ReasonOf(errno), "reading: " + base::ErrnoText(errno));
      }
      error = WaitFor(state_->fd.get(), POLLIN, "reading", deadline, stop);
    }
    if (error) return tl::unexpected(*std::move(error));
  }
}

NetResult<void> Socket::WriteAll(std::string_view bytes, base::Deadline deadline,
                                 const base::StopToken& stop) {
  while (!bytes.empty()) {
    std::optional<NetError> error;
    errno = 0;
    if (state_->ssl) {
      ERR_clear_error();
      const int limit = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
      const int result = SSL_write(state_->ssl.get(), bytes.data(), limit);
      if (result > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(result));
        continue;
      }
      error = state_->WaitForTls(result, "writing", deadline, stop);
    } else {
      const ssize_t result = ::send(state_->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(result));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        return NetFail(ReasonOf(errno), "writing: " + base::ErrnoText(errno));
      }
      error = WaitFor(state_->fd.get(), POLLOUT, "writing", deadline, stop);
    }
    if (error) return tl::unexpected(*std::move(error));
  }
  return {};
}

}  // namespace drwatch::net
