// What one backup is worth by itself: its size, its checksum, its verdict, and the state that it
// brings back. Pure, no I/O.
#pragma once

#include <optional>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "config/local_clock.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

// How far the clocks of cron's machine and this one may be apart: a backup taken so shortly before
// its slot belongs to it.
inline constexpr base::Duration kSlotTolerance = std::chrono::minutes(1);

// A restore reads less than min_size: of a backup in a repository also what it is built upon
// counts.
bool IsTooSmall(const config::BackupProbe& spec, const catalog::Artefact& artefact);

// For so many times quiet_time after its last change one that ends half-way may be written on.
inline constexpr int kUnfinishedQuiets = 20;

// True for that time after `changed`, and while the grace of its slot lasts.
bool MayBeWrittenOn(const config::BackupProbe& spec, base::Timestamp changed, base::Timestamp now);

// True for one that lacks nothing but WAL that an archive may still get: for as long after its last
// change as WAL may be on its way there.
bool AwaitsWal(const catalog::Artefact& artefact, const std::optional<BackupVerdict>& verdict,
               base::Timestamp now);

// The backups that nothing speaks against: what is too small or known to be broken covers no slot,
// is none of those kept, and is not the oldest that one could go back to.
class SoundBackups {
 public:
  // `complete` outlives this.
  SoundBackups(const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete,
               const BackupVerdicts& verdicts, base::Timestamp now);
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

// The verdict that counts: where time, a limit or the network kept the same bytes from being read
// again, which says nothing of them, the one before.
const BackupVerdict& Standing(const BackupVerdict& verdict);

// kGood.
bool PassedAll(const config::BackupProbe& spec, const catalog::Artefact& artefact,
               const std::optional<BackupVerdict>& verdict);

// Of the machine that makes the backups, where its zone is configured; else empty.
config::LocalClock ZoneClock(const config::BackupProbe& spec);

// Which slot of a schedule it belongs to is told by this: its time, but the end of its day where
// its name says no more, and its file was dated anew.
base::Timestamp SlotTimeOf(const config::BackupProbe& spec, const catalog::Artefact& artefact);

// The state that it brings back. A dump holds that of its start: where only its file's time tells
// when it was made, it is not later than the last moment at which the clock of the machine that
// made it can have shown what the dump says of its start (mysqldump: of its end, which only tells
// that it is no newer): of the configured zone and of UTC, or of any zone where none is configured.
base::Timestamp PointOf(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                        const std::optional<BackupVerdict>& verdict);

}  // namespace drwatch::probes
