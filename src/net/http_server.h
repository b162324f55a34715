// An HTTP/1.1 server (libmicrohttpd, epoll). It owns its threads; the handler runs on them.
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

namespace drwatch::net {

struct ServerRequest {
  std::string method;
  std::string path;  // decoded, without the query
  std::vector<std::pair<std::string, std::string>>
      query;                                   // decoded; of the URL, then of a form body
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string remote_address;
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
      ":10911"};  // ":port", "host:port", "[::1]:port"; port 0 = any free one
  int threads = 2;
  int max_connections = 512;
  int max_connections_per_address = 128;
  base::Duration head_timeout = std::chrono::seconds(10);  // from accept to a whole request
  std::size_t max_body_bytes = 8 << 20;
  std::size_t max_header_bytes = 32 << 10;
};

using Handler = std::function<ServerResponse(const ServerRequest&)>;

// Listens from Start() until the object ends; the destructor lets running requests finish for at
// most 5 s.
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
