#include "net/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "net/address.h"
#include "net/gzip.h"
#include "net/http_client.h"
#include "net/tls_socket.h"
#include "support/log_check.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using std::chrono::milliseconds;
using std::chrono::seconds;

Deadline Soon() { return Deadline::After(seconds(10)); }

ServerOptions Local() {
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  return options;
}

ServerResponse Echo(const ServerRequest& request) {
  std::string text = request.method + " " + request.path + "\n";
  for (const auto& [name, value] : request.query) text += name + "=" + value + "\n";
  return ServerResponse::Text(200, text + request.body);
}

std::unique_ptr<HttpServer> Start(const ServerOptions& options, Handler handler) {
  base::Result<std::unique_ptr<HttpServer>> server = HttpServer::Start(options, std::move(handler));
  EXPECT_TRUE(server) << server.error().ToString();
  return *std::move(server);
}

Socket Connect(const HttpServer& server) {
  NetResult<Socket> socket =
      Socket::Connect(*ParseEndpoint(server.addresses().at(0)), IpFamily::kAny, Soon(), {});
  EXPECT_TRUE(socket) << socket.error().message;
  return *std::move(socket);
}

// Everything until the server closes; "|..." where it does not do so in order.
std::string ReadAll(Socket& socket, Deadline deadline = Soon()) {
  std::string text;
  char buffer[4096];
  while (true) {
    const NetResult<std::size_t> got = socket.Read(buffer, sizeof buffer, deadline, {});
    if (!got) return text + "|" + got.error().message;
    if (*got == 0) return text;
    text.append(buffer, *got);
  }
}

// Sends `bytes` on a connection of its own and returns the whole answer.
std::string Talk(const HttpServer& server, std::string_view bytes) {
  Socket socket = Connect(server);
  EXPECT_TRUE(socket.WriteAll(bytes, Soon(), {}));
  return ReadAll(socket);
}

HttpRequest Request(const HttpServer& server, const std::string& path) {
  HttpRequest request;
  request.url = base::Secret("http://" + server.addresses().at(0) + path);
  return request;
}

TEST(HttpServerTest, AnswersWithWhatTheHandlerSays) {
  const auto server = Start(Local(), [](const ServerRequest& request) {
    ServerResponse response = ServerResponse::Json(418, "{}");
    response.headers = {{"X-Agent", std::string(request.Header("user-agent"))},
                        {"X-Peer", request.remote_address}};
    return response;
  });
  const HttpOutcome outcome = Fetch(Request(*server, "/"), Soon(), {});
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->status, 418);
  EXPECT_EQ(outcome.response->body, "{}");
  EXPECT_EQ(outcome.response->Header("content-type"), "application/json");
  EXPECT_EQ(outcome.response->Header("x-agent"), "drwatch");
  EXPECT_EQ(outcome.response->Header("x-peer"), "127.0.0.1");
}

TEST(HttpServerTest, DecodesPathAndQuery) {
  const auto server = Start(Local(), Echo);
  const HttpOutcome outcome =
      Fetch(Request(*server, "/a%20b?match[]=up%7Bx%3D%221%22%7D&match[]=a+b&flag&=z"), Soon(), {});
  ASSERT_TRUE(outcome.response);
  EXPECT_EQ(outcome.response->body, "GET /a b\nmatch[]=up{x=\"1\"}\nmatch[]=a b\nflag=\n=z\n");
}

TEST(HttpServerTest, ParsesFormBodiesIntoTheQuery) {
  const auto server = Start(Local(), Echo);
  HttpRequest request = Request(*server, "/api?a=1");
  request.method = "POST";
  request.body = "query=up%2Bdown&time=5";
  request.headers = {
      {"Content-Type", base::Secret("application/x-www-form-urlencoded; charset=utf-8")}};
  HttpOutcome outcome = Fetch(request, Soon(), {});
  ASSERT_TRUE(outcome.response);
  EXPECT_EQ(outcome.response->body,
            "POST /api\na=1\nquery=up+down\ntime=5\nquery=up%2Bdown&time=5");
  request.headers.clear();
  outcome = Fetch(request, Soon(), {});
  EXPECT_EQ(outcome.response->body, "POST /api\na=1\nquery=up%2Bdown&time=5");
}

TEST(HttpServerTest, AnswersHeadWithoutTheBody) {
  const auto server = Start(Local(), Echo);
  const std::string answer =
      Talk(*server, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 7\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServerTest, KeepsConnectionsAliveAndServesPipelines) {
  const auto server = Start(Local(), Echo);
  const std::string answer =
      Talk(*server,
           "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: "
           "3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::size_t first = answer.find("GET /1\n");
  const std::size_t second = answer.find("POST /2\nabc");
  const std::size_t third = answer.find("GET /3\n");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos) << answer;
}

TEST(HttpServerTest, LimitsBodies) {
  ServerOptions options = Local();
  options.max_body_bytes = 1000;
  std::atomic<int> calls{0};
  const auto server = Start(options, [&](const ServerRequest& request) {
    ++calls;
    return ServerResponse::Text(200, std::to_string(request.body.size()));
  });
  HttpRequest request = Request(*server, "/");
  request.method = "POST";
  request.body = std::string(1000, 'x');
  EXPECT_EQ(Fetch(request, Soon(), {}).response.value_or(HttpResponse{}).body, "1000");
  request.body += 'x';
  EXPECT_EQ(Fetch(request, Soon(), {}).response.value_or(HttpResponse{}).status, 413);
  // A client that does not look before the end of its body sees it, too.
  const auto announced = [](std::int64_t length) {
    return "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
           std::to_string(length) + "\r\n\r\n";
  };
  const std::string large(16 << 20, 'z');
  EXPECT_TRUE(Talk(*server, announced(16 << 20) + large).starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(Talk(*server, announced(std::int64_t{1} << 40)).starts_with("HTTP/1.1 413"));
  std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 5; ++i) chunked += "100\r\n" + std::string(256, 'y') + "\r\n";
  EXPECT_TRUE(Talk(*server, chunked + "0\r\n\r\n").starts_with("HTTP/1.1 413")) << chunked;
  EXPECT_EQ(calls, 1);
}

TEST(HttpServerTest, LimitsHeads) {
  const auto server = Start(Local(), Echo);
  const std::string close = "\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_NE(Talk(*server, "GET /" + std::string(20'000, 'a') + " HTTP/1.1" + close).find("200 OK"),
            std::string::npos);
  EXPECT_NE(
      Talk(*server, "GET / HTTP/1.1\r\nX-Big: " + std::string(20'000, 'a') + close).find("200 OK"),
      std::string::npos);
  for (const std::string& head : {"GET / HTTP/1.1\r\nX-Big: " + std::string(60'000, 'a') + close,
                                  "GET /" + std::string(60'000, 'a') + " HTTP/1.1" + close}) {
    const std::string answer = Talk(*server, head);
    const std::string status = answer.substr(0, 12);
    EXPECT_TRUE(status == "HTTP/1.1 431" || status == "HTTP/1.1 414" || status == "HTTP/1.1 413")
        << answer;
  }
  EXPECT_TRUE(Fetch(Request(*server, "/"), Soon(), {}).response);
}

TEST(HttpServerTest, SurvivesGarbage) {
  const auto server = Start(Local(), Echo);
  for (const std::string& bytes :
       {std::string("\0\0\0\0\r\n\r\n", 8), std::string("GET\r\n\r\n"), std::string("\r\n\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET http://x/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n")}) {
    Socket socket = Connect(*server);
    EXPECT_TRUE(socket.WriteAll(bytes, Soon(), {}));
    static_cast<void>(ReadAll(socket, Deadline::After(milliseconds(50))));
  }
  EXPECT_TRUE(Fetch(Request(*server, "/"), Soon(), {}).response);
}

TEST(HttpServerTest, TurnsExceptionsInto500) {
  testing::ExpectLog("a handler failed");
  const auto server = Start(Local(), [](const ServerRequest&) -> ServerResponse {
    throw std::runtime_error("secret detail");
  });
  const HttpOutcome outcome = Fetch(Request(*server, "/"), Soon(), {});
  ASSERT_TRUE(outcome.response);
  EXPECT_EQ(outcome.response->status, 500);
  EXPECT_EQ(outcome.response->body, "internal error\n");
}

TEST(HttpServerTest, ClosesHeadsThatTakeTooLong) {
  ServerOptions options = Local();
  options.head_timeout = milliseconds(200);
  const auto server = Start(options, Echo);
  for (const char* begin : {"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
                            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"}) {
    Socket socket = Connect(*server);
    ASSERT_TRUE(socket.WriteAll(begin, Soon(), {}));
    const auto started = std::chrono::steady_clock::now();
    // Every byte restarts an idle timer, but not this one.
    bool closed = false;
    while (!closed && std::chrono::steady_clock::now() - started < seconds(5)) {
      char byte = 0;
      closed = !socket.WriteAll("a", Soon(), {});
      const NetResult<std::size_t> got =
          socket.Read(&byte, 1, Deadline::After(milliseconds(20)), {});
      closed =
          closed || (got && *got == 0) || (!got && got.error().reason != model::Reason::kTimeout);
    }
    EXPECT_TRUE(closed) << begin;
    EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(2)) << begin;
  }
}

TEST(HttpServerTest, GivesUpOnClientsThatDoNotRead) {
  ServerOptions options = Local();
  options.response_timeout = milliseconds(200);
  options.head_timeout = milliseconds(300);
  const auto body = std::make_shared<const std::string>(64 << 20, 'x');
  const auto server = Start(options, [body](const ServerRequest&) {
    ServerResponse response;
    response.body = body;
    return response;
  });
  Socket socket = Connect(*server);
  ASSERT_TRUE(socket.WriteAll("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Soon(), {}));
  // Two owners stay: this test and the handler. The others belong to the response.
  const auto wait_until = [&](auto condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      static_cast<void>(base::StopToken().Wait(Deadline::After(milliseconds(10))));
    }
    return condition();
  };
  EXPECT_TRUE(wait_until([&] { return body.use_count() > 2; }));
  EXPECT_TRUE(wait_until([&] { return body.use_count() == 2; }));
}

TEST(HttpServerTest, ASlowHandlerKeepsNobodyWaiting) {
  ServerOptions options = Local();
  options.threads = 1;
  std::mutex mutex;
  std::condition_variable release;
  bool released = false;
  const auto server = Start(options, [&](const ServerRequest& request) {
    if (request.path == "/slow") {
      std::unique_lock lock(mutex);
      release.wait(lock, [&] { return released; });
    }
    return Echo(request);
  });
  std::vector<std::thread> slow;
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) {
    slow.emplace_back(
        [&] { done += Fetch(Request(*server, "/slow"), Soon(), {}).response ? 1 : 0; });
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Fetch(Request(*server, "/quick"), Soon(), {}).response);
  EXPECT_EQ(done, 0);
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  release.notify_all();
  for (std::thread& thread : slow) thread.join();
  EXPECT_EQ(done, 10);
}

TEST(HttpServerTest, LimitsConnectionsInAllAndPerAddress) {
  testing::ExpectLog("connection refused");
  for (const bool per_address : {false, true}) {
    ServerOptions options = Local();
    (per_address ? options.max_connections_per_address : options.max_connections) = 3;
    const auto server = Start(options, Echo);
    std::vector<Socket> open;
    for (int i = 0; i < 3; ++i) {
      open.push_back(Connect(*server));
      char byte = 0;
      ASSERT_TRUE(open.back().WriteAll("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Soon(), {}));
      ASSERT_TRUE(open.back().Read(&byte, 1, Soon(), {}));
    }
    const HttpOutcome refused = Fetch(Request(*server, "/"), Soon(), {});
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->reason, model::Reason::kConnectionReset);
    open.clear();
    bool served = false;
    for (int i = 0; i < 200 && !served; ++i) {
      served = Fetch(Request(*server, "/"), Soon(), {}).response.has_value();
    }
    EXPECT_TRUE(served);
  }
}

TEST(HttpServerTest, ServesBeside200DrippingConnections) {
  ServerOptions options = Local();
  options.max_connections_per_address = 400;
  const auto server = Start(options, Echo);
  std::vector<Socket> dripping;
  for (int i = 0; i < 200; ++i) {
    dripping.push_back(Connect(*server));
    ASSERT_TRUE(dripping.back().WriteAll("GET / HTTP/1.1\r\nX-", Soon(), {}));
  }
  for (int round = 0; round < 20; ++round) {
    for (Socket& socket : dripping) ASSERT_TRUE(socket.WriteAll("a", Soon(), {}));
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(Fetch(Request(*server, "/"), Soon(), {}).response);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(1));
  }
}

TEST(HttpServerTest, LetsRunningRequestsFinishWhenItEnds) {
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;
  bool ending = false;
  auto server = Start(Local(), [&](const ServerRequest& request) {
    std::unique_lock lock(mutex);
    running = true;
    changed.notify_all();
    changed.wait(lock, [&] { return ending; });
    return Echo(request);
  });
  const std::string address = server->addresses().at(0);
  HttpOutcome outcome;
  const HttpRequest request = Request(*server, "/last");
  std::thread client([&] { outcome = Fetch(request, Soon(), {}); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return running; });
  }
  std::thread ender([&] { server.reset(); });
  // The port is given up at once, while the request still runs.
  bool refused = false;
  for (int i = 0; i < 500 && !refused; ++i) {
    refused = !Socket::Connect(*ParseEndpoint(address), IpFamily::kAny, Soon(), {});
  }
  EXPECT_TRUE(refused);
  {
    const std::lock_guard lock(mutex);
    ending = true;
  }
  changed.notify_all();
  ender.join();
  client.join();
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "GET /last\n");
}

TEST(HttpServerTest, StopsHandlersThatOutlastTheGrace) {
  ServerOptions options = Local();
  options.shutdown_grace = milliseconds(50);
  std::atomic<bool> running{false};
  std::atomic<bool> stopped{false};
  auto server = Start(options, [&](const ServerRequest& request) {
    running = true;
    stopped = request.stop.Wait(Deadline::After(seconds(60)));
    return Echo(request);
  });
  Socket client = Connect(*server);
  ASSERT_TRUE(client.WriteAll("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Soon(), {}));
  while (!running) std::this_thread::yield();
  server.reset();
  EXPECT_TRUE(stopped);
}

TEST(HttpServerTest, ClientsMayLeaveWhileTheHandlerRuns) {
  std::atomic<int> running{0};
  const base::StopSource release;
  const auto server = Start(Local(), [&](const ServerRequest& request) {
    if (request.path == "/slow") {
      ++running;
      release.token().Wait(Soon());
    }
    return Echo(request);
  });
  {
    std::vector<Socket> clients;
    for (int i = 0; i < 10; ++i) {
      clients.push_back(Connect(*server));
      ASSERT_TRUE(clients.back().WriteAll("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", Soon(), {}));
    }
    while (running < 10) std::this_thread::yield();
  }
  release.RequestStop();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Fetch(Request(*server, "/"), Soon(), {}).response);
}

TEST(HttpServerTest, TellsAHandlerThatItsClientHasLeft) {
  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;
  bool there_at_first = false;
  bool gone_at_last = false;
  const auto server = Start(Local(), [&](const ServerRequest& request) {
    std::unique_lock lock(mutex);
    there_at_first = !request.client_gone();
    started = true;
    changed.notify_all();
    for (int i = 0; i < 1000 && !gone_at_last; ++i) {
      changed.wait_for(lock, milliseconds(10));
      gone_at_last = request.client_gone();
    }
    changed.notify_all();
    return ServerResponse::Text(200, "nobody reads this");
  });
  std::unique_lock lock(mutex);
  {
    Socket socket = Connect(*server);
    EXPECT_TRUE(socket.WriteAll("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Soon(), {}));
    EXPECT_TRUE(changed.wait_for(lock, seconds(10), [&] { return started; }));
  }
  EXPECT_TRUE(changed.wait_for(lock, seconds(10), [&] { return gone_at_last; }));
  EXPECT_TRUE(there_at_first);
}

TEST(GzipTest, HonoursWeights) {
  EXPECT_TRUE(AcceptsGzip("gzip"));
  EXPECT_TRUE(AcceptsGzip("deflate, GZIP;q=0.5, br"));
  EXPECT_TRUE(AcceptsGzip("*"));
  EXPECT_TRUE(AcceptsGzip("x-gzip"));
  EXPECT_FALSE(AcceptsGzip(""));
  EXPECT_FALSE(AcceptsGzip("identity"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzip; q=0.000, *"));
  EXPECT_FALSE(AcceptsGzip("*, gzip;q=0"));
  EXPECT_FALSE(AcceptsGzip("*;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=nonsense"));
}

TEST(HttpServerTest, EndsBesideIdleAndHalfSentRequests) {
  auto server = Start(Local(), Echo);
  Socket idle = Connect(*server);
  Socket half = Connect(*server);
  ASSERT_TRUE(half.WriteAll("GET / HT", Soon(), {}));
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3));
}

TEST(HttpServerTest, SaysWhyItCannotListen) {
  const auto server = Start(Local(), Echo);
  ServerOptions options;
  const std::string taken = server->addresses().at(0);
  options.listen_addresses = {taken};
  const auto second = HttpServer::Start(options, Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "cannot listen on \"" + taken + "\": address already in use");
  EXPECT_NE(second.error().hint, "");
  for (const char* address : {"", "x", "127.0.0.1", "127.0.0.1:99999", "192.0.2.1:0", "/x"}) {
    options.listen_addresses = {address};
    EXPECT_FALSE(HttpServer::Start(options, Echo)) << address;
  }
}

TEST(HttpServerTest, ListensOnSeveralAddressesOfBothFamilies) {
  ServerOptions options;
  options.listen_addresses = {":0", "localhost:0"};
  const auto server = Start(options, Echo);
  const std::vector<std::string> addresses = server->addresses();
  ASSERT_EQ(addresses.size(), 2U);
  const std::string port = std::to_string(ParseEndpoint(addresses[0])->port);
  HttpRequest request;
  for (const std::string& place : {"127.0.0.1:" + port, addresses[1]}) {
    request.url = base::Secret("http://" + place + "/");
    EXPECT_TRUE(Fetch(request, Soon(), {}).response) << place;
  }
  if (addresses[0].starts_with("[::]")) {
    request.url = base::Secret("http://[::1]:" + port + "/");
    EXPECT_TRUE(Fetch(request, Soon(), {}).response);
  }
}

TEST(HttpServerTest, ServesManyThreads) {
  const auto server = Start(Local(), Echo);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        HttpRequest request = Request(*server, "/" + std::to_string(i * 100 + round));
        request.fresh_connection = round % 2 == 0;
        const HttpOutcome outcome = Fetch(request, Soon(), {});
        const std::string expected = "GET /" + std::to_string(i * 100 + round) + "\n";
        if (!outcome.response || outcome.response->body != expected) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace drwatch::net
