// The small text files of a WAL archive: timeline histories and what a finished base backup leaves.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// No file of a real server is longer.
inline constexpr std::int64_t kMaxWalTextBytes = 1 << 20;

// TTTTTTTT.history: which timelines lie behind this one, and where each of them ended.
struct TimelineSwitch {
  std::uint32_t timeline = 0;  // that was left
  Lsn at = 0;                  // and where
  friend bool operator==(const TimelineSwitch&, const TimelineSwitch&) = default;
};
// Oldest first. Fault kCorrupt: a line that is none, timelines or positions that do not grow, none
// at all, or one that is not below `timeline`.
Walked<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view text,
                                                         std::uint32_t timeline);

// <segment>.<offset>.backup: a base backup that was finished.
struct BackupHistory {
  Lsn start = 0;
  Lsn stop = 0;
  std::uint32_t timeline = 1;       // at its start
  std::uint32_t stop_timeline = 0;  // 0: it does not say
  // Absent if written in a zone that is not UTC: abbreviations of zones mean nothing for sure.
  std::optional<base::Timestamp> started;
  std::optional<base::Timestamp> stopped;
  std::string label;
};
// Fault kCorrupt: no start, or no stop at or after it.
Walked<BackupHistory> ParseBackupHistory(std::string_view text);

}  // namespace drwatch::verify
