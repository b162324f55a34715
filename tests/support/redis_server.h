// A throw-away redis-server on a free loopback port.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace drwatch::testing {

class RedisServer {
 public:
  // False where redis-server is not installed: tests skip themselves.
  static bool Available();
  // Started with `options` ("--appendonly", "yes") on top of quick defaults; killed at the end.
  explicit RedisServer(const std::vector<std::string>& options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string folder() const { return folder_.path(); }
  void Stop();

 private:
  TempDir folder_;
  std::uint16_t port_;
  pid_t process_ = -1;
};

}  // namespace drwatch::testing
