// A scripted TCP server on a free loopback port for protocols that are not HTTP: the script sees
// the bytes as they come and says what to answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace drwatch::testing {

struct StreamStep {
  std::string answer = {};
  enum class Then { kKeep, kClose } then = Then::kKeep;
  // Sent again and again, as fast as the peer reads, after `answer`.
  std::string flood = {};
};

// One thread serves all connections.
class FakeStreamServer {
 public:
  // Called with everything that has come on a connection (counted from 1) and was not used up yet.
  // The script erases from `received` what it has understood.
  using Script = std::function<StreamStep(std::string& received, int connection)>;
  // `greeting` is sent as soon as a connection is there.
  explicit FakeStreamServer(Script script, std::string greeting = {});
  ~FakeStreamServer();
  FakeStreamServer(const FakeStreamServer&) = delete;
  FakeStreamServer& operator=(const FakeStreamServer&) = delete;

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:port"
  int connections() const;
  // All bytes that ever came.
  std::string received() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Takes one whole RESP command off the front of `received` and returns its words joined by blanks;
// "" if none is whole yet.
std::string TakeRedisCommand(std::string& received);

}  // namespace drwatch::testing
