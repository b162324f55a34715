// One transfer of libcurl's: how it is set up, runs, and what is said of its end. Used by
// curl_exchange.cc and its own files only.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>

#include "net/curl_exchange.h"
#include "net/tls_context.h"

namespace drwatch::net {

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

  ThreadHandles();
};

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

}  // namespace drwatch::net
