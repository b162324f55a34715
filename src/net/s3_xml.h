// What S3 answers, read from its XML. Pure; any thread.
//
// The answers are a stranger's bytes: no entity is expanded, nothing is followed, and a document
// with more tags than kMaxXmlTags is refused before it is parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace drwatch::net {

// Of an answer; a page of 1000 names of 1024 bytes, each byte written as %XX, has 3.5 MB.
inline constexpr std::int64_t kMaxXmlBytes = 8 << 20;
inline constexpr std::int64_t kMaxXmlTags = 200'000;
// The longest name an object can have.
inline constexpr std::size_t kMaxS3KeyBytes = 1024;

struct S3Object {
  std::string key;
  std::int64_t size = 0;
  base::Timestamp modified{};
  std::string etag;           // without quotes
  std::string storage_class;  // empty = STANDARD
};

struct S3ListPage {
  std::vector<S3Object> objects;
  std::vector<std::string> prefixes;  // common ones, with a delimiter
  std::string next_token;             // not empty: there are more
};

// "<Error><Code>NoSuchKey</Code>...". All empty if it is no such document.
struct S3ErrorText {
  std::string code;
  std::string message;
  std::string details;                         // Google's: who may not do what
  std::string region;                          // the right one, when the wrong one was asked
  std::optional<base::Timestamp> server_time;  // when the request's clock was refused
};
S3ErrorText ParseS3Error(std::string_view body);

// Each fails if the document is not what was asked for ("expected ListBucketResult").
base::Result<S3ListPage> ParseListPage(std::string_view body);

enum class S3Versioning { kOff, kEnabled, kSuspended };
base::Result<S3Versioning> ParseVersioning(std::string_view body);

// How new objects are encrypted: "AES256", "aws:kms", "aws:kms:dsse"; empty = not.
base::Result<std::string> ParseEncryption(std::string_view body);

struct S3ObjectLock {
  bool enabled = false;
  std::string default_mode;  // GOVERNANCE, COMPLIANCE; empty = no default
  base::Duration default_retention{};
};
base::Result<S3ObjectLock> ParseObjectLock(std::string_view body);

// A rule that is in force.
struct S3LifecycleRule {
  std::string prefix;
  // Not empty: only objects whose name ends with one of these, or that have one of these classes.
  std::vector<std::string> suffixes;
  std::vector<std::string> storage_classes;
  std::optional<std::int64_t> larger_than, smaller_than;  // only objects of such a size, in bytes
  // It speaks of other objects only that cannot be told: those with a tag, or old versions.
  bool filtered = false;
  std::optional<base::Duration> expiration;
  std::optional<base::Timestamp> expires_on;  // from that day on all of them, whatever their age
  struct Transition {
    base::Duration after{};
    std::string storage_class;
  };
  std::vector<Transition> transitions;
};
// Amazon's and Google's schema.
base::Result<std::vector<S3LifecycleRule>> ParseLifecycle(std::string_view body);

// The prefixes that rules in force replicate.
base::Result<std::vector<std::string>> ParseReplication(std::string_view body);

// Multipart uploads that were begun and neither completed nor aborted.
struct S3Upload {
  std::string key;
  base::Timestamp initiated{};
};
struct S3UploadPage {
  std::vector<S3Upload> uploads;
  std::string next_key;  // not empty: there are more
  std::string next_upload_id;
};
base::Result<S3UploadPage> ParseUploads(std::string_view body);

}  // namespace drwatch::net
