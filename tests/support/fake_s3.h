// A bucket in memory that speaks the part of S3 that is read: listings by page, HEAD, ranged GET
// with If-Match, and whatever a test lets it say of the bucket.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "support/fake_http_server.h"

namespace drwatch::testing {

// Thread-safe.
class FakeS3 {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // Listings come in pages of `page_size`.
  explicit FakeS3(std::string bucket, std::size_t page_size = 1000);

  // `headers` are those of HEAD and GET, beside ETag (the MD5, unless they name another one),
  // Last-Modified and Content-Length.
  void Put(const std::string& key, std::string bytes, base::Timestamp modified,
           Headers headers = {});
  void Remove(const std::string& key);
  // Answers requests that it wants to before the bucket does; nullopt = the bucket answers. nullptr
  // = nothing is answered like that.
  void Intercept(std::function<std::optional<FakeReply>(const FakeRequest&)> intercept);
  // What "GET ?versioning" and its like answer: status and body. Otherwise 404 with the error that
  // says that it was never set.
  void Set(const std::string& what, int status, std::string body);

  // "http://127.0.0.1:port".
  std::string endpoint() const;
  std::vector<FakeRequest> requests() const { return server_->requests(); }
  // Of one kind: "LIST", "HEAD", "GET" (of objects), "BUCKET".
  int Count(const std::string& kind) const;

 private:
  struct Object {
    std::string bytes;
    base::Timestamp modified{};
    std::string etag;
    Headers headers;
  };
  FakeReply Answer(const FakeRequest& request);
  FakeReply List(const std::map<std::string, std::string>& query) const;
  FakeReply Give(const FakeRequest& request, const std::string& key,
                 const std::map<std::string, std::string>& query) const;

  const std::string bucket_;
  const std::size_t page_size_;
  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<std::string, FakeReply> settings_;
  std::function<std::optional<FakeReply>(const FakeRequest&)> intercept_;
  std::unique_ptr<FakeHttpServer> server_;
};

}  // namespace drwatch::testing
