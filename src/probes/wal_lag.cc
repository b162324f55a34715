#include "probes/wal_lag.h"

#include <algorithm>

#include "probes/postgres_facts.h"
#include "probes/postgres_lag.h"
#include "probes/wal_end.h"

namespace drwatch::probes {
namespace {

std::optional<base::Timestamp> LastCommit(const WalFindings& findings,
                                          const catalog::WalReader& reader,
                                          const WalVerdicts& verdicts) {
  if (findings.streamed_commit) return findings.streamed_commit;
  return FindWalEnd(findings.state, findings.bases, reader, verdicts).last_commit;
}

// What the primary has done since it was last seen nobody knows, but for what has come here since:
// up to the last commit of that, nothing is lost.
double UnknownSeconds(const WalFindings& findings, const PositionReading& reading,
                      verify::Lsn archived, std::optional<base::Timestamp> commit,
                      base::Timestamp now) {
  const double unseen = base::ToSeconds(reading.newest_age);
  if (archived <= reading.newest || findings.state.timeline != reading.history.timeline) {
    return unseen;
  }
  return commit ? std::clamp(base::ToSeconds(now - *commit), 0.0, unseen) : unseen;
}

// Whether what is behind `archived` waits for the archiver: then it says for how long.
bool WaitsForArchiver(const std::optional<ArchiverNote>& note, verify::Lsn archived) {
  if (!note || note->waited_seconds <= 0) return false;
  const auto sent = EndOfWalSegment(note->last_archived, static_cast<double>(note->segment_bytes));
  return !sent || *sent <= archived;
}

// A server that was promoted, and whose archiver never worked since: how far the timelines before
// it are archived tells nothing of it.
void FindApart(const PositionReading& reading, double waited_seconds, WalFindings& findings) {
  const std::uint32_t timeline = findings.primary->history.timeline;
  if (timeline <= findings.state.timeline) return;
  findings.apart_timeline = timeline;
  findings.lag_is_bound = true;
  findings.lag_seconds =
      std::max({*findings.lag_seconds, base::ToSeconds(reading.timeline_age), waited_seconds});
}

// The primary began this timeline, and of its WAL nothing is here. What it had before the switch is
// here on the parent's: what counts is what came since. While the first segment is on its way that
// is all that would be lost; later nothing is promised behind the segments before it.
void FindUnbegun(const PositionReading& reading, base::Timestamp now, WalFindings& findings) {
  const std::uint32_t timeline = findings.primary->history.timeline;
  if (!findings.switch_segment || timeline != findings.state.timeline) return;
  const base::Duration since = std::max(reading.timeline_age, now - findings.switch_segment->since);
  findings.apart_timeline = timeline;
  findings.lag_seconds = base::ToSeconds(since);
  findings.lag_is_bound = !findings.switch_segment->on_its_way;
  if (findings.switch_segment->on_its_way) findings.end_age = since;
}

}  // namespace

void WalLag::Find(PositionRing& positions, const catalog::WalReader& reader,
                  const WalVerdicts& verdicts, const RunContext& context, WalFindings& findings) {
  if (!findings.primary || !findings.state.archived_to || findings.other_cluster) return;
  const base::SteadyTime now = context.clock->Steady();
  const verify::Lsn archived = findings.streamed_to.value_or(*findings.state.archived_to);
  const auto segment_bytes = static_cast<double>(reader.inventory().segment_bytes);
  const auto note = positions.archive_notes().Find(primary_);
  const OpenSegment open = OpenSegmentBehind(archived, segment_bytes);
  const auto reading = positions.Read(primary_, archived, now, open);
  if (!reading) return;
  findings.lag_bytes = static_cast<double>(reading->newest - std::min(reading->newest, archived));
  findings.lag_seconds = PeerLagSeconds(*reading);
  if (reading->lag) findings.end_age = reading->lag->at_least;
  const bool dated = !reading->lag || (reading->lag->certain && reading->lag->estimate);
  const double waited = note ? note->waited_seconds : 0;
  if (!dated && *findings.lag_bytes >= segment_bytes) {
    findings.lag_is_bound = true;
    findings.lag_seconds = std::max(*findings.lag_seconds, waited);
    findings.end_age =
        std::max(findings.end_age, base::Duration(static_cast<std::int64_t>(waited * 1000)));
  }
  if (note && note->waited_seconds == 0 && reading->newest > archived &&
      reading->newest <= open.end) {
    const double timeout = note->archive_timeout_seconds;
    findings.open_segment_waits = timeout == 0;
    findings.open_segment_stays =
        timeout > 0 && *findings.lag_seconds > timeout + kArchiverSlackSeconds;
  }
  FindApart(*reading, waited, findings);
  FindUnbegun(*reading, context.now, findings);
  findings.lag_untold = only_run_ && findings.lag_is_bound && !WaitsForArchiver(note, archived);
  if (findings.last_segment) findings.quiet = context.now - *findings.last_segment;
  auto commit = LastCommit(findings, reader, verdicts);
  const base::Timestamp written =
      archive_written_.Latest(archived, commit, findings.last_segment, context);
  if (commit) commit = std::min(*commit, written);
  if (reading->fresh) return;
  findings.unseen_seconds = base::ToSeconds(reading->newest_age);
  if (archived == reading->newest) findings.end_age = reading->newest_age;
  findings.lag_seconds = std::max(
      *findings.lag_seconds, UnknownSeconds(findings, *reading, archived, commit, context.now));
}

}  // namespace drwatch::probes
