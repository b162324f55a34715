// What is known of a bucket and of the newest backup in it, and what the plan's promises make of
// it. Pure, no I/O.
//
// A fact that could not be looked at (403) is unknown, never "no": it is absent, and no check
// speaks of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/artefact.h"
#include "config/config.h"
#include "net/s3.h"
#include "probes/backup_judge.h"

namespace drwatch::probes {

// How long a copy to another bucket may take (Amazon promises 15 minutes for most).
inline constexpr base::Duration kReplicationGrace = std::chrono::hours(1);
// An upload that was begun so long ago will not be completed.
inline constexpr base::Duration kStaleUpload = std::chrono::hours(24);

// Each as last seen; nullopt = not known.
struct BucketFacts {
  std::optional<net::S3Versioning> versioning;
  std::optional<std::string> encryption;  // of new objects; "" = none
  std::optional<net::S3ObjectLock> object_lock;
  std::optional<std::vector<net::S3LifecycleRule>> lifecycle;
  std::optional<std::vector<net::S3Upload>> uploads;  // below the place
  // The object that stands for the newest backup.
  std::string newest_key;
  std::optional<net::S3Head> newest;
  std::optional<int> replication_failed;  // of the newest backups
};

// Of the newest backup, or else of the bucket's new objects.
std::optional<bool> IsEncrypted(const BucketFacts& facts);
// Until when the newest backup cannot be deleted. nullopt: not locked, or not known.
std::optional<base::Timestamp> LockedUntil(const BucketFacts& facts);
// The age at which the bucket deletes the newest backup (or whatever lies below `prefix`), by what
// its headers say and by the lifecycle rules that hold for it. nullopt: never, or not known.
std::optional<base::Duration> LifecycleExpiration(const BucketFacts& facts,
                                                  const std::string& prefix);
// How long the storage class of an object takes until it can be read: 0 for most.
base::Duration DelayOf(const net::S3Head& head);
// Of the newest backup.
std::optional<base::Duration> RetrievalDelay(const BucketFacts& facts);
std::optional<int> StaleUploads(const BucketFacts& facts, base::Timestamp now);

// The checks "encrypted", "versioning", "object_lock", "replicated" as far as they are promised and
// known, and "lifecycle" if the bucket deletes before `retention` ends. None is worse than a
// warning: the backup itself is there.
std::vector<BackupCheck> JudgeBucket(const config::BackupProbe& spec, const BucketFacts& facts,
                                     const std::string& prefix, base::Timestamp now);

}  // namespace drwatch::probes
