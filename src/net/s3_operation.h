// One request of an S3Client, as it is meant. Used by its own files only.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/s3.h"

namespace drwatch::net {

// Signed anew for each attempt.
struct S3Client::Operation {
  explicit Operation(std::string counts_as, std::string object = {}, std::string verb = "GET")
      : counter(std::move(counts_as)), method(std::move(verb)), key(std::move(object)) {}

  std::string counter;  // list, head, get, bucket
  std::string method;
  std::string key;  // empty = the bucket itself
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t max_body_bytes = kMaxXmlBytes;
  std::int64_t offset = 0;   // of the bytes that are asked for
  std::int64_t wanted = 0;   // so many of them; 0: all there is
  std::int64_t granted = 0;  // so many the day's limit allowed in the last attempt

  // For messages: "GET s3://bucket/key".
  std::string Name(const std::string& bucket) const;
};

inline S3Error S3ErrorOf(model::Reason reason, std::string message) {
  S3Error error;
  error.reason = reason;
  error.message = std::move(message);
  error.hint = HintForBucket(reason);
  return error;
}

inline bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace drwatch::net
