// A throw-away PostgreSQL on a free loopback port. The cluster is made once a test program and
// copied; root starts it as the user postgres, because the server refuses to run as root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace drwatch::testing {

class PostgresServer {
 public:
  // False where PostgreSQL is not installed: tests skip themselves.
  static bool Available();
  // A running primary with a role `drwatch` in pg_monitor, archiving into archive_folder().
  // `settings` are lines for postgresql.conf, `segment_mib` is initdb's --wal-segsize.
  static std::unique_ptr<PostgresServer> StartPrimary(const std::vector<std::string>& settings = {},
                                                      int segment_mib = 16);
  // A running standby of `primary` that streams.
  static std::unique_ptr<PostgresServer> StartStandby(const PostgresServer& primary);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The first column of the first row as superuser; fails the test if it does not work.
  std::string Sql(const std::string& sql) const;
  void Stop();    // fast
  void Start();   // after Stop()
  void Freeze();  // accepts, never answers
  void Thaw();
  std::uint16_t port() const { return port_; }
  // "postgres://drwatch@127.0.0.1:port/postgres".
  std::string Url(const std::string& user = "drwatch") const;
  std::string archive_folder() const;
  // What a client program of the server's version prints; fails the test if it does not work.
  // "pg_waldump" with its arguments; standard error is not part of it.
  static std::string ToolOutput(const std::string& command);

 private:
  PostgresServer();
  void Configure(const std::vector<std::string>& settings) const;
  std::string data() const;
  void Signal(int number) const;

  TempDir folder_;
  std::uint16_t port_;
  pid_t process_ = -1;
};

}  // namespace drwatch::testing
