#include "net/s3.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"
#include "net/aws_time.h"
#include "net/s3_address.h"
#include "net/s3_head.h"
#include "net/s3_operation.h"

namespace drwatch::net {
namespace {

using model::Reason;

constexpr std::string_view kDefaultRegion = "us-east-1";
// Amazon refuses requests whose clock is off by 15 minutes.
constexpr base::Duration kClockMatters = std::chrono::minutes(5);
constexpr std::int64_t kMaxErrorBytes = 64 << 10;
constexpr base::Duration kLongestPause = std::chrono::seconds(20);

TlsOptions ToTlsOptions(const config::Tls& tls) {
  TlsOptions options;
  options.ca_file = tls.ca_file;
  options.cert_file = tls.cert_file;
  options.key_file = tls.key_file;
  options.server_name = tls.server_name;
  options.insecure_skip_verify = tls.insecure_skip_verify;
  return options;
}

Reason ReasonOf(int status, std::string_view code) {
  if (IsOneOf(code, {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
                     "TokenRefreshRequired", "RequestTimeTooSkewed", "RequestExpired",
                     "InvalidSecurity", "AuthorizationHeaderMalformed", "NotSignedUp",
                     "AccountProblem", "InvalidClientTokenId"})) {
    return Reason::kAuth;
  }
  if (code == "InvalidObjectState" || status == 412) return Reason::kUnverified;
  if (status == 401) return Reason::kAuth;
  if (status == 403) return Reason::kPermission;
  if (status == 404) return Reason::kNotFound;
  return Reason::kUnexpectedStatus;
}

// The region that an answer names; empty: none.
std::string RegionIn(const HttpResponse& response, const S3ErrorText& text) {
  const std::string region = response.Header("x-amz-bucket-region");
  return region.empty() ? text.region : region;
}

// A pause that grows from attempt to attempt, of random length so that many clients do not come
// back together.
base::Duration PauseBefore(int attempt, const HttpOutcome& outcome) {
  if (outcome.response) {
    const auto seconds = base::ParseInt(outcome.response->Header("retry-after"));
    if (seconds && *seconds >= 0 && *seconds < 3600) return std::chrono::seconds(*seconds);
  }
  const base::Duration longest = std::min(kLongestPause, S3Client::kFirstPause * (1 << attempt));
  const auto random = static_cast<unsigned char>(base::RandomBytes(1)[0]);
  return longest / 2 + longest / 2 * random / 255;
}

}  // namespace

std::string S3Client::Operation::Name(const std::string& bucket) const {
  // A name is somebody else's text of up to 1024 bytes.
  const std::string shown = base::Quote(base::Truncate("s3://" + bucket + "/" + key, 200));
  return method + " " + shown.substr(1, shown.size() - 2) +
         (counter == "bucket" ? "?" + query[0].first : "");
}

// What was done already to make one request work.
struct S3Client::Attempts {
  int pauses = 0;
  bool region = false;
  bool clock = false;
  bool keys = false;
};

S3Client::S3Client(config::S3 config, std::string bucket, const base::Clock& clock,
                   const Variables& variables, std::shared_ptr<S3Budget> budget)
    : config_(std::move(config)),
      bucket_(std::move(bucket)),
      clock_(clock),
      credentials_(config_, clock, variables),
      budget_(budget != nullptr ? std::move(budget) : std::make_shared<S3Budget>()) {
  region_ = config_.region;
  if (region_.empty()) region_ = variables("AWS_REGION");
  if (region_.empty()) region_ = variables("AWS_DEFAULT_REGION");
  if (region_.empty()) region_ = kDefaultRegion;
}

S3Stats S3Client::stats() const {
  const std::lock_guard lock(mutex_);
  S3Stats stats = stats_;
  stats.keys_expire = credentials_.expiry();
  return stats;
}

// Counts one more request against the day and finds the keys for it.
tl::expected<AwsCredentials, S3Error> S3Client::StartRequest(Operation& operation,
                                                             const S3Call& call) {
  KeysResult<AwsCredentials> credentials = credentials_.Get(call.deadline, call.stop);
  if (!credentials) {
    S3Error error = S3ErrorOf(credentials.error().reason, std::move(credentials.error().message));
    error.hint = std::move(credentials.error().hint);
    return tl::unexpected(std::move(error));
  }
  const base::Result<std::int64_t> granted =
      budget_->Begin(config_, clock_.Now(), operation.wanted);
  if (!granted) return tl::unexpected(S3ErrorOf(Reason::kLimit, granted.error().message));
  operation.granted = *granted;
  const std::lock_guard lock(mutex_);
  ++stats_.requests[operation.counter];
  return *std::move(credentials);
}

S3Result<HttpRequest> S3Client::Build(const Operation& operation, const AwsKeys& keys) const {
  if (operation.key.size() > kMaxS3KeyBytes) {
    return tl::unexpected(S3ErrorOf(Reason::kLimit, "an object's name cannot be longer than " +
                                                        std::to_string(kMaxS3KeyBytes) + " bytes"));
  }
  std::string region;
  base::Duration offset{};
  {
    const std::lock_guard lock(mutex_);
    region = region_;
    offset = clock_offset_;
  }
  HttpRequest request;
  request.method = operation.method;
  request.tls = ToTlsOptions(config_.tls);
  request.max_body_bytes = operation.max_body_bytes;
  request.fresh_connection = false;
  request.decompress = false;
  request.http_1_1 = true;
  const base::Result<S3Address> address = FindS3Address(config_, bucket_, region);
  if (!address) return tl::unexpected(S3ErrorOf(Reason::kConfig, address.error().message));
  SigV4Request to_sign;
  to_sign.method = operation.method;
  to_sign.host = address->host;
  to_sign.path = address->path_prefix + "/" + operation.key;
  to_sign.query = operation.query;
  to_sign.headers = operation.headers;
  if (operation.wanted > 0) {
    const std::int64_t last = operation.offset + operation.granted - 1;
    to_sign.headers.emplace_back(
        "Range", "bytes=" + std::to_string(operation.offset) + "-" + std::to_string(last));
  }
  SignedRequest ready = SignV4(to_sign, keys, {region, "s3"}, clock_.Now() + offset);
  request.url = base::Secret(address->origin + ready.target);
  request.headers = std::move(ready.headers);
  // Google unpacks objects that were stored as gzip unless it is told that they may stay packed.
  if (operation.counter == "get") request.headers.emplace_back("Accept-Encoding", "gzip");
  return request;
}

std::string S3Client::Advise(const S3Error& error, const HttpResponse& response,
                             const AwsCredentials& credentials) const {
  const S3ErrorText text = ParseS3Error(response.body);
  S3Refusal refusal;
  refusal.status = error.status;
  refusal.code = error.code;
  refusal.said = text.message;
  refusal.bucket = bucket_;
  refusal.keys_from = credentials.source;
  refusal.named_region = RegionIn(response, text);
  {
    const std::lock_guard lock(mutex_);
    refusal.region = region_;
    refusal.clock_skew = stats_.clock_skew;
    refusal.clock_offset = clock_offset_;
  }
  // A proxy may have written the header that the other one is from.
  if (text.server_time) refusal.clock_skew = *text.server_time - clock_.Now();
  // It was asked, so it has an address.
  refusal.server = FindS3Address(config_, bucket_, refusal.region)->origin;
  std::string hint = HintForRefusal(refusal);
  return hint.empty() ? HintForBucket(error.reason) : hint;
}

S3Error S3Client::Explain(const Operation& operation, const HttpOutcome& outcome,
                          const AwsCredentials& credentials) const {
  if (outcome.error) return S3ErrorOf(outcome.error->reason, outcome.error->message);
  const HttpResponse& response = *outcome.response;
  const S3ErrorText text = ParseS3Error(response.body);
  S3Error error;
  error.status = response.status;
  error.code = text.code;
  error.reason = ReasonOf(response.status, text.code);
  error.message = operation.Name(bucket_) + ": " + std::to_string(response.status);
  if (!text.code.empty()) error.message += " " + text.code;
  for (const std::string& said : {text.message, text.details}) {
    if (said.empty()) continue;
    const std::string quoted = base::Quote(said);
    error.message += ": " + quoted.substr(1, quoted.size() - 2);
  }
  if (error.reason == Reason::kPermission) error.message += "; it may be there all the same";
  if (response.status >= 300 && response.status < 400) {
    error.message += ": leads to another place, which is not followed";
  }
  error.hint = Advise(error, response, credentials);
  return error;
}

void S3Client::Count(const Operation& operation, const HttpOutcome& outcome) {
  budget_->End(operation.granted, outcome.body_bytes);
  const std::lock_guard lock(mutex_);
  stats_.received_bytes += outcome.body_bytes;
  if (!outcome.response) return;
  const auto date = ParseHttpTime(outcome.response->Header("date"));
  if (!date) return;
  stats_.clock_skew = *date - std::chrono::floor<std::chrono::seconds>(clock_.Now());
  // Our clock was set right meanwhile.
  const bool right = std::chrono::abs(*stats_.clock_skew) < kClockMatters;
  if (right && date_is_theirs_) clock_offset_ = base::Duration(0);
}

bool S3Client::LearnRegion(const HttpResponse& response, Attempts& attempts) {
  if (attempts.region || !IsOneOf(std::to_string(response.status), {"301", "307", "400", "403"})) {
    return false;
  }
  std::string region = RegionIn(response, ParseS3Error(response.body));
  const std::lock_guard lock(mutex_);
  // It becomes a part of the host that is asked next.
  if (!IsS3Region(region) || region == region_) return false;
  region_ = std::move(region);
  attempts.region = true;
  return true;
}

bool S3Client::LearnClock(const HttpResponse& response, const S3Error& error, Attempts& attempts) {
  // A HEAD says nothing of the reason, but shows the server's clock as any answer.
  const bool may_be =
      response.status == 403 &&
      (error.code.empty() ||
       IsOneOf(error.code, {"RequestTimeTooSkewed", "RequestExpired", "AccessDenied"}));
  if (attempts.clock || !may_be) return false;
  // A proxy may have written the header: then it is no measure of any other answer either.
  const std::optional<base::Timestamp> said = ParseS3Error(response.body).server_time;
  const std::optional<base::Timestamp> shown = ParseHttpTime(response.Header("date"));
  const std::lock_guard lock(mutex_);
  if (said && shown) date_is_theirs_ = std::chrono::abs(*said - *shown) < kClockMatters;
  if (!said && (!shown || !date_is_theirs_)) return false;
  const base::Duration skew = said.value_or(shown.value_or(base::Timestamp{})) - clock_.Now();
  if (std::chrono::abs(skew - clock_offset_) < kClockMatters) return false;
  clock_offset_ = skew;
  attempts.clock = true;
  return true;
}

S3Client::Next S3Client::Decide(const Operation& operation, const HttpOutcome& outcome,
                                const S3Error& error, const AwsKeys& keys, Attempts& attempts) {
  if (outcome.error) {
    return outcome.error->reason == Reason::kConnectionReset ? Next::kPause : Next::kFail;
  }
  const HttpResponse& response = *outcome.response;
  if (LearnClock(response, error, attempts) || LearnRegion(response, attempts)) return Next::kAgain;
  const bool hidden = operation.method == "HEAD" && response.status == 400;
  if (!attempts.keys && !keys.session_token.empty() &&
      (hidden || IsOneOf(error.code, {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}))) {
    attempts.keys = true;
    credentials_.Reject(keys);
    return Next::kAgain;
  }
  const int status = response.status;
  const bool busy = status == 429 || status == 500 || status == 502 || status == 503 ||
                    status == 504 || error.code == "RequestTimeout" || error.code == "SlowDown";
  return busy ? Next::kPause : Next::kFail;
}

S3Result<HttpResponse> S3Client::Send(Operation& operation, const S3Call& call) {
  Attempts attempts;
  while (true) {
    tl::expected<AwsCredentials, S3Error> credentials = StartRequest(operation, call);
    if (!credentials) return tl::unexpected(std::move(credentials.error()));
    S3Result<HttpRequest> request = Build(operation, credentials->keys);
    if (!request) {
      budget_->End(operation.granted, 0);
      return tl::unexpected(std::move(request.error()));
    }
    HttpOutcome outcome = Fetch(*request, call.deadline, call.stop);
    Count(operation, outcome);
    if (outcome.response && outcome.response->status / 100 == 2) {
      return std::move(*outcome.response);
    }
    S3Error error = Explain(operation, outcome, *credentials);
    const Next next = Decide(operation, outcome, error, credentials->keys, attempts);
    if (next == Next::kAgain) continue;
    if (next == Next::kFail || ++attempts.pauses == kMaxAttempts) {
      return tl::unexpected(std::move(error));
    }
    const base::Duration pause = PauseBefore(attempts.pauses - 1, outcome);
    if (pause >= call.deadline.Remaining() || call.stop.Wait(base::Deadline::After(pause))) {
      return tl::unexpected(std::move(error));
    }
  }
}

S3Result<S3Head> S3Client::Head(const std::string& key, const S3Call& call, int part) {
  Operation operation("head", key, "HEAD");
  operation.headers = {{"x-amz-checksum-mode", "ENABLED"}};
  if (part > 0) operation.query = {{"partNumber", std::to_string(part)}};
  S3Result<HttpResponse> response = Send(operation, call);
  if (!response) return tl::unexpected(std::move(response.error()));
  base::Result<S3Head> head = ParseS3Head(*response);
  if (head) return *std::move(head);
  return tl::unexpected(
      S3ErrorOf(Reason::kProtocol, operation.Name(bucket_) + ": " + head.error().message));
}

S3Result<S3Range> S3Client::Get(const std::string& key, std::int64_t offset, std::int64_t size,
                                const std::string& etag, const S3Call& call) {
  size = std::clamp<std::int64_t>(size, 1, kMaxRangeBytes);
  Operation operation("get", key);
  operation.max_body_bytes = std::max(size, kMaxErrorBytes);
  operation.offset = offset;
  operation.wanted = size;
  if (!etag.empty()) operation.headers.emplace_back("If-Match", "\"" + etag + "\"");
  S3Result<HttpResponse> response = Send(operation, call);
  if (!response) {
    // An empty object has no byte to begin with.
    if (response.error().status == 416 && offset == 0) return S3Range{};
    return tl::unexpected(std::move(response.error()));
  }
  base::Result<std::int64_t> whole = CheckRange(*response, offset, operation.granted);
  if (!whole) {
    return tl::unexpected(
        S3ErrorOf(Reason::kProtocol, operation.Name(bucket_) + ": " + whole.error().message));
  }
  if (operation.granted < std::min(size, *whole - offset)) {
    return tl::unexpected(S3ErrorOf(
        Reason::kLimit, "max_bytes_per_day (" + std::to_string(config_.max_bytes_per_day) +
                            ") is used up until 00:00 UTC: " + operation.Name(bucket_) +
                            " is longer than what was left"));
  }
  return S3Range{std::move(response->body), *whole, WithoutQuotes(response->Header("etag"))};
}

}  // namespace drwatch::net
