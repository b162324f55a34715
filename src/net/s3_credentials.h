// The keys with which S3 is asked, from wherever they are: in the config, a credentials file, the
// environment, ~/.aws/credentials, web identity (Kubernetes service accounts), the container's or
// the instance's metadata service; the first of these that is set up, in this order. As in Amazon's
// own programs ~/.aws/credentials is not set up if it lacks the profile or cannot be read, unless a
// variable names the file or the profile; a profile with one key of two is an error.
//
// Temporary keys are kept and renewed from kRenewBefore their end on; when that fails, or brings
// keys that end as soon, they serve until they end. What lies in files is read again at each use.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/stop.h"
#include "config/backup_probe_config.h"
#include "net/net_error.h"
#include "net/s3_hints.h"
#include "net/sigv4.h"

namespace drwatch::net {

struct AwsCredentials {
  AwsKeys keys;
  std::optional<base::Timestamp> expiry;  // of temporary ones
  std::string source{};                   // for people: "the config", "AWS_ACCESS_KEY_ID"
};

// `message` and `hint` hold no secret.
struct KeysError {
  model::Reason reason = model::Reason::kInternal;
  std::string message;
  std::string hint;  // what to do; may be empty
};
template <typename T>
using KeysResult = tl::expected<T, KeysError>;

// An environment variable's value; "" if it is not set.
using Variables = std::function<std::string(const std::string& name)>;
// The process's own.
Variables ProcessVariables();

// Thread-safe.
class S3Credentials {
 public:
  static constexpr base::Duration kRenewBefore = std::chrono::minutes(5);
  // How long one service may take to hand out keys, and how soon it is asked again after a failure
  // or for keys that end later.
  static constexpr base::Duration kFetchTimeout = std::chrono::seconds(5);
  static constexpr base::Duration kRetryAfter = std::chrono::seconds(30);

  // `clock` outlives this. Variables that Amazon's own programs know are honoured, those that move
  // a service elsewhere (AWS_ENDPOINT_URL_STS, AWS_EC2_METADATA_SERVICE_ENDPOINT) included.
  S3Credentials(config::S3 config, const base::Clock& clock,
                Variables variables = ProcessVariables());

  // Errors: kConfig (a file that cannot be read or holds no keys), kAuth (a service refuses, or
  // there are no keys anywhere), kProtocol, and what the network adds. Messages hold no secret.
  KeysResult<AwsCredentials> Get(base::Deadline deadline, const base::StopToken& stop);
  // The server called temporary keys expired or unknown: the next Get() fetches others. Where the
  // service hands out the same again it is not asked once more before kRetryAfter has passed.
  void Reject(const AwsKeys& keys);
  // The end of the temporary keys in use.
  std::optional<base::Timestamp> expiry() const;

 private:
  // Keys that need no service. nullopt: there are none.
  std::optional<KeysResult<AwsCredentials>> FromConfig() const;
  std::optional<KeysResult<AwsCredentials>> FromEnvironment() const;
  // What the shared file says; `passed_over` tells why a file that nobody named says nothing.
  struct SharedFile {
    std::optional<KeysResult<AwsCredentials>> keys;
    std::string path;
    std::string passed_over;
  };
  SharedFile ReadSharedFile() const;
  KeysResult<AwsCredentials> Fetch(base::Deadline deadline, const base::StopToken& stop) const;
  KeysResult<AwsCredentials> FetchByWebIdentity(base::Deadline deadline,
                                                const base::StopToken& stop) const;
  KeysResult<AwsCredentials> FetchFromInstance(base::Deadline deadline,
                                               const base::StopToken& stop) const;
  bool AskedLately(base::Timestamp now) const {
    return now - asked_ < kRetryAfter && now >= asked_;
  }
  // What the cache says; nullopt: it must be filled.
  std::optional<KeysResult<AwsCredentials>> Cached(base::Timestamp now) const;
  void Keep(KeysResult<AwsCredentials> fetched, base::Timestamp now);

  const config::S3 config_;
  const base::Clock& clock_;
  const Variables variables_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool fetching_ = false;
  std::optional<AwsCredentials> cached_;
  std::optional<KeysError> failure_;  // of the last attempt
  base::Timestamp asked_{};           // the last time
  std::string rejected_id_;           // of the keys that were rejected last
};

}  // namespace drwatch::net
