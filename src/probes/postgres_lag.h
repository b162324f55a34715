// How far behind is a standby, a walsender's peer or the WAL archive? Pure functions of what was
// found; any thread.
#pragma once

#include <optional>
#include <string>

#include "probes/position_ring.h"
#include "probes/postgres_facts.h"

namespace drwatch::probes {

// A receiver that heard nothing for longer is as good as gone (wal_receiver_timeout's default; on
// an idle link the age of the last message goes up to half of it).
inline constexpr double kFreshMessageSeconds = 60;

// The receiver streams and has heard from its primary lately.
bool LinkIsFresh(const PostgresFacts& facts);

// How old the first change on the primary is that this standby has not replayed. `primary` is what
// is known of the probe named by `primary:`, read at the standby's position; nullopt if there is
// none. Falls back to what the standby alone can know: 0 only while it has replayed everything and
// its receiver is fresh, else the age of the last replayed commit (an upper bound). nullopt if
// nobody knows.
std::optional<double> ReplicationLagSeconds(const PostgresFacts& facts,
                                            const std::optional<PositionReading>& primary);

// Why `primary` says nothing about this standby; "" if it does.
enum class PrimaryMatch { kMatches, kUnknown, kOtherSystem, kOlderTimeline };
PrimaryMatch MatchPrimary(const PostgresFacts& facts,
                          const std::optional<PositionReading>& primary);

// How old the change after `replay` is, as the primary's own ring knows it. `caught_up` where the
// bytes say so.
double PeerLagSeconds(const PositionReading& own);

// The archiver's own pace on top of archive_timeout.
inline constexpr double kArchiverSlackSeconds = 60;

// The segment behind an archive that ends at `archived`.
OpenSegment OpenSegmentBehind(std::uint64_t archived, double segment_bytes);

// What of a primary's WAL is not in its archive.
struct ArchiveLag {
  double bytes = 0;               // up to the primary's position; the open segment counts
  std::optional<double> seconds;  // see docs/metrics.md; absent if not known yet
};
// Where nothing was ever archived, what waits is all that is known. nullopt if nothing waits
// either, if the server does not archive, or its archiver is not known.
std::optional<ArchiveLag> ComputeArchiveLag(const PostgresFacts& facts, const PositionRing& ring,
                                            const std::string& probe);

}  // namespace drwatch::probes
