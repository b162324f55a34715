// What an S3Client is told about the settings of its bucket.
#include "net/s3_operation.h"

namespace drwatch::net {
namespace {

// What was never set for a bucket has an error of its own.
bool IsUnset(const S3Error& error) {
  return error.status == 404 &&
         IsOneOf(error.code,
                 {"ServerSideEncryptionConfigurationNotFoundError",
                  "ObjectLockConfigurationNotFoundError", "NoSuchLifecycleConfiguration",
                  "ReplicationConfigurationNotFoundError", "NoSuchReplicationConfiguration"});
}

// An answer that says that nothing was set is as good as one that holds what is set.
template <typename T, typename Parse>
S3Result<T> ReadSetting(S3Result<HttpResponse> response, Parse parse) {
  if (!response) {
    if (IsUnset(response.error())) return T();
    return tl::unexpected(std::move(response.error()));
  }
  base::Result<T> parsed = parse(response->body);
  if (parsed) return *std::move(parsed);
  return tl::unexpected(S3ErrorOf(model::Reason::kProtocol, parsed.error().message));
}

}  // namespace

S3Result<HttpResponse> S3Client::GetBucket(std::string_view what, const S3Call& call) {
  Operation operation("bucket");
  operation.query = {{std::string(what), ""}};
  return Send(operation, call);
}

S3Result<S3Versioning> S3Client::GetVersioning(const S3Call& call) {
  return ReadSetting<S3Versioning>(GetBucket("versioning", call), ParseVersioning);
}
S3Result<std::string> S3Client::GetEncryption(const S3Call& call) {
  return ReadSetting<std::string>(GetBucket("encryption", call), ParseEncryption);
}
S3Result<S3ObjectLock> S3Client::GetObjectLock(const S3Call& call) {
  return ReadSetting<S3ObjectLock>(GetBucket("object-lock", call), ParseObjectLock);
}
S3Result<std::vector<S3LifecycleRule>> S3Client::GetLifecycle(const S3Call& call) {
  return ReadSetting<std::vector<S3LifecycleRule>>(GetBucket("lifecycle", call), ParseLifecycle);
}
S3Result<std::vector<std::string>> S3Client::GetReplication(const S3Call& call) {
  return ReadSetting<std::vector<std::string>>(GetBucket("replication", call), ParseReplication);
}

}  // namespace drwatch::net
