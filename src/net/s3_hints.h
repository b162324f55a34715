// What to do when S3, or a service that hands out keys for it, refuses. It is said nowhere else.
// Pure; what comes in holds no secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/probe_result.h"

namespace drwatch::net {

// An answer of S3 that is an error, and what is known beside it.
struct S3Refusal {
  int status = 0;
  std::string_view code;                     // S3's own word; may be empty
  std::string_view said;                     // its text; may be empty
  std::string_view bucket;                   // its name
  std::string server;                        // "https://s3.eu-west-1.amazonaws.com": who was asked
  std::string keys_from;                     // AwsCredentials::source
  std::string region;                        // that was asked
  std::string named_region;                  // that the answer names; may be empty
  std::optional<base::Duration> clock_skew;  // the server's clock minus ours
  base::Duration clock_offset{};             // the time that was signed minus our clock
};
// Empty: nothing more is known than the reason tells.
std::string HintForRefusal(const S3Refusal& refusal);

// Whether S3 says that an object is encrypted with a key that has to come with each request
// (SSE-C).
bool IsAboutCustomerKey(std::string_view code, std::string_view said);

// For errors of which only the reason is known. Empty where the message tells what to do.
std::string HintForBucket(model::Reason reason);

// Where keys come from that cannot be had.
enum class KeySource { kFile, kWebIdentity, kContainer, kInstance };
// `where`: the file's path, or the service's origin ("https://sts.eu-west-1.amazonaws.com").
std::string HintForKeys(KeySource source, model::Reason reason, const std::string& where);

}  // namespace drwatch::net
