// The places where AWS keys come from, each read once. Used by s3_credentials.cc only. Messages
// never hold what was read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/s3_credentials.h"

namespace drwatch::net {

// The keys of `[profile]` in the text of a credentials file, one or both of them empty if it lacks
// them. nullopt: there is no such profile.
std::optional<AwsKeys> ParseProfile(std::string_view text, std::string_view profile);

// Exchanges a service account's token for keys at the security token service
// (AssumeRoleWithWebIdentity).
struct WebIdentity {
  std::string endpoint;  // "https://sts.eu-west-1.amazonaws.com"
  std::string token_file;
  std::string role_arn;
  std::string session_name;
};
NetResult<AwsCredentials> FetchWebIdentity(const WebIdentity& identity, base::Deadline deadline,
                                           const base::StopToken& stop);

// Asks a container's credentials endpoint (ECS, EKS Pod Identity). It must be https, or on this
// machine, or one of the addresses that Amazon gives it.
struct ContainerEndpoint {
  std::string url;
  base::Secret token;      // sent as Authorization; may be empty
  std::string token_file;  // read each time, before `token`
};
NetResult<AwsCredentials> FetchContainer(const ContainerEndpoint& container,
                                         base::Deadline deadline, const base::StopToken& stop);

// Asks the instance metadata service, version 2. `endpoint` is "http://169.254.169.254".
NetResult<AwsCredentials> FetchInstance(const std::string& endpoint, base::Deadline deadline,
                                        const base::StopToken& stop);

}  // namespace drwatch::net
