// An HTTP/1.1 server (libmicrohttpd, epoll). It owns its threads: a few serve the sockets, and the
// handler runs on others, so that one that takes long (a probe on demand) keeps no scrape waiting.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"
#include "net/server_tls.h"

namespace drwatch::net {

struct ServerRequest {
  std::string method;  // "GET" also for HEAD: the server leaves the body out
  std::string path;    // decoded, without the query
  std::vector<std::pair<std::string, std::string>>
      query;                                   // decoded; of the URL, then of a form body
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string remote_address;
  std::string user;      // who it is from, once the handler has found out; else empty
  base::StopToken stop;  // stopped when the server ends before the answer is ready
  // True once the client has closed its side. One system call; only while the handler runs. Null in
  // requests that came over no connection.
  std::function<bool()> client_gone;
  // The first of that name, or "".
  std::string_view Query(std::string_view name) const;
  std::string_view Header(std::string_view lower_case_name) const;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  // Shared, so that a page rendered once serves every reader.
  std::shared_ptr<const std::string> body;
  static ServerResponse Text(int status, std::string text);
  static ServerResponse Json(int status, std::string json);
};

struct ServerOptions {
  std::vector<std::string> listen_addresses = {
      ":10911"};             // ":port", "host:port", "[::1]:port"; port 0 = any free one
  int threads = 2;           // that serve sockets
  int handler_threads = 64;  // at most so many handlers at once; started on demand
  int max_connections = 512;
  int max_connections_per_address = 128;
  base::Duration head_timeout = std::chrono::seconds(10);        // from accept to a whole request
  base::Duration response_timeout = std::chrono::seconds(60);    // for the client to read it
  base::Duration keep_alive_timeout = std::chrono::seconds(60);  // until the next request
  base::Duration shutdown_grace = std::chrono::seconds(5);       // for running requests
  std::size_t max_body_bytes = 2 << 20;                          // 413 above
  std::size_t max_header_bytes = 32 << 10;                       // 431 or 414 above
  // What each new connection is encrypted with, asked for on the threads that serve sockets. Null:
  // no TLS. Whether there is TLS is settled by Start().
  std::function<std::shared_ptr<const ServerTls>()> tls;
};

// Called on many threads at once. An exception becomes a 500.
using Handler = std::function<ServerResponse(const ServerRequest&)>;

// Listens from Start() until the object ends. The destructor lets running requests finish for
// shutdown_grace, then stops their tokens and waits for the handlers.
class HttpServer {
 public:
  // Errors: an address that does not parse or cannot be bound (with the reason).
  static base::Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options,
                                                         Handler handler);
  virtual ~HttpServer() = default;
  // The bound addresses as host:port, with the real ports.
  virtual std::vector<std::string> addresses() const = 0;
};

}  // namespace drwatch::net
