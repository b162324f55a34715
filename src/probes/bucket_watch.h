// Looks at a bucket's settings and at its newest backups' headers from time to time, and reports
// them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/s3_place.h"
#include "probes/bucket_facts.h"
#include "probes/probe.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// Belongs to one probe; one thread at a time.
class BucketWatch {
 public:
  // Settings change rarely and each costs a request.
  static constexpr base::Duration kEvery = std::chrono::minutes(15);
  // After a look that the network or the server cut short.
  static constexpr base::Duration kRetryAfter = std::chrono::minutes(1);
  // Backups whose replication is watched, newest first.
  static constexpr std::size_t kWatchedBackups = 5;
  // Locks that are remembered of what these need.
  static constexpr std::size_t kMaxNeeds = 1000;

  // Both outlive this.
  BucketWatch(const config::BackupProbe& spec, catalog::S3Place& place)
      : spec_(spec), place_(place) {}

  // Looks if it is time to, or if the newest backup is another one, until the deadline at most.
  // `complete` as catalog::Listing has it.
  void Look(const std::vector<catalog::Artefact>& complete, base::Timestamp now,
            base::Deadline deadline, const base::StopToken& stop);
  // The facts as metrics with `labels`. The checks are the caller's to report.
  void Report(ProbeReport& report, const model::Labels& labels, base::Timestamp now) const;
  // What asking costs, and whether the clocks and keys are right: also of a place that cannot be
  // looked at.
  void ReportAccess(ProbeReport& report, const model::Labels& labels) const;
  std::vector<BackupCheck> Checks(base::Timestamp now) const;
  // What headers told of the copies: until when they are locked, their digest, and how long it
  // takes until they can be read. `copies` stand for the newest of `complete`.
  void Complete(const std::vector<catalog::Artefact>& complete,
                std::vector<model::StoredCopy>& copies) const;

 private:
  void LookAtSettings(const net::S3Call& call);
  void LookAtBackups(const std::vector<catalog::Artefact>& complete, const net::S3Call& call);
  void Remember(const catalog::Artefact& artefact, const net::S3Head& head,
                const net::S3Call& call);
  std::optional<base::Timestamp> LockOfNeeds(const catalog::Artefact& artefact,
                                             const net::S3Call& call);
  std::optional<base::Timestamp> LockUnder(const std::string& prefix, const net::S3Call& call);
  void Forget(const std::vector<catalog::Artefact>& complete);
  std::string NameOf(const catalog::Artefact& artefact) const;
  std::string KeyOf(const catalog::Artefact& artefact, const net::S3Call& call);
  std::string LargestUnder(const std::string& prefix, const net::S3Call& call);
  template <typename T>
  void Take(net::S3Result<T> result, std::optional<T>& fact);

  const config::BackupProbe& spec_;
  catalog::S3Place& place_;
  BucketFacts facts_;
  std::optional<base::Timestamp> looked_;
  bool cut_short_ = false;  // the last look
  std::uint64_t newest_fingerprint_ = 0;
  // What headers said, by path.
  struct Told {
    std::uint64_t fingerprint = 0;
    base::Timestamp locked_until{};
    std::string digest;  // as model::StoredCopy
    base::Duration retrieval{0};
  };
  const Told* Find(const catalog::Artefact& artefact) const;
  std::map<std::string, Told> told_;
  // Locks of what backups need beside their own objects, by the prefix of its names.
  std::map<std::string, base::Timestamp> needs_;
  // Of backups that were replicated, by path: they need no other look.
  std::map<std::string, std::uint64_t> replicated_;
};

}  // namespace drwatch::probes
