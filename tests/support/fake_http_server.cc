#include "support/fake_http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/stop.h"
#include "base/strings.h"

namespace drwatch::testing {
namespace {

constexpr base::Duration kLongestTest = std::chrono::minutes(2);

struct Deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Context = std::unique_ptr<SSL_CTX, Deleter>;

void Require(bool worked) {
  if (!worked) std::abort();
}

std::unique_ptr<X509, Deleter> ReadCertificate(const std::string& pem) {
  const std::unique_ptr<BIO, Deleter> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return std::unique_ptr<X509, Deleter>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

int PickProtocol(SSL* /*ssl*/, const unsigned char** picked, unsigned char* size,
                 const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  constexpr std::string_view kMine = "\x02h2\x08http/1.1";
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(picked), size,
                                           reinterpret_cast<const unsigned char*>(kMine.data()),
                                           kMine.size(), offered, offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Context MakeContext(const FakeServerOptions& options) {
  if (!options.certificate) return nullptr;
  Context context(SSL_CTX_new(TLS_server_method()));
  const std::string& key_pem = options.certificate->key_pem;
  const std::unique_ptr<BIO, Deleter> bio(
      BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  const std::unique_ptr<EVP_PKEY, Deleter> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  const auto certificate = ReadCertificate(options.certificate->chain_pem);
  Require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1);
  Require(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  if (!options.client_ca_pem.empty()) {
    const auto authority = ReadCertificate(options.client_ca_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (options.prefers_http_2) SSL_CTX_set_alpn_select_cb(context.get(), PickProtocol, nullptr);
  return context;
}

// One accepted connection. Reads and writes end when the server stops.
class Connection {
 public:
  Connection(int fd, base::StopToken stop) : fd_(fd), stop_(std::move(stop)) {}

  bool StartTls(SSL_CTX* context) {
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), fd_.get());
    while (true) {
      ERR_clear_error();
      const int result = SSL_accept(ssl_.get());
      if (result == 1) return true;
      if (!WaitTls(result)) return false;
    }
  }
  std::string ServerName() const {
    const char* name = ssl_ ? SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
    return name != nullptr ? name : "";
  }
  // "" at the end of the stream, on an error or a stop.
  std::string Read() {
    std::string buffer(16384, '\0');
    while (true) {
      ERR_clear_error();
      const ssize_t result =
          ssl_ ? SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()))
               : ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (result > 0) return buffer.substr(0, static_cast<std::size_t>(result));
      if (result == 0 && !ssl_) return {};
      if (ssl_ ? !WaitTls(static_cast<int>(result)) : !WaitPlain(POLLIN)) return {};
    }
  }
  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      ERR_clear_error();
      const ssize_t result =
          ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
               : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(result));
      } else if (ssl_ ? !WaitTls(static_cast<int>(result)) : !WaitPlain(POLLOUT)) {
        return false;
      }
    }
    return true;
  }
  void Reset() {
    ssl_.reset();
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_ = base::UniqueFd();
  }
  void Close() {
    if (ssl_) SSL_shutdown(ssl_.get());
    ::shutdown(fd_.get(), SHUT_WR);
  }
  // Until the peer closes or the server stops.
  void Hang() {
    while (!Read().empty()) continue;
  }
  // Closes without a reset, which would overtake a TLS alert.
  void Drain() {
    ssl_.reset();
    ::shutdown(fd_.get(), SHUT_WR);
    Hang();
  }
  bool Pause(base::Duration pause) { return !stop_.Wait(base::Deadline::After(pause)); }

 private:
  bool WaitPlain(short events) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
    return Poll(events);
  }
  bool WaitTls(int result) {
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_WANT_READ) return Poll(POLLIN);
    return kind == SSL_ERROR_WANT_WRITE && Poll(POLLOUT);
  }
  bool Poll(short events) {
    std::vector<pollfd> fds = {pollfd{fd_.get(), events, 0}};
    return base::PollUntil(fds, base::Deadline::After(kLongestTest), stop_) ==
           base::WaitResult::kReady;
  }
  base::UniqueFd fd_;
  base::StopToken stop_;
  std::unique_ptr<SSL, Deleter> ssl_;
};

// Reads one request from `connection`, after what is left in `buffer`. False at the end.
bool ReadRequest(Connection& connection, std::string& buffer, FakeRequest& request) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == buffer.npos) {
    const std::string bytes = connection.Read();
    if (bytes.empty()) return false;
    buffer += bytes;
  }
  const std::string head = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  std::vector<std::string_view> lines = base::Split(head, '\n');
  const std::vector<std::string_view> words = base::Split(base::Trim(lines[0]), ' ');
  request.method = words[0];
  request.target = words.size() > 1 ? words[1] : "";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == lines[i].npos) continue;
    request.headers.emplace_back(base::Lower(lines[i].substr(0, colon)),
                                 base::Trim(lines[i].substr(colon + 1)));
  }
  const auto length =
      static_cast<std::size_t>(base::ParseInt(request.Header("content-length")).value_or(0));
  while (buffer.size() < length) {
    const std::string bytes = connection.Read();
    if (bytes.empty()) return false;
    buffer += bytes;
  }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return true;
}

std::string HeadOf(const FakeReply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  return head + "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
}

// False if the connection is over.
bool Answer(Connection& connection, const FakeRequest& request, const FakeReply& reply) {
  const std::string body = request.method == "HEAD" ? "" : reply.body;
  const std::string head = HeadOf(reply);
  switch (reply.act) {
    case FakeReply::Act::kAnswer:
      return reply.raw.empty() ? connection.Write(head + body)
                               : connection.Write(reply.raw) && false;
    case FakeReply::Act::kHang:
      connection.Hang();
      return false;
    case FakeReply::Act::kClose:
      return false;
    case FakeReply::Act::kReset:
      connection.Reset();
      return false;
    case FakeReply::Act::kHangInBody:
      connection.Write(head + body.substr(0, body.size() / 2));
      connection.Hang();
      return false;
    case FakeReply::Act::kCloseInBody:
      connection.Write(head + body.substr(0, body.size() / 2));
      return false;
    case FakeReply::Act::kDrip:
      for (const char byte : (reply.raw.empty() ? head + body : reply.raw)) {
        if (!connection.Pause(reply.pause) || !connection.Write({&byte, 1})) return false;
      }
      return reply.raw.empty();
  }
  return false;
}

base::UniqueFd Listen(const std::string& address, std::uint16_t& port) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  const bool is_v6 = address.find(':') != address.npos;
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  Require(::inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(),
                      is_v6 ? static_cast<void*>(&v6.sin6_addr) : &v4.sin_addr) == 1);
  auto* name = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
  base::UniqueFd fd(::socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Require(::bind(fd.get(), name, size) == 0 && ::listen(fd.get(), 256) == 0);
  ::getsockname(fd.get(), name, &size);
  port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  return fd;
}

}  // namespace

std::string FakeRequest::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

struct FakeHttpServer::State {
  Script script;
  FakeServerOptions options;
  Context context;
  std::uint16_t port = 0;
  base::UniqueFd listener;
  base::StopSource stop;
  mutable std::mutex mutex;  // guards what follows
  std::vector<FakeRequest> requests;
  int connections = 0;
  std::list<std::thread> serving;  // touched by the accepting thread only
  std::mutex script_mutex;
  std::thread accepting;

  void Serve(int fd, int number);
  void AcceptAll();
};

void FakeHttpServer::State::Serve(int fd, int number) {
  Connection connection(fd, stop.token());
  if (options.accept == FakeServerOptions::Accept::kReset) return connection.Reset();
  if (options.accept == FakeServerOptions::Accept::kHang) return connection.Hang();
  if (context && !connection.StartTls(context.get())) return connection.Drain();
  if (!options.greeting.empty()) connection.Write(options.greeting);
  std::string buffer;
  while (true) {
    FakeRequest request;
    request.connection = number;
    request.server_name = connection.ServerName();
    if (!ReadRequest(connection, buffer, request)) break;
    FakeReply reply;
    {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
    }
    {
      const std::lock_guard lock(script_mutex);
      reply = script(request);
    }
    if (!Answer(connection, request, reply)) break;
  }
  connection.Close();
}

void FakeHttpServer::State::AcceptAll() {
  while (true) {
    std::vector<pollfd> fds = {pollfd{listener.get(), POLLIN, 0}};
    const base::WaitResult result =
        base::PollUntil(fds, base::Deadline::After(kLongestTest), stop.token());
    if (result == base::WaitResult::kStopped) return;
    const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) continue;
    int number = 0;
    {
      const std::lock_guard lock(mutex);
      number = ++connections;
    }
    serving.emplace_back([this, fd, number] { Serve(fd, number); });
  }
}

FakeHttpServer::FakeHttpServer(Script script, FakeServerOptions options)
    : state_(std::make_unique<State>()) {
  std::signal(SIGPIPE, SIG_IGN);
  state_->script = std::move(script);
  state_->context = MakeContext(options);
  state_->listener = Listen(options.address, state_->port);
  state_->options = std::move(options);
  state_->accepting = std::thread([state = state_.get()] { state->AcceptAll(); });
}

FakeHttpServer::FakeHttpServer(FakeReply reply, FakeServerOptions options)
    : FakeHttpServer([reply = std::move(reply)](const FakeRequest&) { return reply; },
                     std::move(options)) {}

FakeHttpServer::~FakeHttpServer() {
  state_->stop.RequestStop();
  state_->accepting.join();
  for (std::thread& thread : state_->serving) thread.join();
}

std::uint16_t FakeHttpServer::port() const { return state_->port; }

std::string FakeHttpServer::address() const {
  const std::string& host = state_->options.address;
  const bool is_v6 = host.find(':') != host.npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port());
}

std::string FakeHttpServer::Url(std::string_view path, std::string_view host) const {
  const std::string place =
      host.empty() ? address() : std::string(host) + ":" + std::to_string(port());
  return (state_->context ? "https://" : "http://") + place + std::string(path);
}

std::vector<FakeRequest> FakeHttpServer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

int FakeHttpServer::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->connections;
}

std::uint16_t ClosedPort() {
  std::uint16_t port = 0;
  const base::UniqueFd fd = Listen("127.0.0.1", port);
  return port;
}

}  // namespace drwatch::testing
