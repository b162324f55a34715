// What one run of a wal_archive probe knows: filled in by the probe and wal_lag.h, told by
// wal_archive_report.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "catalog/switch_segment.h"
#include "catalog/wal_archive.h"
#include "model/probe_result.h"
#include "probes/position_ring.h"
#include "probes/wal_verdicts.h"
#include "verify/wal_files.h"

namespace drwatch::probes {

struct WalFindings {
  catalog::WalArchiveState state;
  std::vector<catalog::WalBase> bases;
  std::optional<PositionReading> primary;
  bool other_cluster = false;              // the primary's system identifier is not the archive's
  std::optional<verify::Lsn> streamed_to;  // what the segment that is being streamed holds
  std::optional<base::Timestamp> streamed_commit;
  std::optional<double> lag_bytes;
  std::optional<double> lag_seconds;
  // Whole segments are missing at the end, and nobody looked when their first change was made (or
  // nobody knows which it is): the lag may be longer.
  bool lag_is_bound = false;
  // It is one, no later run finds out more, and what is missing does not wait for the archiver.
  bool lag_untold = false;
  // Since the newest segment arrived.
  std::optional<base::Duration> quiet;
  std::uint32_t apart_timeline = 0;  // the primary's, if no WAL of it is here
  // Of the timeline that is judged, if it is missing.
  std::optional<catalog::SwitchSegment> switch_segment;
  bool open_segment_waits = false;       // for nothing but to be full: no archive_timeout
  bool open_segment_stays = false;       // although archive_timeout is over
  std::optional<double> unseen_seconds;  // since the primary was seen, if that is long ago
  // No commit in the archive is younger: so long ago, by this machine's clock, the primary was seen
  // behind the archive's end. 0 = nobody knows.
  base::Duration end_age{};
  // The newest date of what is here, if it lies in the future: a clock is wrong.
  std::optional<base::Timestamp> future;
  std::optional<base::Timestamp> last_segment;  // when the newest one arrived
  std::optional<base::Timestamp> last_commit;   // of the WAL that can be reached
  std::optional<base::Timestamp> window_start;
  std::optional<base::Timestamp> window_end;
  // Base backups may exist that are not known yet: those that look for them have not all seen their
  // places, or the WAL of all known ones is being pruned.
  bool bases_awaited = false;
  // Shorter than promised because the archive is younger than that: nothing of it was lost.
  bool window_grows = false;
  // Segments of the window's end that were not read: it may reach further than window_end.
  std::uint64_t end_unread = 0;
  std::vector<model::ReplayBase> replay_bases;
  std::uint64_t segments = 0;
  std::uint64_t unverified = 0;
  std::vector<std::pair<WalSegmentKey, WalVerdict>> broken;
  // Encrypted, packed in a way that is not known, or nobody may read them; and one of them.
  std::uint64_t unjudged = 0;
  std::string unjudged_text;
};

}  // namespace drwatch::probes
