// What libcurl is told of an exchange before it begins.
#include <openssl/ssl.h>

#include <algorithm>

#include "base/strings.h"
#include "net/curl_transfer.h"

namespace drwatch::net {

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

}  // namespace drwatch::net
