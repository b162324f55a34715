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
#include "config/local_clock.h"
#include "probes/backup_verdicts.h"
#include "probes/read_speeds.h"

namespace drwatch::probes {

// How far the clocks of cron's machine and this one may be apart: a backup taken so shortly before
// its slot belongs to it.
inline constexpr base::Duration kSlotTolerance = std::chrono::minutes(1);
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
  std::optional<base::Timestamp> last_success;   // PointOf() the newest that passed everything
  std::optional<base::Timestamp> last_verified;  // any of them
  std::optional<base::Timestamp> next_slot;
  std::optional<base::Duration> overdue;
};

// A restore reads less than min_size: of a backup in a repository also what it is built upon
// counts.
bool IsTooSmall(const config::BackupProbe& spec, const catalog::Artefact& artefact);

// For so many times quiet_time after its last change one that ends half-way may be written on.
inline constexpr int kUnfinishedQuiets = 20;

// True for that time, and while the grace of its slot lasts.
bool MayBeWrittenOn(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                    base::Timestamp now);

// The backups that nothing speaks against: what is too small or known to be broken covers no slot,
// is none of those kept, and is not the oldest that one could go back to.
class SoundBackups {
 public:
  // `complete` outlives this.
  SoundBackups(const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete,
               const BackupVerdicts& verdicts);
  // In the order of `complete`.
  const std::vector<catalog::Artefact>& all() const { return some_ ? *some_ : complete_; }

 private:
  const std::vector<catalog::Artefact>& complete_;
  std::optional<std::vector<catalog::Artefact>> some_;  // nullopt: all of them
};

// What is known of one backup.
enum class Worth {
  kGood,  // large enough, with the checksum it needs, and verified without a finding against it (or
          // not to be verified)
  kBad,   // too small, without that checksum, or broken
  kOpen,  // not verified yet, or something around it kept it from being verified
};
// `verdict` is its own.
Worth WorthOf(const config::BackupProbe& spec, const catalog::Artefact& artefact,
              const std::optional<BackupVerdict>& verdict);

// kGood.
bool PassedAll(const config::BackupProbe& spec, const catalog::Artefact& artefact,
               const std::optional<BackupVerdict>& verdict);

// How long the last verification may be ago: seven rounds of `every`, but a week at most, and never
// less than two rounds and a timeout take.
base::Duration VerificationMaxAge(const config::BackupProbe::Verify& verify);

// Of the machine that makes the backups, where its zone is configured; else empty.
config::LocalClock ZoneClock(const config::BackupProbe& spec);

// The state that it brings back. A dump holds that of its start: where only its file's time tells
// when it was made, it is not later than the last moment at which the clock of the machine that
// made it can have shown what the dump says of its start: of the configured zone and of UTC, or of
// any zone where none is configured.
base::Timestamp PointOf(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                        const std::optional<BackupVerdict>& verdict);

// `complete` as catalog::Listing has it.
BackupState JudgeBackup(const config::BackupProbe& spec,
                        const std::vector<catalog::Artefact>& complete, const SoundBackups& sound,
                        const BackupVerdicts& verdicts, base::Timestamp now);

// Of a run after which nobody reads on: one that nobody has read, neither this run nor a service,
// is not good but unknown.
void SayUnread(BackupState& state);

}  // namespace drwatch::probes
