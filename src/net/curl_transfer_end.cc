// What an exchange took, and in words why it failed.
#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "net/curl_transfer.h"

namespace drwatch::net {

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

}  // namespace drwatch::net
