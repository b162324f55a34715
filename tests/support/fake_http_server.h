// A scripted server on a free loopback port: answers any bytes over TCP or TLS, and misbehaves in
// every way the field knows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "support/test_ca.h"

namespace drwatch::testing {

struct FakeRequest {
  std::string method;
  std::string target;                                        // path and query as they came
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  int connection = 0;       // counts from 1
  std::string server_name;  // SNI
  std::string Header(std::string_view lower_case_name) const;
};

struct FakeReply {
  enum class Act {
    kAnswer,       // the whole answer
    kHang,         // no answer; the connection stays open until the peer or the server ends
    kClose,        // no answer; an orderly close
    kReset,        // no answer; a reset
    kHangInBody,   // the head and the first half of the body, then nothing
    kCloseInBody,  // the same, then a close
    kDrip          // the answer byte by byte, one each `pause`
  };
  Act act = Act::kAnswer;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};  // Content-Length is added
  std::string body = {};
  std::string raw = {};  // not empty: these bytes instead of status, headers and body, then a close
  base::Duration pause{20};
};

struct FakeServerOptions {
  std::string address = "127.0.0.1";                // or "::1"
  std::optional<TestCertificate> certificate = {};  // set: TLS
  std::string client_ca_pem = {};                   // not empty: a client certificate is required
  bool prefers_http_2 = false;  // TLS: picks it if it is offered, and answers nothing then
  std::string greeting = {};    // sent as soon as a connection is there
  enum class Accept { kServe, kHang, kReset } accept = Accept::kServe;  // before anything is read
};

// One thread a connection. The script runs on those threads, one call at a time.
class FakeHttpServer {
 public:
  using Script = std::function<FakeReply(const FakeRequest&)>;
  explicit FakeHttpServer(Script script, FakeServerOptions options = {});
  // Always the same answer.
  explicit FakeHttpServer(FakeReply reply, FakeServerOptions options = {});
  ~FakeHttpServer();
  FakeHttpServer(const FakeHttpServer&) = delete;
  FakeHttpServer& operator=(const FakeHttpServer&) = delete;

  std::uint16_t port() const;
  // "127.0.0.1:port".
  std::string address() const;
  // "http://127.0.0.1:port/path"; `host` replaces the address.
  std::string Url(std::string_view path = "/", std::string_view host = {}) const;
  std::vector<FakeRequest> requests() const;
  int connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A loopback port on which nothing listens.
std::uint16_t ClosedPort();

}  // namespace drwatch::testing
