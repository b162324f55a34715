// Is there a newest good backup in a folder or a bucket: complete, fresh, large enough, intact,
// kept long enough, with room for the next one? The rule of backup_success stands in
// backup_judge.h.
//
// A run lists the folder and reads the verdicts there are. Artefacts of up to kInlineBytes are
// verified within the run, so that a truncated or replaced one is seen at once; larger ones by a
// background thread at the configured rate, and the run does not wait for it. While the newest is
// not good the older ones are read, newest first, until one is: kMaxInline in a run. An only run
// (--once) reads whatever its time suffices for, and leaves nothing to the
// background: what neither it nor a service with the same state has read is unknown.
//
// A place that cannot be looked at says nothing about the backups in it: what was seen last stands
// in, and is judged as it ages. Without any, since the program was started, backup_success is
// absent. A place that does not exist is no backup at once.
// While the only artefact is being replaced the last one stands in as long as it is fresh. A small
// artefact that changed within quiet_time counts as complete as soon as reading it proves it whole,
// or proves that it is something else (an error page). One that ends half-way is taken for one that
// is still being written (a dump that waits for a lock) while its slot's grace lasts, or for
// kUnfinishedQuiets times quiet_time after its last change: the one before it stands in if nothing
// speaks against that. Objects of a bucket appear whole, but for the pieces of a dump. For the same
// time a dump waits for its checksum file, and a checksum file for its dump (backup_unfinished.h).
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "catalog/artefact_catalog.h"
#include "catalog/s3_place.h"
#include "probes/backup_archives.h"
#include "probes/backup_chains.h"
#include "probes/backup_history.h"
#include "probes/backup_judge.h"
#include "probes/backup_kept.h"
#include "probes/backup_latest.h"
#include "probes/backup_unfinished.h"
#include "probes/backup_verifier.h"
#include "probes/bucket_watch.h"
#include "probes/probe.h"
#include "probes/probe_report.h"
#include "probes/seen_backups.h"
#include "probes/unnamed_repository.h"

namespace drwatch::probes {

class BackupProbe final : public Probe {
 public:
  // `config.spec` holds a config::BackupProbe.
  BackupProbe(const config::Probe& config, const ProbeServices& services);

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override;

  // Waits until no background verification runs. False if the deadline came first.
  bool WaitIdle(base::Deadline deadline) const { return verifier_.WaitIdle(deadline); }

 private:
  IsLeft Left() const;
  void LookCloser(catalog::Listing& listing, const RunContext& context);
  void VerifyNewest(catalog::Listing& listing, const RunContext& context);
  void VerifyBefore(std::size_t strangers, const std::vector<catalog::Artefact>& all,
                    const RunContext& context);
  void VerifyWhatIsDue(const std::vector<catalog::Artefact>& complete, const RunContext& context);
  void VerifyBelow(const std::vector<catalog::Artefact>& complete, const RunContext& context);
  void VerifyKept(const catalog::ArtefactList& complete, const RunContext& context);
  bool RefusesToRead(const catalog::Artefact& artefact);
  bool Verify(const catalog::Artefact& artefact, base::Duration time, const RunContext& context);
  base::Duration TimeInRun(const catalog::Artefact& artefact, const RunContext& context) const;
  base::Duration TimeInOnlyRun(const catalog::Artefact& artefact, const catalog::Artefact& newest,
                               const RunContext& context) const;
  void StandIn(catalog::Listing& listing);
  void ReportBlind(ProbeReport& report, const catalog::Finding& blind) const;
  void ReportPlace(ProbeReport& report, const catalog::Listing& listing) const;
  void ReportSuccess(ProbeReport& report, bool success) const;
  void ReportState(ProbeReport& report, const catalog::Listing& listing, const BackupState& state,
                   const SoundBackups& sound, base::Timestamp now) const;
  void ReportTotals(ProbeReport& report, const catalog::ArtefactList& complete);
  void ReportChecks(ProbeReport& report, const std::vector<BackupCheck>& checks) const;
  void ReportHistory(ProbeReport& report, const catalog::Listing& listing,
                     const SoundBackups& sound, base::Timestamp now) const;
  void ReportVerification(ProbeReport& report, const BackupState& state) const;
  void ReportBucket(ProbeReport& report, base::Timestamp now,
                    const std::vector<catalog::Artefact>& complete,
                    std::vector<model::StoredCopy>& copies) const;
  void ReportSpace(ProbeReport& report) const;
  void ReportPresumed(ProbeReport& report, const catalog::Listing& listing,
                      base::Timestamp now) const;
  void ReportLatestGood(ProbeReport& report, const LatestGoodEvidence& evidence,
                        base::Timestamp now) const;
  std::string Target() const;

  const config::Probe config_;
  const config::BackupProbe& spec_;  // of config_
  const model::Labels labels_;       // backup and location
  const bool only_run_;   // nothing is remembered, so nobody would hear what is read after a run
  const bool described_;  // by a configuration or by a pattern: what it finds is what is meant
  const base::Clock& clock_;
  const std::unique_ptr<catalog::S3Place> place_;  // nullptr: it is a folder
  const std::unique_ptr<catalog::Place> folder_;   // of a repository in a folder
  const std::unique_ptr<catalog::ArtefactCatalog> catalog_;
  BackupVerdicts verdicts_;
  BackupArchives archives_;
  BackupChains chains_;
  ReadSpeeds speeds_;
  BackupVerifier verifier_;
  UnfinishedBackups unfinished_;
  KeptBackups kept_;
  SeenBackups seen_;
  UnnamedRepository unnamed_;
  bool gone_ = false;  // all that was there when it was looked at last, and one is being written
  std::unordered_set<std::string> strangers_;  // OlderStrangers()
  std::optional<BucketWatch> bucket_;          // of place_
  struct Totals {
    catalog::ArtefactList of;
    double stored_bytes = 0;
    std::map<std::string_view, std::int64_t> kinds;  // views as CountByKind()
  } totals_;
  // Of the last look that worked: a run writes it, NotRun() reads it meanwhile.
  mutable std::mutex seen_mutex_;
  std::optional<catalog::Listing> last_listing_;
  std::vector<model::StoredCopy> last_copies_;
  // Whether the place was there when it was looked at last.
  enum class Standing { kUnknown, kGone, kSeen };
  std::atomic<Standing> standing_{Standing::kUnknown};
};

// Its tables: BackupMigrations() in backup_verdicts.h.
std::unique_ptr<Probe> MakeBackupProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
