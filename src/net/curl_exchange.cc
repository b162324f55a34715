#include "net/curl_exchange.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/file.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "net/tls_context.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256 << 10;  // of a response, all lines
constexpr long kMaxIdleConnections = 4;             // a thread keeps for reuse
constexpr base::Duration kLongestWait{1000};

// CURL and CURLM are both void, so each needs a deleter of its own.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class HeaderList {
 public:
  void Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) return;
    static_cast<void>(list_.release());
    list_.reset(longer);
  }
  void Add(const std::string& name, const base::Secret& value) {
    Add(value.empty() ? name + ";" : name + ": " + value.Reveal());
  }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, ListDeleter> list_;
};

// What a thread keeps from request to request. The easy handle is declared last so that it ends
// before the multi handle, which holds the connections, and before the recorder they report to.
struct ThreadHandles {
  CertificateRecorder recorder;
  std::string resolved;  // the name that stands in the handle's cache, as "host:port"
  std::unique_ptr<CURLM, MultiDeleter> multi{curl_multi_init()};
  std::unique_ptr<CURL, EasyDeleter> easy{curl_easy_init()};

  ThreadHandles() {
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
    curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  }
};

ThreadHandles& Handles() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
  PrepareNetwork();
  thread_local ThreadHandles handles;
  return handles;
}

// The state of one exchange, reached from libcurl's callbacks.
class Transfer {
 public:
  Transfer(const Exchange& exchange, ThreadHandles& handles)
      : exchange_(exchange), handles_(handles), easy_(handles.easy.get()) {}

  HttpOutcome Run(base::Deadline deadline, const base::StopToken& stop);

 private:
  enum class End { kDone, kDeadline, kStopped };

  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(easy_, option, value);
  }
  void SetUp(base::Deadline deadline);
  void SetMethod();
  void SetHeaders();
  void SetNames();
  void SetTls();
  End Drive(base::Deadline deadline, const base::StopToken& stop, CURLcode& code);
  void FillTimings(bool failed, HttpTimings& timings) const;
  NetError Explain(CURLcode code) const;
  NetError ExplainConnect() const;
  NetError ExplainTls(CURLcode code) const;
  NetError TimeoutError() const;
  std::string CurlText(CURLcode code) const;
  double Seconds(CURLINFO info) const;
  double ConnectedAt() const;

  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static CURLcode OnTlsContext(CURL* easy, void* context, void* self);

  const Exchange& exchange_;
  ThreadHandles& handles_;
  CURL* easy_;
  HeaderList headers_;
  HeaderList connect_headers_;
  HeaderList resolve_;
  HeaderList connect_to_;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool body_too_large_ = false;
  bool headers_too_large_ = false;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  base::SteadyTime begin_ = std::chrono::steady_clock::now();
  double tls_began_ = 0;  // seconds since begin_
};

std::size_t Transfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  std::string& body = transfer->response_.body;
  const auto limit = static_cast<std::size_t>(transfer->exchange_.max_body_bytes);
  // What libcurl hands over is decompressed already, so a small bomb counts with its full size.
  if (bytes > limit - std::min(limit, body.size())) {
    transfer->body_too_large_ = true;
    return 0;
  }
  body.append(data, bytes);
  return bytes;
}

std::size_t Transfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  transfer->header_bytes_ += bytes;
  if (transfer->header_bytes_ > kMaxHeaderBytes) {
    transfer->headers_too_large_ = true;
    return 0;
  }
  const std::string_view line = base::Trim(std::string_view(data, bytes));
  auto& headers = transfer->response_.headers;
  if (line.starts_with("HTTP/")) headers.clear();  // an interim answer (1xx) came before
  const std::size_t colon = line.find(':');
  if (colon == line.npos || line.starts_with("HTTP/")) return bytes;
  headers.emplace_back(base::Lower(line.substr(0, colon)), base::Trim(line.substr(colon + 1)));
  return bytes;
}

CURLcode Transfer::OnTlsContext(CURL* /*easy*/, void* context, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  auto* ssl_context = static_cast<SSL_CTX*>(context);
  transfer->tls_began_ = base::ToSeconds(std::chrono::steady_clock::now() - transfer->begin_);
  const TlsOptions& tls = transfer->exchange_.tls;
  if (tls.ca_file.empty()) {
    TrustSystem(ssl_context);
  } else if (tls.insecure_skip_verify) {
    // libcurl loads no authorities then, but whether the chain is good is to be told all the same.
    SSL_CTX_load_verify_file(ssl_context, tls.ca_file.c_str());
  }
  transfer->handles_.recorder.Attach(ssl_context, transfer->exchange_.verify_name);
  return CURLE_OK;
}

void Transfer::SetUp(base::Deadline deadline) {
  curl_easy_reset(easy_);
  const long left = static_cast<long>(std::max<std::int64_t>(1, deadline.Remaining().count()));
  Set(CURLOPT_URL, exchange_.url.c_str());
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_TIMEOUT_MS, left);
  Set(CURLOPT_CONNECTTIMEOUT_MS, left);
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_PROXY, exchange_.proxy.c_str());  // "": none from the environment either
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!exchange_.http2) Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!exchange_.proxy_username.empty()) {
    Set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
    Set(CURLOPT_PROXYUSERNAME, exchange_.proxy_username.c_str());
    Set(CURLOPT_PROXYPASSWORD, exchange_.proxy_password.Reveal().c_str());
  }
  Set(CURLOPT_USERAGENT, "drwatch");
  if (exchange_.http_1_1) Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  // "" stands for all that libcurl can decompress.
  Set(CURLOPT_ACCEPT_ENCODING, exchange_.decompress ? "" : static_cast<const char*>(nullptr));
  Set(CURLOPT_ERRORBUFFER, error_text_.data());
  Set(CURLOPT_FRESH_CONNECT, exchange_.fresh_connection ? 1L : 0L);
  Set(CURLOPT_FORBID_REUSE, exchange_.fresh_connection ? 1L : 0L);
  Set(CURLOPT_WRITEFUNCTION, OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_HEADERFUNCTION, OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  if (!exchange_.username.empty()) {
    Set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    Set(CURLOPT_USERNAME, exchange_.username.c_str());
    Set(CURLOPT_PASSWORD, exchange_.password.Reveal().c_str());
  }
  SetMethod();
  SetHeaders();
  SetNames();
  SetTls();
}

void Transfer::SetMethod() {
  if (exchange_.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (exchange_.method == "POST" || !exchange_.body.empty()) {
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange_.body.size()));
    Set(CURLOPT_POSTFIELDS, exchange_.body.data());
  }
  if (exchange_.method != "GET" || !exchange_.body.empty()) {
    Set(CURLOPT_CUSTOMREQUEST, exchange_.method.c_str());
  }
}

void Transfer::SetHeaders() {
  headers_.Add("Expect:");  // no waiting for 100 Continue
  bool has_content_type = false;
  for (const auto& [name, value] : exchange_.headers) {
    headers_.Add(name, value);
    has_content_type = has_content_type || base::Lower(name) == "content-type";
  }
  // libcurl would call any body a form.
  if (!has_content_type) headers_.Add("Content-Type:");
  Set(CURLOPT_HTTPHEADER, headers_.get());
  // libcurl would add them to a plain request that a proxy carries, too, and so to its end.
  if (!exchange_.is_https) return;
  for (const auto& [name, value] : exchange_.connect_headers) connect_headers_.Add(name, value);
  Set(CURLOPT_PROXYHEADER, connect_headers_.get());
}

void Transfer::SetNames() {
  // Entries given this way stay in the handle's cache for ever: take the last one out.
  if (!handles_.resolved.empty()) resolve_.Add("-" + handles_.resolved);
  handles_.resolved.clear();
  if (!exchange_.resolve.empty()) {
    resolve_.Add(exchange_.resolve);
    const std::size_t port = exchange_.resolve.find(':') + 1;
    handles_.resolved = exchange_.resolve.substr(0, exchange_.resolve.find(':', port));
  }
  if (resolve_.get() != nullptr) Set(CURLOPT_RESOLVE, resolve_.get());
  if (exchange_.connect_to.empty()) return;
  connect_to_.Add(exchange_.connect_to);
  Set(CURLOPT_CONNECT_TO, connect_to_.get());
}

void Transfer::SetTls() {
  handles_.recorder.Reset();
  const TlsOptions& tls = exchange_.tls;
  const auto file = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  // Debian's default CAPATH keeps libcurl from caching authorities and costs 16 ms a connection;
  // those of the system come from TrustSystem() instead.
  Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  Set(CURLOPT_CAINFO, file(tls.ca_file));
  Set(CURLOPT_CA_CACHE_TIMEOUT, 0L);     // a renewed file counts at once
  Set(CURLOPT_SSL_SESSIONID_CACHE, 0L);  // a resumed session shows no certificates
  Set(CURLOPT_SSL_VERIFYPEER, tls.insecure_skip_verify ? 0L : 1L);
  Set(CURLOPT_SSL_VERIFYHOST, tls.insecure_skip_verify ? 0L : 2L);
  Set(CURLOPT_SSLCERT, file(tls.cert_file));
  Set(CURLOPT_SSLKEY, file(tls.key_file));
  Set(CURLOPT_SSL_CTX_FUNCTION, OnTlsContext);
  Set(CURLOPT_SSL_CTX_DATA, this);
}

Transfer::End Transfer::Drive(base::Deadline deadline, const base::StopToken& stop,
                              CURLcode& code) {
  CURLM* multi = handles_.multi.get();
  while (true) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      code = message->data.result;
      return End::kDone;
    }
    if (stop.stopped()) return End::kStopped;
    if (deadline.Expired()) return End::kDeadline;
    curl_waitfd stopper{stop.fd(), CURL_WAIT_POLLIN, 0};
    const auto wait = static_cast<int>(std::min(kLongestWait, deadline.Remaining()).count());
    curl_multi_poll(multi, &stopper, stop.fd() >= 0 ? 1 : 0, wait, nullptr);
  }
}

HttpOutcome Transfer::Run(base::Deadline deadline, const base::StopToken& stop) {
  HttpOutcome outcome;
  SetUp(deadline);
  curl_multi_add_handle(handles_.multi.get(), easy_);
  CURLcode code = CURLE_OK;
  const End end = Drive(deadline, stop, code);
  const bool failed = end != End::kDone || code != CURLE_OK;
  FillTimings(failed, outcome.timings);
  if (end == End::kStopped) {
    outcome.error = StoppedError();
  } else if (end == End::kDeadline) {
    outcome.error = TimeoutError();
  } else if (code != CURLE_OK) {
    outcome.error = Explain(code);
  } else {
    long number = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &number);
    response_.status = static_cast<int>(number);
    curl_easy_getinfo(easy_, CURLINFO_HTTP_VERSION, &number);
    response_.http_version = number == CURL_HTTP_VERSION_1_0   ? "1.0"
                             : number == CURL_HTTP_VERSION_1_1 ? "1.1"
                             : number == CURL_HTTP_VERSION_3   ? "3"
                                                               : "2";
    const char* address = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &address);
    if (address != nullptr) response_.remote_address = address;
    outcome.response = std::move(response_);
  }
  outcome.tls = handles_.recorder.info();
  curl_multi_remove_handle(handles_.multi.get(), easy_);
  // Nothing of this exchange may stay behind in the handle.
  curl_easy_reset(easy_);
  return outcome;
}

double Transfer::Seconds(CURLINFO info) const {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy_, info, &microseconds);
  return static_cast<double>(microseconds) / 1e6;
}

// libcurl tells the connect time of a TLS connection only once the handshake is over.
double Transfer::ConnectedAt() const {
  const double connected = Seconds(CURLINFO_CONNECT_TIME_T);
  return connected > 0 ? connected : tls_began_;
}

void Transfer::FillTimings(bool failed, HttpTimings& timings) const {
  // Points in time since the begin; 0 for those not reached. The phase in which a failed attempt
  // stood gets the time that is left.
  const double elapsed = base::ToSeconds(std::chrono::steady_clock::now() - begin_);
  const double connected = ConnectedAt();
  const double secured = exchange_.is_https ? Seconds(CURLINFO_APPCONNECT_TIME_T) : connected;
  const double sent = Seconds(CURLINFO_PRETRANSFER_TIME_T);
  const double started = Seconds(CURLINFO_STARTTRANSFER_TIME_T);
  const double named = Seconds(CURLINFO_NAMELOOKUP_TIME_T);
  double before = named;
  bool reached = true;
  const auto phase = [&](double point) {
    if (!reached) return 0.0;
    reached = point > 0;
    if (!reached && !failed) return 0.0;
    const double length = std::max(0.0, (reached ? point : elapsed) - before);
    before = std::max(before, point);
    return length;
  };
  timings.connect_seconds = phase(connected);
  if (exchange_.is_https) timings.tls_seconds = phase(secured);
  before = reached ? std::max(before, sent) : before;
  timings.processing_seconds = phase(started);
  timings.transfer_seconds = phase(elapsed);
}

std::string Transfer::CurlText(CURLcode code) const {
  return error_text_[0] != '\0' ? std::string(error_text_.data()) : curl_easy_strerror(code);
}

NetError Transfer::TimeoutError() const {
  const char* doing = "connecting";
  if (ConnectedAt() > 0) {
    doing = exchange_.is_https && Seconds(CURLINFO_APPCONNECT_TIME_T) <= 0
                ? "in the TLS handshake"
                : "waiting for the response";
  }
  if (Seconds(CURLINFO_STARTTRANSFER_TIME_T) > 0) doing = "reading the response";
  return {model::Reason::kTimeout, exchange_.peer + ": timed out " + doing};
}

NetError Transfer::ExplainConnect() const {
  long error_number = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error_number);
  if (error_number == ETIMEDOUT) return TimeoutError();
  const bool shortage = error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM;
  return {shortage                     ? model::Reason::kInternal
          : error_number == ECONNRESET ? model::Reason::kConnectionReset
                                       : model::Reason::kConnectionRefused,
          "connect to " + exchange_.peer + ": " +
              (error_number != 0 ? base::ErrnoText(static_cast<int>(error_number))
                                 : CurlText(CURLE_COULDNT_CONNECT))};
}

NetError Transfer::ExplainTls(CURLcode code) const {
  if (const std::optional<NetError> refusal = handles_.recorder.Refusal();
      refusal && !exchange_.tls.insecure_skip_verify) {
    return {refusal->reason, exchange_.peer + ": " + refusal->message};
  }
  const std::string text = CurlText(code);
  // A peer that closes in the handshake is told by these words only.
  for (const char* word : {"SSL_ERROR_SYSCALL", "Connection reset", "unexpected eof"}) {
    if (text.find(word) == text.npos) continue;
    return {model::Reason::kConnectionReset,
            exchange_.peer + ": the peer closed the connection in the TLS handshake"};
  }
  return {model::Reason::kTls, exchange_.peer + ": " + text};
}

NetError Transfer::Explain(CURLcode code) const {
  const std::string& peer = exchange_.peer;
  if (body_too_large_) {
    return {model::Reason::kResponseTooLarge,
            peer + ": the body is longer than " + base::FormatSize(exchange_.max_body_bytes)};
  }
  if (headers_too_large_) {
    return {model::Reason::kResponseTooLarge, peer + ": the headers are too long"};
  }
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return ExplainConnect();
    case CURLE_OPERATION_TIMEDOUT:
      return TimeoutError();
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return ExplainTls(code);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      return {model::Reason::kConfig, peer + ": " + CurlText(code)};
    case CURLE_GOT_NOTHING:
      return {model::Reason::kConnectionReset, peer + ": closed without an answer"};
    case CURLE_PARTIAL_FILE:
      return {model::Reason::kConnectionReset, peer + ": closed in the middle of the body"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (CurlText(code).find("alert") != std::string::npos) {
        return {model::Reason::kTls, peer + ": " + CurlText(code)};
      }
      if (CurlText(code).find("chunked") != std::string::npos ||
          CurlText(code).find("tunnel failed") != std::string::npos) {  // what a proxy said
        return {model::Reason::kProtocol, peer + ": " + CurlText(code)};
      }
      return {model::Reason::kConnectionReset, peer + ": " + base::Lower(CurlText(code))};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {model::Reason::kDns, peer + ": " + CurlText(code)};
    case CURLE_OUT_OF_MEMORY:
      // libcurl's answer to a header line of more than 100 KB, too.
      if (Seconds(CURLINFO_STARTTRANSFER_TIME_T) > 0) {
        return {model::Reason::kResponseTooLarge, peer + ": the headers are too long"};
      }
      return {model::Reason::kInternal, "out of memory"};
    default:  // CURLcode has a hundred values; the rest says that the answer is no proper HTTP
      return {model::Reason::kProtocol, peer + ": " + CurlText(code)};
  }
}

}  // namespace

HttpOutcome RunExchange(const Exchange& exchange, base::Deadline deadline,
                        const base::StopToken& stop) {
  return Transfer(exchange, Handles()).Run(deadline, stop);
}

}  // namespace drwatch::net
