// A connected stream socket with deadlines, and TLS on it where that is wanted (OpenSSL).
//
// Every call ends by its deadline, and at once when the token is stopped (kTimeout, "stopped").
// One thread at a time; movable.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "net/address.h"
#include "net/net_error.h"
#include "net/tls_options.h"

namespace drwatch::net {

class Socket {
 public:
  // Resolves `endpoint` (a unix path needs none) and connects. Errors: those of Resolve() and
  // ConnectTo(); kConnectionRefused for a missing unix socket, kPermission for one that refuses.
  static NetResult<Socket> Connect(const Endpoint& endpoint, IpFamily family,
                                   base::Deadline deadline, const base::StopToken& stop);
  // Tries the addresses in order and does not wait long for one before it starts the next (RFC
  // 8305); the first that answers wins. Errors: kConnectionRefused (also: unreachable),
  // kConnectionReset, kTimeout.
  static NetResult<Socket> ConnectTo(const std::vector<IpAddress>& addresses, std::uint16_t port,
                                     base::Deadline deadline, const base::StopToken& stop);

  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  // The handshake, once. `host` (options.server_name wins) goes into SNI and is what the
  // certificate must be for. Errors: kTls, kCertificateExpired, kConfig (a file), kConnectionReset,
  // kTimeout; tls() is filled all the same as far as the handshake came.
  NetResult<void> StartTls(const TlsOptions& options, const std::string& host,
                           base::Deadline deadline, const base::StopToken& stop);
  const std::optional<TlsInfo>& tls() const;

  // At least one byte and at most `size`; 0 when the peer closed in order. Errors:
  // kConnectionReset, kTimeout, kTls.
  NetResult<std::size_t> Read(char* buffer, std::size_t size, base::Deadline deadline,
                              const base::StopToken& stop);
  // All of it. Errors as Read().
  NetResult<void> WriteAll(std::string_view bytes, base::Deadline deadline,
                           const base::StopToken& stop);

  int fd() const;
  // "10.0.0.5:5432" or the unix path.
  const std::string& remote_address() const;

 private:
  struct State;
  explicit Socket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace drwatch::net
