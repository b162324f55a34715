// A connection to a PostgreSQL server (libpq), every step of it under a deadline.
//
// Names are resolved by net/resolver.h, never by libpq. Every call ends by its deadline, and at
// once when the token is stopped (kTimeout, "stopped"). No message holds the connection string, the
// password or a part of them. One thread at a time; movable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/stop.h"
#include "net/net_error.h"
#include "net/tls_options.h"

struct pg_conn;
struct pg_result;

namespace drwatch::net {

struct PostgresOptions {
  base::Secret dsn;  // postgres:// URL or key=value pairs, as libpq takes them; also many hosts
  base::Secret password;  // wins over the dsn's where it is not empty
  // ca_file becomes sslrootcert and, like server_name, makes sslmode verify-full where the dsn has
  // none; insecure_skip_verify makes it require.
  TlsOptions tls;
};

// Where a dsn leads, for people: "postgres://db1:5432/postgres", no user and no password; of
// several hosts all, with commas. "postgres" if the dsn cannot be read.
std::string DescribePostgresDsn(const base::Secret& dsn);

struct PostgresDsn;

// The rows of one query, as text. A value, a column or a row that is not there reads as NULL.
class PostgresRows {
 public:
  explicit PostgresRows(pg_result* result);
  PostgresRows(PostgresRows&&) noexcept;
  PostgresRows& operator=(PostgresRows&&) noexcept;
  ~PostgresRows();
  int size() const;
  bool IsNull(int row, const char* column) const;
  std::string Text(int row, const char* column) const;  // "" for NULL
  // nullopt for NULL and for what is not a number.
  std::optional<double> Number(int row, const char* column) const;
  std::optional<std::int64_t> Int(int row, const char* column) const;
  // nullopt for NULL.
  std::optional<bool> Bool(int row, const char* column) const;

 private:
  friend class PostgresConnection;
  // What the server refused; nullopt if it did not.
  std::optional<NetError> Failure(const base::Secret& password) const;
  pg_result* result_ = nullptr;
};

class PostgresConnection {
 public:
  // A server that sends more than this is cut off (kResponseTooLarge).
  static constexpr std::int64_t kMaxReceivedBytes = 16 << 20;

  // Logs in. Tries the hosts and their addresses in order until one lets us in; each gets an equal
  // share of the time that is left. The session reads only, and the server ends statements that
  // take more than half of the time given here. Errors: those of Resolve(), kConfig (the dsn or a
  // file of `tls`), kConnectionRefused, kConnectionReset, kTimeout, kTls, kAuth, kStartingUp,
  // kTooManyConnections, kNotFound (no such database), kPermission, kProtocol, kResponseTooLarge.
  static NetResult<PostgresConnection> Connect(const PostgresOptions& options,
                                               base::Deadline deadline,
                                               const base::StopToken& stop);
  PostgresConnection(PostgresConnection&&) noexcept;
  PostgresConnection& operator=(PostgresConnection&&) noexcept;
  ~PostgresConnection();

  // One statement with parameters $1, $2 ... as text. Errors: by SQLSTATE, kPermission (42501),
  // kTimeout (57014, 55P03, or the deadline), kNotFound (no such function, column or table),
  // kProtocol (others), and those of a broken connection. After kTimeout at the deadline and after
  // a broken connection nothing more can be asked (usable() is false).
  NetResult<PostgresRows> Query(const std::string& sql, const std::vector<std::string>& parameters,
                                base::Deadline deadline, const base::StopToken& stop);
  bool usable() const;
  // 150020 for 15.20.
  int server_version() const;
  // "10.0.0.5:5432" or the unix socket's folder and port, as the connection was made.
  const std::string& remote_address() const { return remote_; }

 private:
  PostgresConnection() = default;
  // The first host of `dsn` that lets in and is what the dsn wants.
  static NetResult<PostgresConnection> ConnectToAny(const PostgresOptions& options,
                                                    const PostgresDsn& dsn, base::Deadline deadline,
                                                    const base::StopToken& stop);
  static NetResult<PostgresConnection> ConnectOne(const std::vector<std::string>& keywords,
                                                  const std::vector<std::string>& values,
                                                  const base::Secret& password,
                                                  base::Deadline deadline,
                                                  const base::StopToken& stop);
  std::optional<NetError> Flush(base::Deadline deadline, const base::StopToken& stop);
  std::optional<NetError> ConsumeReply(base::Deadline deadline, const base::StopToken& stop);
  std::optional<NetError> Wait(short events, const char* doing, base::Deadline deadline,
                               const base::StopToken& stop);
  NetError ConnectionLost() const;
  void Close();

  pg_conn* handle_ = nullptr;
  std::string remote_;
  base::Secret password_;  // kept out of what the server says
};

}  // namespace drwatch::net
