#include "base/strings.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

constexpr std::string_view kScheme = "s3://";

// What can be told of a bucket's address without asking: the rest shows when it is asked.
bool IsBucketAddress(std::string_view path) {
  path.remove_prefix(kScheme.size());
  const std::string_view bucket = path.substr(0, path.find('/'));
  return !bucket.empty() && bucket[0] != '.' &&
         bucket.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789-._") == bucket.npos;
}

void CheckEndpoint(MapReader& reader, const std::string& endpoint) {
  if (endpoint.empty()) return;
  std::string_view rest = endpoint;
  rest.remove_prefix(std::min(rest.find("://") + 3, rest.size()));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") == rest.npos) return;
  reader.Error(*reader.Take("endpoint"), "\"endpoint\" must be a host and maybe a port",
               "such as https://ceph:7480; the bucket stands in \"path\"");
}

void CheckKeys(MapReader& reader, const S3& s3) {
  if (s3.access_key_id.empty() != s3.secret_access_key.empty()) {
    reader.Error(reader.node(), "\"access_key_id\" and \"secret_access_key\" belong together");
  }
  if (!s3.access_key_id.empty() && !s3.credentials_file.empty()) {
    reader.Error(*reader.Take("credentials_file"),
                 "\"access_key_id\" and \"credentials_file\" are both given", "keep one of them");
  }
  if (s3.access_key_id.empty() && !s3.session_token.empty()) {
    reader.Error(reader.node(), "\"session_token\" without \"access_key_id\" means nothing");
  }
}

S3 ReadS3(const Node& node, ReadContext& context) {
  S3 s3;
  MapReader reader(node, context.problems, "s3");
  GetName(reader, "region", s3.region);
  GetHttpUrl(reader, "endpoint", s3.endpoint);
  CheckEndpoint(reader, s3.endpoint);
  GetOptional(reader, "path_style", s3.path_style);
  GetName(reader, "access_key_id", s3.access_key_id);
  GetSecret(reader, "secret_access_key", context, s3.secret_access_key);
  GetSecret(reader, "session_token", context, s3.session_token);
  GetFile(reader, "credentials_file", context, s3.credentials_file);
  GetName(reader, "profile", s3.profile);
  GetTls(reader, context, s3.tls);
  std::optional<int> requests;
  GetAtLeast(reader, "max_requests_per_day", 1, requests);
  s3.max_requests_per_day = requests.value_or(0);
  if (reader.Has("max_bytes_per_day")) {
    s3.max_bytes_per_day = 1;
    GetPositiveSize(reader, "max_bytes_per_day", s3.max_bytes_per_day);
  }
  CheckKeys(reader, s3);
  reader.Finish();
  return s3;
}

// No shell reads it.
void WarnOfShellPath(const Node& path, ReadContext& context) {
  if (path.scalar.starts_with('~')) {
    context.problems.AddWarning(path.position,
                                "\"path\" begins with ~, which is taken as it stands",
                                "name the home folder in full");
  } else if (path.scalar.find('*') != std::string::npos) {
    context.problems.AddWarning(
        path.position, "\"path\" has a * in it, which is taken as it stands",
        "of a backup probe \"pattern\" and \"recursive\" choose what is below");
  }
}

}  // namespace

void GetPlace(MapReader& reader, ReadContext& context, PlaceAddress& out) {
  const Node* path = reader.Require("path");
  const Node* s3 = reader.Take("s3");
  if (s3 != nullptr) out.s3 = ReadS3(*s3, context);
  if (path == nullptr) return;
  if (path->scalar.find("://") == std::string::npos) {
    GetPath(reader, "path", context, out.path);
    WarnOfShellPath(*path, context);
    if (s3 != nullptr) {
      reader.Error(*s3, "\"s3\" without a path that begins with s3:// means nothing");
    }
    return;
  }
  GetName(reader, "path", out.path);
  if (out.path.starts_with(kScheme) && IsBucketAddress(out.path)) {
    // A slash that another one precedes is a part of the keys.
    if (out.path.ends_with('/') && !out.path.ends_with("//")) out.path.pop_back();
    return;
  }
  const bool google = out.path.starts_with("gs://");
  reader.Error(*path, "\"path\" must be a folder or a bucket with a prefix",
               google ? "Google's buckets are read as s3:// with \"endpoint\" "
                        "https://storage.googleapis.com and HMAC keys, see docs/s3.md"
                      : "such as /backup/daily or s3://company-backups/daily");
}

void GetBucketPromises(MapReader& reader, ReadContext& context, BackupProbe& probe) {
  const Node* node = reader.Take("expect");
  if (node == nullptr) return;
  MapReader expect(*node, context.problems, "expect of a backup probe");
  GetOptional(expect, "encrypted", probe.expect.encrypted);
  GetOptional(expect, "versioning", probe.expect.versioning);
  GetOptional(expect, "object_lock", probe.expect.object_lock);
  GetOptional(expect, "replicated", probe.expect.replicated);
  expect.Finish();
  if (!probe.place.path.starts_with(kScheme)) {
    reader.Error(*node, "\"expect\" is about a bucket, and the path is a folder");
  }
}

}  // namespace drwatch::config
