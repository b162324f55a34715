#include "net/s3_credentials.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "net/address.h"
#include "net/aws_credential_sources.h"

namespace drwatch::net {
namespace {

using model::Reason;

constexpr std::int64_t kMaxFileBytes = 1 << 20;
constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kMetadataEndpoint = "http://169.254.169.254";

tl::unexpected<KeysError> KeysFail(Reason reason, std::string message, std::string hint = {}) {
  return tl::unexpected<KeysError>(KeysError{reason, std::move(message), std::move(hint)});
}

struct ProfileKeys {
  std::optional<AwsKeys> keys;  // both; else `problem` says why not
  bool half = false;            // one of them is there
  std::string problem;
};

ProfileKeys ReadProfile(const std::string& file, const std::string& profile) {
  ProfileKeys result;
  const base::Result<std::string> text = base::ReadFile(file, kMaxFileBytes);
  if (!text) {
    result.problem = text.error().message;
    return result;
  }
  std::optional<AwsKeys> keys = ParseProfile(*text, profile);
  const std::string where = base::Quote(file) + " has no ";
  const std::string of = " in profile " + base::Quote(profile);
  if (!keys) {
    result.problem = where + "profile " + base::Quote(profile);
  } else if (keys->access_key_id.empty() && keys->secret_access_key.empty()) {
    result.problem = where + "keys" + of;
  } else if (keys->access_key_id.empty() || keys->secret_access_key.empty()) {
    result.half = true;
    result.problem =
        where + (keys->access_key_id.empty() ? "aws_access_key_id" : "aws_secret_access_key") + of;
  } else {
    result.keys = std::move(keys);
  }
  return result;
}

KeysResult<AwsCredentials> FromProfile(ProfileKeys profile, const std::string& file) {
  if (profile.keys) {
    return AwsCredentials{*std::move(profile.keys), std::nullopt, base::Quote(file)};
  }
  return KeysFail(Reason::kConfig, std::move(profile.problem),
                  HintForKeys(KeySource::kFile, Reason::kConfig, file));
}

bool IsAbsent(const std::string& file) {
  return ::access(file.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

// A service's answer, with what people have to know of it.
KeysResult<AwsCredentials> FromService(NetResult<AwsCredentials> answer, KeySource source,
                                       const char* name, const std::string& url) {
  if (answer) {
    answer->source = name;
    return *std::move(answer);
  }
  const base::Result<Url> parsed = ParseUrl(url);
  std::string hint = HintForKeys(source, answer.error().reason, parsed ? parsed->Origin() : url);
  return KeysFail(answer.error().reason, std::move(answer.error().message), std::move(hint));
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace

Variables ProcessVariables() {
  return [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value != nullptr ? value : "");
  };
}

S3Credentials::S3Credentials(config::S3 config, const base::Clock& clock, Variables variables)
    : config_(std::move(config)), clock_(clock), variables_(std::move(variables)) {}

std::optional<KeysResult<AwsCredentials>> S3Credentials::FromConfig() const {
  if (config_.access_key_id.empty()) {
    if (config_.credentials_file.empty()) return std::nullopt;
    return FromProfile(ReadProfile(config_.credentials_file, config_.profile),
                       config_.credentials_file);
  }
  const auto fail = [](const base::Error& error) {
    return KeysFail(Reason::kConfig, error.message,
                    "the file must be readable for drwatch's user and hold nothing but the secret");
  };
  AwsCredentials result;
  result.source = "the config";
  result.keys.access_key_id = config_.access_key_id;
  base::Result<base::Secret> secret = config::ReadSecret(config_.secret_access_key);
  if (!secret) return fail(secret.error());
  result.keys.secret_access_key = *std::move(secret);
  if (!config_.session_token.empty()) {
    base::Result<base::Secret> token = config::ReadSecret(config_.session_token);
    if (!token) return fail(token.error());
    result.keys.session_token = *std::move(token);
  }
  return result;
}

std::optional<KeysResult<AwsCredentials>> S3Credentials::FromEnvironment() const {
  const std::string id = variables_("AWS_ACCESS_KEY_ID");
  const std::string secret = variables_("AWS_SECRET_ACCESS_KEY");
  if (id.empty() && secret.empty()) return std::nullopt;
  if (id.empty() || secret.empty()) {
    return KeysFail(Reason::kConfig,
                    "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set",
                    "set both of them where drwatch is started, or none");
  }
  AwsCredentials result;
  result.keys = {id, base::Secret(secret), base::Secret(variables_("AWS_SESSION_TOKEN"))};
  result.source = "AWS_ACCESS_KEY_ID";
  return result;
}

S3Credentials::SharedFile S3Credentials::ReadSharedFile() const {
  SharedFile shared;
  shared.path = variables_("AWS_SHARED_CREDENTIALS_FILE");
  std::string profile = variables_("AWS_PROFILE");
  const bool asked_for = !shared.path.empty() || !profile.empty();
  const std::string home = variables_("HOME");
  if (shared.path.empty() && !home.empty()) shared.path = home + "/.aws/credentials";
  if (shared.path.empty()) return shared;
  if (profile.empty()) profile = config_.profile;
  ProfileKeys read = ReadProfile(shared.path, profile);
  if (read.keys || read.half || asked_for) {
    shared.keys = FromProfile(std::move(read), shared.path);
  } else if (!IsAbsent(shared.path)) {
    shared.passed_over = std::move(read.problem);
  }
  return shared;
}

KeysResult<AwsCredentials> S3Credentials::FetchByWebIdentity(base::Deadline deadline,
                                                             const base::StopToken& stop) const {
  WebIdentity identity;
  identity.token_file = variables_("AWS_WEB_IDENTITY_TOKEN_FILE");
  identity.role_arn = variables_("AWS_ROLE_ARN");
  std::string region = variables_("AWS_REGION");
  if (region.empty()) region = variables_("AWS_DEFAULT_REGION");
  if (region.empty()) region = config_.region.empty() ? "us-east-1" : config_.region;
  identity.endpoint = WithoutSlash(variables_("AWS_ENDPOINT_URL_STS"));
  if (identity.endpoint.empty()) {
    identity.endpoint =
        "https://sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
  }
  identity.session_name = variables_("AWS_ROLE_SESSION_NAME");
  if (identity.session_name.empty()) identity.session_name = "drwatch";
  return FromService(FetchWebIdentity(identity, deadline, stop), KeySource::kWebIdentity,
                     "the web identity", identity.endpoint);
}

KeysResult<AwsCredentials> S3Credentials::FetchFromInstance(base::Deadline deadline,
                                                            const base::StopToken& stop) const {
  std::string endpoint = WithoutSlash(variables_("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
  if (endpoint.empty()) endpoint = kMetadataEndpoint;
  const std::string nowhere =
      "no keys for S3: neither in the config, nor in AWS_ACCESS_KEY_ID, ~/.aws/credentials, a web "
      "identity or container metadata; ";
  const bool disabled = base::Lower(variables_("AWS_EC2_METADATA_DISABLED")) == "true";
  KeysResult<AwsCredentials> result =
      FromService(disabled ? NetFail(Reason::kAuth, "instance metadata is disabled")
                           : FetchInstance(endpoint, deadline, stop),
                  KeySource::kInstance, "the instance's metadata", endpoint);
  if (result) return result;
  KeysError& error = result.error();
  const SharedFile shared = ReadSharedFile();
  if (shared.passed_over.empty()) {
    error.message = nowhere + error.message;
  } else {
    error.message =
        nowhere + "~/.aws/credentials is there, but " + shared.passed_over + "; " + error.message;
    error.hint = HintForKeys(KeySource::kFile, Reason::kConfig, shared.path);
  }
  // Most machines have no such service: then what is missing is a key, not a connection.
  if (error.reason == Reason::kTimeout || error.reason == Reason::kConnectionRefused) {
    error.reason = Reason::kAuth;
  }
  return result;
}

KeysResult<AwsCredentials> S3Credentials::Fetch(base::Deadline deadline,
                                                const base::StopToken& stop) const {
  if (!variables_("AWS_WEB_IDENTITY_TOKEN_FILE").empty() && !variables_("AWS_ROLE_ARN").empty()) {
    return FetchByWebIdentity(deadline, stop);
  }
  ContainerEndpoint container;
  container.url = variables_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const std::string relative = variables_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (!relative.empty()) container.url = std::string(kContainerHost) + relative;
  if (container.url.empty()) return FetchFromInstance(deadline, stop);
  container.token = base::Secret(variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
  container.token_file = variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  return FromService(FetchContainer(container, deadline, stop), KeySource::kContainer,
                     "the container's agent", container.url);
}

std::optional<KeysResult<AwsCredentials>> S3Credentials::Cached(base::Timestamp now) const {
  const bool alive = cached_ && *cached_->expiry > now;
  const bool asked_lately = AskedLately(now);
  if (alive && (*cached_->expiry - now > kRenewBefore || asked_lately)) return *cached_;
  if (failure_ && asked_lately) return tl::unexpected(*failure_);
  return std::nullopt;
}

void S3Credentials::Keep(KeysResult<AwsCredentials> fetched, base::Timestamp now) {
  asked_ = now;
  if (fetched) {
    cached_ = *std::move(fetched);
    failure_.reset();
  } else {
    failure_ = std::move(fetched.error());
  }
}

KeysResult<AwsCredentials> S3Credentials::Get(base::Deadline deadline,
                                              const base::StopToken& stop) {
  if (const auto keys = FromConfig()) return *keys;
  if (const auto keys = FromEnvironment()) return *keys;
  if (const auto keys = ReadSharedFile().keys) return *keys;
  std::unique_lock lock(mutex_);
  while (true) {
    if (std::optional<KeysResult<AwsCredentials>> known = Cached(clock_.Now())) return *known;
    if (!fetching_) break;
    // Another thread is asking already.
    if (changed_.wait_until(lock, deadline.at()) == std::cv_status::timeout) {
      return KeysFail(Reason::kTimeout, "waiting for keys took too long",
                      "the service that hands out keys is slow: the next run tells more");
    }
  }
  fetching_ = true;
  lock.unlock();
  KeysResult<AwsCredentials> fetched =
      Fetch(base::Deadline::After(kFetchTimeout).Min(deadline), stop);
  const base::Timestamp now = clock_.Now();
  if (fetched && *fetched->expiry <= now) {
    fetched = KeysFail(Reason::kAuth, "the keys that were handed out have expired already",
                       "set this machine's clock right (NTP), or look at the service that hands "
                       "out keys");
  }
  // Where these are refused, whoever wrote that file wonders why others were used.
  if (fetched) {
    const std::string passed_over = ReadSharedFile().passed_over;
    if (!passed_over.empty()) fetched->source += " (" + passed_over + ")";
  }
  lock.lock();
  fetching_ = false;
  changed_.notify_all();
  // A probe that is being stopped says nothing about the service.
  if (!fetched && stop.stopped()) return fetched;
  const KeysResult<AwsCredentials> failure = fetched;
  Keep(std::move(fetched), now);
  if (cached_ && *cached_->expiry > now) return *cached_;
  return failure;
}

void S3Credentials::Reject(const AwsKeys& keys) {
  const std::lock_guard lock(mutex_);
  if (!cached_ || cached_->keys.access_key_id != keys.access_key_id) return;
  const bool handed_out_again = rejected_id_ == keys.access_key_id;
  rejected_id_ = keys.access_key_id;
  if (!handed_out_again || !AskedLately(clock_.Now())) cached_.reset();
}

std::optional<base::Timestamp> S3Credentials::expiry() const {
  const std::lock_guard lock(mutex_);
  return cached_ ? cached_->expiry : std::nullopt;
}

}  // namespace drwatch::net
