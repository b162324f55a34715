#include "probes/postgres_lag.h"

#include <algorithm>

namespace drwatch::probes {
namespace {

bool HasUnreplayedWal(const PostgresFacts& facts) {
  return facts.receive && facts.replay && *facts.receive > *facts.replay;
}

std::optional<double> Age(const PostgresFacts& facts) {
  if (!facts.replay_age_seconds) return std::nullopt;
  return std::max(0.0, *facts.replay_age_seconds);  // the clocks may differ
}

std::optional<double> LocalLag(const PostgresFacts& facts) {
  if (facts.receive && facts.replay && !HasUnreplayedWal(facts) && LinkIsFresh(facts)) return 0;
  return Age(facts);
}

// The primary has not been seen for a while and nothing known lies beyond the standby.
double LagOutOfSight(const PostgresFacts& facts, const PositionReading& primary) {
  if (!HasUnreplayedWal(facts)) return 0;
  // It received more than was ever seen; all of that is younger than the last look.
  const double since_look = base::ToSeconds(primary.newest_age);
  return std::min(since_look, Age(facts).value_or(since_look));
}

// Of the one that holds `position`.
std::uint64_t StartOfSegment(std::uint64_t position, double segment_bytes) {
  return position - position % static_cast<std::uint64_t>(segment_bytes);
}

}  // namespace

bool LinkIsFresh(const PostgresFacts& facts) {
  return facts.receiver && facts.receiver->status == "streaming" &&
         facts.receiver->message_age_seconds &&
         *facts.receiver->message_age_seconds < kFreshMessageSeconds;
}

PrimaryMatch MatchPrimary(const PostgresFacts& facts,
                          const std::optional<PositionReading>& primary) {
  if (!primary) return PrimaryMatch::kUnknown;
  const bool both_named =
      !facts.system_identifier.empty() && !primary->history.system_identifier.empty();
  if (both_named && facts.system_identifier != primary->history.system_identifier) {
    return PrimaryMatch::kOtherSystem;
  }
  // A standby that follows a newer timeline has another primary than the one that is watched. An
  // older one says nothing: the control file of a standby is late.
  if (primary->history.timeline != 0 && facts.timeline > primary->history.timeline) {
    return PrimaryMatch::kOlderTimeline;
  }
  return PrimaryMatch::kMatches;
}

std::optional<double> ReplicationLagSeconds(const PostgresFacts& facts,
                                            const std::optional<PositionReading>& primary) {
  if (!facts.in_recovery) return std::nullopt;
  if (!facts.replay || MatchPrimary(facts, primary) != PrimaryMatch::kMatches) {
    return LocalLag(facts);
  }
  if (!primary->lag) return primary->fresh ? 0 : LagOutOfSight(facts, *primary);
  const double at_least = base::ToSeconds(primary->lag->at_least);
  if (primary->lag->certain) {
    return std::max(at_least, base::ToSeconds(primary->lag->estimate.value_or(base::Duration(0))));
  }
  // Nobody looked when the change happened. A standby that streams and replays was not left behind
  // in that time; of another one the worst is assumed that its own clock allows.
  if (LinkIsFresh(facts) && facts.replay_paused != true) return at_least;
  std::optional<double> bound = Age(facts);
  if (primary->lag->estimate) {
    const double estimate = base::ToSeconds(*primary->lag->estimate);
    bound = std::min(estimate, bound.value_or(estimate));
  }
  return std::max(at_least, bound.value_or(at_least));
}

double PeerLagSeconds(const PositionReading& own) {
  if (!own.lag) return 0;
  const bool estimated = own.lag->certain && own.lag->estimate;
  return base::ToSeconds(estimated ? *own.lag->estimate : own.lag->at_least);
}

OpenSegment OpenSegmentBehind(std::uint64_t archived, double segment_bytes) {
  OpenSegment open;
  const auto size = static_cast<std::uint64_t>(segment_bytes);
  if (size == 0) return open;
  open.end = (archived / size + 1) * size;
  open.begins_here = archived % size == 0;
  return open;
}

std::optional<ArchiveLag> ComputeArchiveLag(const PostgresFacts& facts, const PositionRing& ring,
                                            const std::string& probe) {
  if (facts.in_recovery || !facts.archives() || !facts.archiver || !facts.position) {
    return std::nullopt;
  }
  std::optional<std::uint64_t> archived =
      EndOfWalSegment(facts.archiver->last_wal, facts.segment_bytes);
  const bool waiting = facts.ready && facts.ready->count > 0;
  // What a server archives while it shuts down its statistics do not tell. A segment that is full
  // waits until it is archived.
  if (archived && facts.ready && !waiting) {
    archived = std::max(*archived, StartOfSegment(*facts.position, facts.segment_bytes));
  }
  const double waited = waiting ? facts.ready->oldest_age_seconds.value_or(0) : 0;
  ArchiveLag lag;
  if (!archived) {
    // Never archived, or not since a promotion: what waits is known all the same.
    if (!waiting) return std::nullopt;
    lag.bytes = static_cast<double>(facts.ready->count) * facts.segment_bytes;
    lag.seconds = waited;
    return lag;
  }
  lag.bytes = static_cast<double>(*facts.position - std::min(*facts.position, *archived));
  const std::optional<PositionReading> own =
      ring.Read(probe, *archived, facts.positions_answered,
                OpenSegmentBehind(*archived, facts.segment_bytes));
  if (own) {
    lag.seconds = std::max(waited, PeerLagSeconds(*own));
  } else if (waited > 0) {
    lag.seconds = waited;
  }
  return lag;
}

}  // namespace drwatch::probes
