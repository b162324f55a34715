#include "net/s3_hints.h"

#include "base/duration.h"
#include "base/strings.h"
#include "net/s3_operation.h"

namespace drwatch::net {
namespace {

using model::Reason;

// What servers show of their clocks has whole seconds and was some time on its way.
constexpr base::Duration kSameTime = std::chrono::seconds(30);

std::string ApartText(base::Duration apart) {
  return base::FormatDuration(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::abs(apart)));
}

std::string HintForClock(const std::optional<base::Duration>& skew, base::Duration offset) {
  if (!skew) return "compare the clocks of this machine and of the storage: run NTP on both";
  if (std::chrono::abs(*skew) < kSameTime) {
    return "this machine's clock agrees with the one that the storage shows: look at the clocks of "
           "all its servers";
  }
  const bool theirs_is_ahead = *skew > base::Duration(0);
  if (std::chrono::abs(*skew - offset) < kSameTime) {
    return "the storage refuses the very time that it shows, " + ApartText(*skew) +
           (theirs_is_ahead ? " ahead of" : " behind") +
           " this machine's: look at the clocks of all its servers, and at this one's";
  }
  return "set the clocks right (NTP): this machine's is " + ApartText(*skew) +
         (theirs_is_ahead ? " behind" : " ahead of") + " the storage's";
}

// Amazon names the region of a bucket in other refusals, too.
bool IsAboutRegion(const S3Refusal& refusal) {
  return (!refusal.named_region.empty() && refusal.named_region != refusal.region) ||
         IsOneOf(refusal.code,
                 {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
                  "PermanentRedirect", "TemporaryRedirect"});
}

std::string HintForRegion(const S3Refusal& refusal) {
  if (refusal.named_region.empty()) {
    return "the bucket lies in another region than " + base::Quote(refusal.region) +
           ": set \"region\" to its own, or \"endpoint\" to the server that has it";
  }
  return "the bucket lies in region " + base::Quote(refusal.named_region) +
         ": set \"region\" to that, and \"endpoint\" to a server there (Amazon needs none)";
}

// The keys themselves are refused.
std::string HintForRefusedKeys(const S3Refusal& refusal) {
  const std::string keys = "the keys from " + refusal.keys_from;
  if (IsOneOf(refusal.code, {"ExpiredToken", "TokenRefreshRequired"})) {
    return keys + " belong to a session that has ended: put those of a new session there";
  }
  if (IsOneOf(refusal.code, {"InvalidToken", "InvalidSecurity"})) {
    return keys + " and their session token do not belong together: replace all three at once";
  }
  if (refusal.code == "SignatureDoesNotMatch") {
    return "the secret key from " + refusal.keys_from +
           " is not the one of its access key id; if it is, something on the way to " +
           refusal.server + " changes requests";
  }
  if (IsOneOf(refusal.code, {"InvalidAccessKeyId", "InvalidClientTokenId"})) {
    return refusal.server + " does not know the access key id from " + refusal.keys_from +
           ": it was deleted, or belongs to another storage";
  }
  if (IsOneOf(refusal.code, {"NotSignedUp", "AccountProblem", "AllAccessDisabled"})) {
    return "the account of the keys from " + refusal.keys_from + " is closed or not set up for S3";
  }
  return {};
}

std::string HintForFile(const std::string& file) {
  return base::Quote(file) +
         " must be readable for drwatch's user and hold the whole profile: both keys, and the "
         "session token of temporary ones";
}

bool IsSilence(Reason reason) {
  return reason == Reason::kTimeout || reason == Reason::kDns ||
         reason == Reason::kConnectionRefused || reason == Reason::kConnectionReset;
}

std::string HintForTokenService(Reason reason, const std::string& where) {
  if (reason == Reason::kConfig) {
    return "AWS_WEB_IDENTITY_TOKEN_FILE must name the service account's token, readable for "
           "drwatch's user";
  }
  if (reason == Reason::kAuth) {
    return "the token service " + where +
           " refuses: compare the trust policy of the role in AWS_ROLE_ARN with the token's "
           "issuer, "
           "subject, audience and end";
  }
  if (IsSilence(reason)) {
    return "the token service " + where +
           " does not answer: check the network to it; AWS_ENDPOINT_URL_STS and AWS_REGION name "
           "another one";
  }
  return "the token service " + where +
         " is in trouble, or another server answers in its place: AWS_ENDPOINT_URL_STS and "
         "AWS_REGION name it";
}

std::string HintForContainer(Reason reason, const std::string& where) {
  if (reason == Reason::kConfig) {
    return "check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
  }
  if (reason == Reason::kAuth) {
    return "give the task or the pod a role: the container's agent " + where + " hands out none";
  }
  return "look at the container's agent " + where +
         ": the variables AWS_CONTAINER_CREDENTIALS_* name it";
}

std::string HintForInstance(Reason reason, const std::string& where) {
  const std::string name_keys =
      "name keys (access_key_id or credentials_file in \"s3\", or AWS_ACCESS_KEY_ID)";
  if (reason == Reason::kAuth) return name_keys + ", or give the instance a role";
  if (IsSilence(reason)) {
    return name_keys + "; on an instance its metadata at " + where +
           " must be reachable: in a container that takes a hop limit of 2";
  }
  return name_keys + ", or look at what answers at " + where + " in place of the metadata service";
}

}  // namespace

std::string HintForRefusal(const S3Refusal& refusal) {
  if (IsOneOf(refusal.code, {"RequestTimeTooSkewed", "RequestExpired"})) {
    return HintForClock(refusal.clock_skew, refusal.clock_offset);
  }
  if (IsAboutRegion(refusal)) return HintForRegion(refusal);
  if (IsAboutCustomerKey(refusal.code, refusal.said)) {
    return "the object is encrypted with a key that comes with each request (SSE-C), and drwatch "
           "has none: let the bucket encrypt (SSE-S3, SSE-KMS) what it shall read";
  }
  if (std::string keys = HintForRefusedKeys(refusal); !keys.empty()) return keys;
  if (refusal.code == "NoSuchBucket") {
    return refusal.server + " has no bucket " + base::Quote(refusal.bucket) +
           ": check its name in \"path\", and \"endpoint\"";
  }
  if (refusal.status == 403) {
    return "give the keys from " + refusal.keys_from +
           " s3:ListBucket on the bucket and s3:GetObject on what lies in it; check the bucket's "
           "name, too";
  }
  if (refusal.status >= 500 || refusal.status == 429) {
    return refusal.server + " is busy or in trouble: look at the storage itself";
  }
  return {};
}

// Amazon says InvalidRequest, Ceph InvalidArgument.
bool IsAboutCustomerKey(std::string_view code, std::string_view said) {
  return code == "ResourceIsEncryptedWithCustomerEncryptionKey" ||  // Google
         (code.starts_with("Invalid") && said.find("Server Side Encryption") != said.npos);
}

std::string HintForBucket(Reason reason) {
  switch (reason) {
    case Reason::kDns:
    case Reason::kConnectionRefused:
    case Reason::kConnectionReset:
    case Reason::kTimeout:
      return "nothing answers there: check the endpoint, the network, and what should answer";
    case Reason::kTls:
    case Reason::kCertificateExpired:
      return "check the certificate and the endpoint; tls.ca_file names an authority of your own";
    case Reason::kProtocol:
    case Reason::kUnexpectedStatus:
    case Reason::kTooManyConnections:
      return "it does not answer as S3 should: check endpoint and region, and how the storage is";
    case Reason::kLimit:
    case Reason::kConfig:
      return {};
    default:
      return "check path, region and keys; they need s3:ListBucket and s3:GetObject";
  }
}

std::string HintForKeys(KeySource source, Reason reason, const std::string& where) {
  switch (source) {
    case KeySource::kFile:
      return HintForFile(where);
    case KeySource::kWebIdentity:
      return HintForTokenService(reason, where);
    case KeySource::kContainer:
      return HintForContainer(reason, where);
    case KeySource::kInstance:
      return HintForInstance(reason, where);
  }
  return {};
}

}  // namespace drwatch::net
