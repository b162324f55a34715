// Where a bucket is asked: Amazon's servers of its region, or an endpoint of one's own. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "config/backup_probe_config.h"

namespace drwatch::net {

struct S3Address {
  std::string origin;       // "https://bucket.s3.eu-west-1.amazonaws.com", "http://[::1]:9000"
  std::string host;         // as the Host header has it
  std::string path_prefix;  // "/bucket" in path style, else ""
};

// Errors: an endpoint that is no http or https URL, or holds more than host and port; a bucket or
// region with characters that neither has.
base::Result<S3Address> FindS3Address(const config::S3& config, const std::string& bucket,
                                      const std::string& region);

// "s3://bucket/some/prefix" -> {"bucket", "some/prefix/"}; the prefix is empty or ends with '/'.
// Errors: another scheme, no bucket.
base::Result<std::pair<std::string, std::string>> ParseS3Path(std::string_view path);

// 1 to 63 letters, digits and dashes: what may stand in a host name.
bool IsS3Region(std::string_view region);

}  // namespace drwatch::net
