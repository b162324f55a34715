// A connection to a Redis (or Valkey) server: RESP2 over net::Socket, plain or TLS, written and
// read with hiredis' formatter and reader only (its own network code knows neither TLS nor
// deadlines).
//
// Every call ends by its deadline, and at once when the token is stopped (kTimeout, "stopped"). No
// message holds the password. One thread at a time; movable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/stop.h"
#include "net/address.h"
#include "net/net_error.h"
#include "net/tls_options.h"
#include "net/tls_socket.h"

namespace drwatch::net {

struct RedisOptions {
  Endpoint endpoint;
  bool use_tls = false;
  TlsOptions tls;
  std::string username;   // empty = the default user
  base::Secret password;  // empty = no AUTH
};

// "redis://host[:port]", "rediss://..." (TLS), "host[:port]", "unix:/path" or "/path" to an
// endpoint; a user in the URL goes to `username`, a password to `password`. Errors: not an address,
// another scheme; the message repeats no user part.
base::Result<RedisOptions> ParseRedisAddress(std::string_view address);

struct RedisReply {
  enum class Kind { kStatus, kError, kString, kInteger, kNil, kArray };
  Kind kind = Kind::kNil;
  std::string text;  // of a status, error or string
  std::int64_t integer = 0;
  std::vector<RedisReply> elements;
};

// What an error reply means: kAuth (NOAUTH, WRONGPASS ...), kPermission (NOPERM, protected mode),
// kStartingUp (LOADING), kTooManyConnections, kReplicationBroken (MASTERDOWN), kPersistenceFailing
// (MISCONF), kTimeout (BUSY), kNotFound (unknown command), else kProtocol.
model::Reason RedisErrorReason(std::string_view error);

class RedisConnection {
 public:
  static constexpr std::size_t kMaxReplyBytes = 4 << 20;
  static constexpr std::size_t kMaxReplyElements = 100'000;

  // Connects, shakes hands and sends AUTH where there is a password. Errors: those of Socket, and
  // those of RedisErrorReason() for a refused AUTH.
  static NetResult<RedisConnection> Connect(const RedisOptions& options, base::Deadline deadline,
                                            const base::StopToken& stop);
  RedisConnection(RedisConnection&&) noexcept;
  RedisConnection& operator=(RedisConnection&&) noexcept;
  ~RedisConnection();

  // The server's answer; an error reply is an answer, too. Errors: those of Socket, kProtocol (not
  // RESP), kResponseTooLarge. After an error nothing more can be asked.
  NetResult<RedisReply> Command(const std::vector<std::string_view>& words, base::Deadline deadline,
                                const base::StopToken& stop);
  // What an error reply means and says.
  NetError ErrorOf(const RedisReply& reply) const;
  const std::string& remote_address() const { return socket_.remote_address(); }

 private:
  struct Reader;
  RedisConnection(Socket socket, const base::Secret& password);
  NetResult<void> Authenticate(const RedisOptions& options, base::Deadline deadline,
                               const base::StopToken& stop);

  Socket socket_;
  std::unique_ptr<Reader> reader_;
  base::Secret password_;  // kept out of what the server says
};

// An error reply for people: one line, at most 200 bytes of valid UTF-8, without `password`.
std::string CleanRedisText(std::string_view text, const base::Secret& password);

}  // namespace drwatch::net
