#include "net/http_server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>

#include "base/log.h"
#include "base/strings.h"
#include "net/address.h"
#include "net/http_server_connections.h"
#include "net/http_server_listen.h"
#include "net/http_server_workers.h"
#include "net/tls_context.h"

namespace drwatch::net {
namespace {

// libmicrohttpd keeps its own bookkeeping and the response's head in the same memory.
constexpr std::size_t kConnectionOverheadBytes = 8 << 10;
// The longest body that is read only to answer after it that it is too large.
constexpr std::int64_t kMaxDroppedBytes = 64 << 20;

// One request, from its head to the end of its response. Only one thread has it at a time: the
// connection is suspended while a worker does.
struct Exchange {
  enum class Stage { kReceiving, kRunning, kReady };
  Stage stage = Stage::kReceiving;
  bool too_large = false;
  ServerRequest request;
  ServerResponse response;
};

std::string AddressOf(const sockaddr* address) {
  IpAddress ip;
  if (address == nullptr) return {};
  if (address->sa_family == AF_INET) {
    std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
  } else if (address->sa_family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    ip.is_v6 = IN6_IS_ADDR_V4MAPPED(&v6) == 0;
    std::memcpy(ip.bytes.data(), v6.s6_addr + (ip.is_v6 ? 0 : 12), ip.is_v6 ? 16 : 4);
  }
  return ip.ToString();
}

bool HasHungUp(int fd) {
  pollfd peer{fd, POLLRDHUP, 0};
  return ::poll(&peer, 1, 0) > 0;
}

void OnLog(void* /*self*/, const char* format, std::va_list arguments) {
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  base::LogDebug("http server", {{"message", base::Trim(text.data())}});
}

MHD_Result OnPair(void* argument, MHD_ValueKind kind, const char* key, size_t key_size,
                  const char* value, size_t value_size) {
  auto* request = static_cast<ServerRequest*>(argument);
  const std::string_view text =
      value == nullptr ? std::string_view() : std::string_view(value, value_size);
  if (kind == MHD_GET_ARGUMENT_KIND) {
    request->query.emplace_back(std::string(key, key_size), text);
    return MHD_YES;
  }
  std::string& header = request->headers[base::Lower({key, key_size})];
  if (!header.empty()) header += ", ";
  header += text;
  return MHD_YES;
}

MHD_Response* MakeResponse(const ServerResponse& response) {
  // The library keeps the body alive through a copy of the shared pointer.
  auto* owner = new std::shared_ptr<const std::string>(
      response.body ? response.body : std::make_shared<const std::string>());
  MHD_Response* result = MHD_create_response_from_buffer_with_free_callback_cls(
      (*owner)->size(), const_cast<char*>((*owner)->data()),
      [](void* argument) { delete static_cast<std::shared_ptr<const std::string>*>(argument); },
      owner);
  if (result == nullptr) {
    delete owner;
    return nullptr;
  }
  const auto add = [&](const std::string& name, const std::string& value) {
    if (MHD_add_response_header(result, name.c_str(), value.c_str()) != MHD_YES) {
      base::LogError("http server: a response header was left out", {{"header", name}});
    }
  };
  if (!response.content_type.empty()) add(MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
  for (const auto& [name, value] : response.headers) add(name, value);
  return result;
}

MHD_Result Send(MHD_Connection* connection, const ServerResponse& response) {
  MHD_Response* message = MakeResponse(response);
  if (message == nullptr) return MHD_NO;
  const MHD_Result result =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), message);
  MHD_destroy_response(message);
  return result;
}

class MicroHttpServer final : public HttpServer {
 public:
  MicroHttpServer(const ServerOptions& options, Handler handler)
      : options_(options),
        handler_(std::move(handler)),
        table_(static_cast<std::size_t>(options.max_connections),
               static_cast<std::size_t>(options.max_connections_per_address),
               std::clamp(options.head_timeout / 10, base::Duration(10), base::Duration(500))),
        workers_(std::make_unique<WorkerPool>(static_cast<std::size_t>(options.handler_threads))) {}
  ~MicroHttpServer() override;

  base::Status Open();
  std::vector<std::string> addresses() const override { return addresses_; }

 private:
  base::Status StartDaemon(Listener listener);
  MHD_Result OnRequest(MHD_Connection* connection, const char* url, const char* method,
                       const char* upload, size_t* upload_size, void** state);
  MHD_Result Begin(MHD_Connection* connection, const char* url, const char* method, void** state);
  void Receive(Exchange& exchange, std::string_view bytes) const;
  void HandOver(MHD_Connection* connection, Exchange& exchange);
  ServerResponse Call(const ServerRequest& request) const;
  void OnCompleted(MHD_Connection* connection, Exchange* exchange);
  void OnConnection(MHD_Connection* connection, void** entry, MHD_ConnectionNotificationCode code);
  void SetTimeout(MHD_Connection* connection, std::optional<base::Duration> timeout);
  void AddCertificate(std::vector<MHD_OptionItem>& items);
  void Encrypt(MHD_Connection* connection);

  const ServerOptions options_;
  const Handler handler_;
  base::StopSource stop_;
  ConnectionTable table_;
  std::mutex mutex_;  // guards running_
  std::condition_variable idle_;
  int running_ = 0;  // requests handed to a handler whose response is not out yet
  std::unique_ptr<WorkerPool> workers_;
  std::vector<MHD_Daemon*> daemons_;
  std::vector<std::string> addresses_;
  std::mutex tls_mutex_;  // guards tls_in_use_
  // Sessions point to theirs until the library has forgotten them, later than it tells. So each one
  // stays: there is a new one only when a certificate was replaced.
  std::vector<std::shared_ptr<const ServerTls>> tls_in_use_;
};

base::Status MicroHttpServer::Open() {
  PrepareNetwork();
  std::vector<Listener> listeners;
  for (const std::string& address : options_.listen_addresses) {
    base::Result<Listener> listener = Listen(address);
    if (!listener) return base::Fail(listener.error());
    listeners.push_back(*std::move(listener));
  }
  for (Listener& listener : listeners) {
    addresses_.push_back(listener.address);
    if (base::Status started = StartDaemon(std::move(listener)); !started) return started;
  }
  return {};
}

base::Status MicroHttpServer::StartDaemon(Listener listener) {
  using Self = MicroHttpServer;
  const auto accept = [](void* self, const sockaddr* address, socklen_t) {
    return static_cast<Self*>(self)->table_.MayEnter(AddressOf(address)) ? MHD_YES : MHD_NO;
  };
  const auto handle = [](void* self, MHD_Connection* connection, const char* url,
                         const char* method, const char* /*version*/, const char* upload,
                         size_t* upload_size, void** state) {
    return static_cast<Self*>(self)->OnRequest(connection, url, method, upload, upload_size, state);
  };
  // The head's first line is there: from now on the whole request has head_timeout.
  const auto first_line = [](void* self, const char* /*uri*/, MHD_Connection* connection) {
    auto* server = static_cast<Self*>(self);
    server->SetTimeout(connection, server->options_.head_timeout);
    return static_cast<void*>(nullptr);
  };
  const auto completed = [](void* self, MHD_Connection* connection, void** state,
                            MHD_RequestTerminationCode) {
    static_cast<Self*>(self)->OnCompleted(connection, static_cast<Exchange*>(*state));
    *state = nullptr;
  };
  const auto connected = [](void* self, MHD_Connection* connection, void** entry,
                            MHD_ConnectionNotificationCode code) {
    static_cast<Self*>(self)->OnConnection(connection, entry, code);
  };
  using Accept = MHD_Result (*)(void*, const sockaddr*, socklen_t);
  using Handle = MHD_Result (*)(void*, MHD_Connection*, const char*, const char*, const char*,
                                const char*, size_t*, void**);
  using FirstLine = void* (*)(void*, const char*, MHD_Connection*);
  using Completed = void (*)(void*, MHD_Connection*, void**, MHD_RequestTerminationCode);
  using Connected = void (*)(void*, MHD_Connection*, void**, MHD_ConnectionNotificationCode);

  const auto threads = static_cast<unsigned>(std::max(options_.threads, 1));
  // The table enforces the limit; the library divides its own among the threads, so it gets one
  // that never bites first.
  const unsigned limit = (static_cast<unsigned>(options_.max_connections) + threads) * threads;
  const auto idle_seconds =
      static_cast<unsigned>(base::ToSeconds(options_.keep_alive_timeout + options_.head_timeout)) +
      1;
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, limit, nullptr},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT,
       static_cast<std::intptr_t>(options_.max_header_bytes + kConnectionOverheadBytes), nullptr},
  };
  if (threads > 1) items.push_back({MHD_OPTION_THREAD_POOL_SIZE, threads, nullptr});
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (options_.tls) {
    flags |= MHD_USE_TLS;
    AddCertificate(items);
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  const int fd = listener.fd.Release();
  MHD_Daemon* daemon =
      MHD_start_daemon(flags, 0, static_cast<Accept>(accept), this, static_cast<Handle>(handle),
                       this, MHD_OPTION_EXTERNAL_LOGGER, OnLog, nullptr, MHD_OPTION_LISTEN_SOCKET,
                       fd, MHD_OPTION_URI_LOG_CALLBACK, static_cast<FirstLine>(first_line), this,
                       MHD_OPTION_NOTIFY_COMPLETED, static_cast<Completed>(completed), this,
                       MHD_OPTION_NOTIFY_CONNECTION, static_cast<Connected>(connected), this,
                       MHD_OPTION_ARRAY, items.data(), MHD_OPTION_END);
  if (daemon == nullptr) {
    ::shutdown(fd, SHUT_RDWR);
    const base::UniqueFd closing(fd);
    return base::Fail("cannot start the HTTP server on " + base::Quote(listener.address));
  }
  daemons_.push_back(daemon);
  return {};
}

MicroHttpServer::~MicroHttpServer() {
  for (MHD_Daemon* daemon : daemons_) {
    // Nobody new; the descriptor is ours again.
    const base::UniqueFd listener(MHD_quiesce_daemon(daemon));
  }
  {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, options_.shutdown_grace, [this] { return running_ == 0; });
  }
  stop_.RequestStop();
  workers_.reset();  // every suspended connection is resumed now, as the library demands
  for (MHD_Daemon* daemon : daemons_) MHD_stop_daemon(daemon);
}

void MicroHttpServer::OnConnection(MHD_Connection* connection, void** entry,
                                   MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    table_.Remove(static_cast<ConnectionTable::Entry*>(*entry));
    *entry = nullptr;
    return;
  }
  const MHD_ConnectionInfo* fd =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const MHD_ConnectionInfo* peer =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  *entry = table_.Add(fd->connect_fd, AddressOf(peer->client_addr), options_.head_timeout);
  if (options_.tls) Encrypt(connection);
}

// The library wants a certificate of its own; Encrypt() then puts the present one in its place.
void MicroHttpServer::AddCertificate(std::vector<MHD_OptionItem>& items) {
  const std::lock_guard lock(tls_mutex_);
  tls_in_use_.push_back(options_.tls());
  const ServerTlsOptions& tls = tls_in_use_.back()->options();
  items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(tls.key_pem.Reveal().c_str())});
  items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(tls.cert_pem.Reveal().c_str())});
}

void MicroHttpServer::Encrypt(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  std::shared_ptr<const ServerTls> tls = options_.tls();
  tls->Apply(static_cast<gnutls_session_int*>(info->tls_session));
  const std::lock_guard lock(tls_mutex_);
  if (tls_in_use_.back() != tls) tls_in_use_.push_back(std::move(tls));
}

void MicroHttpServer::SetTimeout(MHD_Connection* connection,
                                 std::optional<base::Duration> timeout) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  auto* entry = static_cast<ConnectionTable::Entry*>(info->socket_context);
  if (entry != nullptr) table_.SetTimeout(entry, timeout);
}

MHD_Result MicroHttpServer::OnRequest(MHD_Connection* connection, const char* url,
                                      const char* method, const char* upload, size_t* upload_size,
                                      void** state) {
  auto* exchange = static_cast<Exchange*>(*state);
  if (exchange == nullptr) return Begin(connection, url, method, state);
  if (*upload_size > 0) {
    Receive(*exchange, {upload, *upload_size});
    *upload_size = 0;
    return MHD_YES;
  }
  switch (exchange->stage) {
    case Exchange::Stage::kReceiving:
      if (exchange->too_large) {
        SetTimeout(connection, options_.response_timeout);
        return Send(connection, ServerResponse::Text(413, "the body is too large\n"));
      }
      HandOver(connection, *exchange);
      return MHD_YES;
    case Exchange::Stage::kRunning:
      return MHD_YES;
    case Exchange::Stage::kReady:
      SetTimeout(connection, options_.response_timeout);
      return Send(connection, exchange->response);
  }
  return MHD_NO;
}

// The head is complete.
MHD_Result MicroHttpServer::Begin(MHD_Connection* connection, const char* url, const char* method,
                                  void** state) {
  auto exchange = std::make_unique<Exchange>();
  ServerRequest& request = exchange->request;
  request.method = std::strcmp(method, "HEAD") == 0 ? "GET" : method;
  request.path = url;
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, OnPair, &request);
  MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, OnPair, &request);
  const MHD_ConnectionInfo* peer =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  request.remote_address = AddressOf(peer->client_addr);
  request.stop = stop_.token();
  const MHD_ConnectionInfo* socket =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  // The library keeps the descriptor open for as long as the connection is suspended.
  request.client_gone = [fd = socket->connect_fd] { return HasHungUp(fd); };
  const std::optional<std::int64_t> length = base::ParseInt(request.Header("content-length"));
  const bool announced = length && *length > static_cast<std::int64_t>(options_.max_body_bytes);
  // Whoever is sending already sees a broken pipe instead of an early answer: what comes is
  // dropped.
  const bool sends = request.Header("expect").empty() && length && *length <= kMaxDroppedBytes;
  *state = exchange.release();
  if (!announced || sends) return MHD_YES;
  return Send(connection, ServerResponse::Text(413, "the body is too large\n"));
}

void MicroHttpServer::Receive(Exchange& exchange, std::string_view bytes) const {
  std::string& body = exchange.request.body;
  // The library allows no answer before the end of a body: the rest is read and dropped, for no
  // longer than head_timeout.
  if (exchange.too_large || bytes.size() > options_.max_body_bytes - body.size()) {
    exchange.too_large = true;
    std::string().swap(body);
    return;
  }
  body.append(bytes);
}

void MicroHttpServer::HandOver(MHD_Connection* connection, Exchange& exchange) {
  ServerRequest& request = exchange.request;
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  if (base::Lower(request.Header("content-type")).starts_with(kForm)) {
    for (auto& pair : ParseQuery(request.body)) request.query.push_back(std::move(pair));
  }
  exchange.stage = Exchange::Stage::kRunning;
  SetTimeout(connection, std::nullopt);
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  MHD_suspend_connection(connection);
  workers_->Add([this, connection, &exchange] {
    exchange.response = Call(exchange.request);
    exchange.stage = Exchange::Stage::kReady;
    MHD_resume_connection(connection);
  });
}

ServerResponse MicroHttpServer::Call(const ServerRequest& request) const {
  std::string what;
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "unknown exception";
  }
  base::LogError("http server: a handler failed", {{"path", request.path}, {"error", what}});
  return ServerResponse::Text(500, "internal error\n");
}

void MicroHttpServer::OnCompleted(MHD_Connection* connection, Exchange* exchange) {
  SetTimeout(connection, options_.keep_alive_timeout);
  if (exchange == nullptr) return;
  const bool ran = exchange->stage != Exchange::Stage::kReceiving;
  delete exchange;
  if (!ran) return;
  const std::lock_guard lock(mutex_);
  if (--running_ == 0) idle_.notify_all();
}

}  // namespace

std::string_view ServerRequest::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

std::string_view ServerRequest::Header(std::string_view lower_case_name) const {
  const auto header = headers.find(std::string(lower_case_name));
  return header == headers.end() ? std::string_view() : header->second;
}

ServerResponse ServerResponse::Text(int status, std::string text) {
  ServerResponse response;
  response.status = status;
  response.body = std::make_shared<const std::string>(std::move(text));
  return response;
}

ServerResponse ServerResponse::Json(int status, std::string json) {
  ServerResponse response = Text(status, std::move(json));
  response.content_type = "application/json";
  return response;
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options,
                                                            Handler handler) {
  auto server = std::make_unique<MicroHttpServer>(options, std::move(handler));
  if (base::Status opened = server->Open(); !opened) return base::Fail(opened.error());
  return server;
}

}  // namespace drwatch::net
