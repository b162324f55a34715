// Connection strings of PostgreSQL, taken apart and made into what libpq gets. Used by postgres.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "net/address.h"
#include "net/net_error.h"
#include "net/postgres.h"

namespace drwatch::net {

// One server of a dsn.
struct PostgresHost {
  std::string name;     // for TLS; empty = libpq's default socket
  std::string address;  // hostaddr= of the dsn; empty = resolve `name`
  std::string port;     // digits

  bool is_socket() const { return address.empty() && (name.empty() || name.front() == '/'); }
};

struct PostgresDsn {
  std::vector<PostgresHost> hosts;                // never empty
  std::map<std::string, std::string> parameters;  // the rest, by libpq's keyword
};

// Which of several servers is wanted: "primary", "standby", "prefer-standby", "any" or empty.
inline constexpr std::string_view kSessionAttrs = "target_session_attrs";

// Errors: kConfig; the message repeats nothing of the dsn.
NetResult<PostgresDsn> ParsePostgresDsn(const base::Secret& dsn);

// One attempt at one address: libpq's keywords and values, in step.
struct PostgresAttempt {
  std::vector<std::string> keywords;
  std::vector<std::string> values;
};

// The attempts for `host` in order, its name resolved. `timeout` bounds each statement.
NetResult<std::vector<PostgresAttempt>> MakePostgresAttempts(const PostgresOptions& options,
                                                             const PostgresDsn& dsn,
                                                             const PostgresHost& host,
                                                             base::Deadline deadline,
                                                             const base::StopToken& stop);

}  // namespace drwatch::net
