// A client of one bucket of S3 or of what speaks its language (Ceph, MinIO, Google Cloud Storage):
// reads, never writes.
//
// It asks Amazon's servers, or the configured endpoint, and nobody else: redirects are not
// followed. A wrong region, a clock that is off and keys that ended cost one more request each, a
// server that is busy some more, with growing pauses within the deadline.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "net/http_client.h"
#include "net/s3_budget.h"
#include "net/s3_credentials.h"
#include "net/s3_error.h"
#include "net/s3_xml.h"

namespace drwatch::net {

struct S3Call {
  base::Deadline deadline;
  base::StopToken stop;
};

struct S3ListRequest {
  std::string prefix;
  std::string start_after;               // only keys behind this one
  std::string delimiter;                 // what keys share up to it counts once, in `prefixes`
  std::int64_t max_objects = 5'000'000;  // and prefixes; more is kLimit
};
struct S3Listing {
  std::vector<S3Object> objects;      // in the order of the keys' bytes
  std::vector<std::string> prefixes;  // sorted, each once
};

struct S3Range {
  std::string bytes;
  std::int64_t total = 0;  // size of the whole object
  std::string etag;        // without quotes
};

// What a server tells of one object. Absent headers are empty.
struct S3Head {
  std::int64_t size = 0;
  std::string etag;  // without quotes
  std::optional<base::Timestamp> modified;
  std::string storage_class;   // empty = STANDARD
  std::string archive_status;  // ARCHIVE_ACCESS, DEEP_ARCHIVE_ACCESS: must be restored first
  std::string restore;         // a restore from an archive: ongoing-request="false", ...
  std::string encryption;      // AES256, aws:kms, aws:kms:dsse, google, google:kms, customer
  std::string replication;     // PENDING, COMPLETED, FAILED, REPLICA
  std::optional<base::Timestamp> locked_until;
  bool legal_hold = false;
  std::optional<base::Timestamp> expires;  // by a lifecycle rule, where servers tell
  int parts = 0;  // of a multipart upload, where the server counts them; else 0
  std::map<std::string, std::string> checksums;  // "sha256" -> raw digest
  bool composite = false;                        // they are checksums of the parts' checksums
};

struct S3Stats {                                 // since the start
  std::map<std::string, std::int64_t> requests;  // by operation: list, head, get, bucket
  std::int64_t received_bytes = 0;
  // The server's clock minus ours, as of the last answer.
  std::optional<base::Duration> clock_skew;
  std::optional<base::Timestamp> keys_expire;
};

// Thread-safe.
class S3Client {
 public:
  // Of one request, while the server is busy or connections break.
  static constexpr int kMaxAttempts = 5;
  static constexpr base::Duration kFirstPause{200};
  static constexpr std::int64_t kMaxRangeBytes = 64 << 20;  // of one Get()
  // Pages without anything new in a row before a listing counts as endless.
  static constexpr int kMaxEmptyPages = 100;
  static constexpr int kMaxUploads = 10'000;

  // `clock` outlives this. nullptr: a budget of its own.
  S3Client(config::S3 config, std::string bucket, const base::Clock& clock,
           const Variables& variables = ProcessVariables(),
           std::shared_ptr<S3Budget> budget = nullptr);

  const std::string& bucket() const { return bucket_; }
  S3Result<S3Listing> List(const S3ListRequest& request, const S3Call& call);
  // With `part` (from 1 on) the size is that part's.
  S3Result<S3Head> Head(const std::string& key, const S3Call& call, int part = 0);
  // Exactly `size` bytes from `offset` on, or less if the object ends before; `size` is 1 ..
  // kMaxRangeBytes. Not empty: `etag` must be the object's, else kUnverified. Of a range for which
  // the day has too few bytes left as many are asked for as it has; it is kLimit if those are not
  // all.
  S3Result<S3Range> Get(const std::string& key, std::int64_t offset, std::int64_t size,
                        const std::string& etag, const S3Call& call);

  // What is set for the bucket. What was never set is kOff, "" or empty.
  S3Result<S3Versioning> GetVersioning(const S3Call& call);
  S3Result<std::string> GetEncryption(const S3Call& call);
  S3Result<S3ObjectLock> GetObjectLock(const S3Call& call);
  S3Result<std::vector<S3LifecycleRule>> GetLifecycle(const S3Call& call);
  S3Result<std::vector<std::string>> GetReplication(const S3Call& call);
  // At most kMaxUploads below `prefix`.
  S3Result<std::vector<S3Upload>> GetUploads(const std::string& prefix, const S3Call& call);

  // Why an object of so many bytes is not to be read to its end: the day's limit does not allow it
  // and would leave nothing for lists. nullopt: it may be read.
  std::optional<std::string> TooMuchToRead(std::int64_t bytes) const {
    return budget_->TooMuch(config_, clock_.Now(), bytes);
  }

  S3Stats stats() const;

 private:
  struct Operation;
  struct Attempts;
  enum class Next { kFail, kAgain, kPause };

  S3Result<HttpResponse> Send(Operation& operation, const S3Call& call);
  static base::Status Append(S3ListPage page, const S3ListRequest& request, S3Listing& listing);
  S3Result<HttpResponse> GetBucket(std::string_view what, const S3Call& call);
  tl::expected<AwsCredentials, S3Error> StartRequest(Operation& operation, const S3Call& call);
  S3Result<HttpRequest> Build(const Operation& operation, const AwsKeys& keys) const;
  S3Error Explain(const Operation& operation, const HttpOutcome& outcome,
                  const AwsCredentials& credentials) const;
  std::string Advise(const S3Error& error, const HttpResponse& response,
                     const AwsCredentials& credentials) const;
  Next Decide(const Operation& operation, const HttpOutcome& outcome, const S3Error& error,
              const AwsKeys& keys, Attempts& attempts);
  bool LearnRegion(const HttpResponse& response, Attempts& attempts);
  bool LearnClock(const HttpResponse& response, const S3Error& error, Attempts& attempts);
  void Count(const Operation& operation, const HttpOutcome& outcome);

  const config::S3 config_;
  const std::string bucket_;
  const base::Clock& clock_;
  S3Credentials credentials_;
  const std::shared_ptr<S3Budget> budget_;
  mutable std::mutex mutex_;  // guards what follows
  std::string region_;
  base::Duration clock_offset_{};  // added to our clock when signing
  bool date_is_theirs_ = true;     // false: a proxy writes the header, by another clock
  S3Stats stats_;
};

}  // namespace drwatch::net
