#include "net/s3_address.h"

#include <algorithm>

#include "base/strings.h"
#include "net/address.h"

namespace drwatch::net {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::size_t kMaxBucket = 255;  // Amazon's have 63 characters, Ceph's may have more
constexpr std::string_view kBucketCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

bool IsBucket(std::string_view bucket) {
  // "." and ".." would change the path.
  return !bucket.empty() && bucket.size() <= kMaxBucket && bucket[0] != '.' &&
         bucket.find_first_not_of(kBucketCharacters) == bucket.npos;
}

// Whether the bucket can be a part of a host name that a certificate for *.host covers.
bool FitsInHost(std::string_view bucket) {
  return std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string AmazonHost(const std::string& region) {
  return "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

}  // namespace

bool IsS3Region(std::string_view region) {
  constexpr std::size_t kMaxLength = 63;
  return !region.empty() && region.size() <= kMaxLength &&
         std::all_of(region.begin(), region.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

base::Result<S3Address> FindS3Address(const config::S3& config, const std::string& bucket,
                                      const std::string& region) {
  if (!IsBucket(bucket)) return base::Fail("bad bucket name " + base::Quote(bucket));
  if (!IsS3Region(region)) return base::Fail("bad region " + base::Quote(region));
  Url url;
  url.scheme = "https";
  url.host = AmazonHost(region);
  url.port = DefaultPort(url.scheme);
  const bool own = !config.endpoint.empty();
  if (own) {
    base::Result<Url> parsed = ParseUrl(config.endpoint);
    if (!parsed) return base::Wrap("bad endpoint", parsed.error());
    if (parsed->scheme != "http" && parsed->scheme != "https") {
      return base::Fail("the endpoint must begin with http:// or https://");
    }
    if (parsed->host.empty() || parsed->path != "/" || !parsed->query.empty() ||
        !parsed->username.empty()) {
      return base::Fail("the endpoint must be a host and maybe a port, nothing more");
    }
    url = *std::move(parsed);
  }
  const bool path_style = config.path_style.value_or(own || !FitsInHost(bucket));
  S3Address address;
  if (path_style) {
    address.path_prefix = "/" + bucket;
  } else {
    url.host = bucket + "." + url.host;
  }
  Endpoint shown{.host = url.host, .port = url.port, .unix_path = {}};
  if (shown.port == DefaultPort(url.scheme)) shown.port = 0;
  address.host = shown.ToString();
  address.origin = url.scheme + "://" + address.host;
  return address;
}

base::Result<std::pair<std::string, std::string>> ParseS3Path(std::string_view path) {
  if (!path.starts_with(kScheme)) return base::Fail(base::Quote(path) + " is no s3:// address");
  path.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  std::string bucket(path.substr(0, slash));
  if (!IsBucket(bucket)) {
    return base::Fail("bad bucket name " + base::Quote(bucket), "such as s3://bucket/prefix");
  }
  std::string prefix(path.substr(std::min(slash + 1, path.size())));
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  return std::pair(std::move(bucket), std::move(prefix));
}

}  // namespace drwatch::net
