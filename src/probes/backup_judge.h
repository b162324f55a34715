// What a listing and the verdicts known so far say about a backup: pure, no I/O.
//
// The newest complete artefact decides, and with it those that its run left of other databases
// (SiblingsOfNewest): none of them may be proven broken or too small. It is good if it exists, is
// fresh, is large enough, has the checksum that require_checksum asks for, lacks nothing that it
// needs, and is not proven broken. While it has not been verified yet or cannot be read the state
// before it stands in: if the last verified artefact was broken the backup stays bad, so that a job
// that leaves broken dumps does not resolve its own alert for the time a verification takes;
// otherwise it counts as not proven broken. Nothing then says it is proven:
// backup_verification_success is absent, and backup_last_success_timestamp_seconds names the newest
// one that has passed everything. What cannot be judged (an unknown format, encryption) passes. One
// that nobody knows the age of is not good; the check `time` fails while any is dated in the
// future.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {

// Without a schedule: a retention of 30 days is kept when the oldest artefact is older than 29, and
// never when it is younger than half of it.
inline constexpr base::Duration kRetentionTolerance = std::chrono::hours(24);

// A named yes or no of backup_check_success. Absent checks (no limit configured, not known yet) are
// not listed.
struct BackupCheck {
  std::string name;
  bool ok = false;
  model::Severity severity = model::Severity::kOk;  // if not ok
  model::Reason reason = model::Reason::kNone;
  std::string message;
  std::string hint;
};

struct BackupState {
  bool success = false;
  std::vector<BackupCheck> checks;
  std::optional<catalog::Artefact> newest;
  std::optional<BackupVerdict> verdict;          // of the newest
  bool pending = false;                          // the newest has not been verified
  bool being_written = false;                    // none is complete, but one may become it
  std::optional<base::Timestamp> last_success;   // PointOf() the newest that passed everything
  std::optional<base::Timestamp> last_verified;  // any of them
  std::optional<base::Timestamp> next_slot;
  std::optional<base::Duration> overdue;
};

// How long the last verification may be ago: seven rounds of `every`, but a week at most, and never
// less than two rounds and a timeout take.
base::Duration VerificationMaxAge(const config::BackupProbe::Verify& verify);

// `sound` are those of the listing.
BackupState JudgeBackup(const config::BackupProbe& spec, const catalog::Listing& listing,
                        const SoundBackups& sound, const BackupVerdicts& verdicts,
                        base::Timestamp now);

// Of a run after which nobody reads on: one that nobody has read, neither this run nor a service,
// is not good but unknown, and a place whose only one is being written is unknown, too.
void SayUnread(BackupState& state);

}  // namespace drwatch::probes
