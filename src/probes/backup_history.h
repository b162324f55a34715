// What the kept backups say together: slots of the schedule without one, sizes out of line, how
// many of each kind, and the copies that recovery counts. Pure, no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "model/probe_result.h"
#include "probes/backup_due.h"
#include "probes/backup_judge.h"
#include "probes/backup_verdicts.h"
#include "probes/read_speeds.h"

namespace drwatch::probes {

// Slots looked at, newest first: a year of hourly backups.
inline constexpr int kMaxSlots = 8784;
// Backups whose sizes make the median, and how few make none.
inline constexpr std::size_t kSizeSample = 30;
inline constexpr std::size_t kMinSizeSample = 4;

struct SlotCoverage {
  int expected = 0;  // slots that are due with their grace
  int missed = 0;    // of these without a backup
  std::optional<base::Timestamp> first_missed;
};

double Median(std::vector<double> values);
// How far from their median values may be and still be usual here.
double UsualSpread(std::vector<double> values);

// Of the slots since `from`. A slot is covered by a backup taken from it until the next slot.
SlotCoverage CoverSlots(const config::BackupProbe& spec,
                        const std::vector<catalog::Artefact>& complete, base::Timestamp from,
                        base::Timestamp now);

// Of the slots since that of the oldest kept one, within the retention. There is one, and a
// schedule.
SlotCoverage CoverKeptSlots(const config::BackupProbe& spec,
                            const std::vector<catalog::Artefact>& complete, base::Timestamp now);

// The newest one's size beside the median of those before it of its kind and series (SeriesOf);
// nullopt: too few of them.
struct SizeDeviation {
  std::int64_t median_bytes = 0;
  double ratio = 0;      // size / median - 1
  bool unusual = false;  // beyond the configured ratio and floor, and beyond what is usual here
};
std::optional<SizeDeviation> DeviationOf(const config::BackupProbe& spec,
                                         const std::vector<catalog::Artefact>& complete);

// The checks "slots", "size_trend" and "count", as far as they are configured and can be told.
// `sound` are those of SoundBackups.
std::vector<BackupCheck> JudgeHistory(const config::BackupProbe& spec,
                                      const std::vector<catalog::Artefact>& sound,
                                      base::Timestamp now);

// Newest first: the newest model::kMaxStoredCopies, and the newest that is good if it is older than
// all of these.
std::vector<model::StoredCopy> CopiesOf(const config::BackupProbe& spec,
                                        const std::vector<catalog::Artefact>& complete,
                                        const BackupVerdicts& verdicts, const ReadSpeeds& speeds,
                                        const IsLeft& is_left);

}  // namespace drwatch::probes
