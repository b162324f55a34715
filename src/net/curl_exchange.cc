#include "net/curl_exchange.h"

#include <algorithm>
#include <mutex>
#include <string_view>

#include "base/strings.h"
#include "net/curl_transfer.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256 << 10;  // of a response, all lines
constexpr long kMaxIdleConnections = 4;             // a thread keeps for reuse
constexpr base::Duration kLongestWait{1000};

ThreadHandles& HandlesOfThisThread() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
  PrepareNetwork();
  thread_local ThreadHandles handles;
  return handles;
}

}  // namespace

ThreadHandles::ThreadHandles() {
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
  curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

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
  outcome.body_bytes = static_cast<std::int64_t>(response_.body.size());
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
HttpOutcome RunExchange(const Exchange& exchange, base::Deadline deadline,
                        const base::StopToken& stop) {
  return Transfer(exchange, HandlesOfThisThread()).Run(deadline, stop);
}

}  // namespace drwatch::net
