// How far a WAL archive is behind its primary: what would be lost if the primary's server were gone
// now. Where the primary is comes from the runs of its own probe (position_ring.h).
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "catalog/wal_reader.h"
#include "probes/position_ring.h"
#include "probes/probe.h"
#include "probes/wal_findings.h"
#include "probes/wal_verdicts.h"
#include "probes/wal_written.h"

namespace drwatch::probes {

// One archive's. Not for several threads at once.
class WalLag {
 public:
  // `primary`: the name of its probe. `only_run`: nobody looks again.
  WalLag(std::string primary, bool only_run) : primary_(std::move(primary)), only_run_(only_run) {}

  // Fills in lag_bytes, lag_seconds, lag_is_bound, lag_untold, quiet, end_age, apart_timeline,
  // open_segment_waits, open_segment_stays and unseen_seconds of `findings`, whose state, bases,
  // primary, switch_segment, other_cluster and streamed_* are there. Nothing is filled in where the
  // primary or the archive's end is not known.
  void Find(PositionRing& positions, const catalog::WalReader& reader, const WalVerdicts& verdicts,
            const RunContext& context, WalFindings& findings);

 private:
  const std::string primary_;
  const bool only_run_;
  WrittenBy archive_written_;  // what is in the archive
};

}  // namespace drwatch::probes
