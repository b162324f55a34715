#include <algorithm>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "probes/wal_archive_probe.h"

namespace drwatch::probes {
namespace {

using catalog::WalGap;
using model::Reason;
using model::Severity;

std::int64_t CountGaps(const catalog::WalArchiveState& state, WalGap::Kind kind) {
  return std::count_if(state.gaps.begin(), state.gaps.end(),
                       [kind](const WalGap& gap) { return gap.kind == kind; });
}

std::string Age(base::Duration age) {
  return base::FormatDuration(std::chrono::duration_cast<std::chrono::seconds>(age));
}

std::string Seconds(double seconds) {
  return Age(base::Duration(static_cast<std::int64_t>(seconds * 1000)));
}

std::string JoinTimelines(const std::vector<std::uint32_t>& timelines) {
  std::vector<std::string> words;
  for (const std::uint32_t timeline : timelines) words.push_back(std::to_string(timeline));
  return base::Join(words, ", ");
}

// "; 3 links lead nowhere, such as ...": somebody moved what they lead to, or its disk is away.
std::string DeadLinksText(const catalog::WalReader& reader) {
  const std::vector<std::string>& links = reader.dead_links();
  if (links.empty()) return "";
  return "; " + std::to_string(links.size()) + " links lead nowhere, such as " +
         base::Quote(links.front());
}

void CheckSegments(const catalog::WalReader& reader, const WalFindings& findings,
                   ProbeReport& report) {
  const catalog::WalInventory& inventory = reader.inventory();
  if (inventory.impossible_names > 0) {
    return report.Add("segments", Severity::kCritical, Reason::kWrongFormat,
                      std::to_string(inventory.impossible_names) +
                          " names cannot occur with segments of " +
                          base::FormatSize(inventory.segment_bytes) + ", such as " +
                          base::Quote(inventory.impossible_name),
                      "two servers with different segment sizes archive here");
  }
  const std::string links = DeadLinksText(reader);
  if (findings.segments == 0) {
    return report.Add("segments", Severity::kCritical, Reason::kNotFound,
                      "there is no WAL segment" + links, "check path and archive_command");
  }
  const catalog::WalArchiveState& state = findings.state;
  const auto lost = std::find_if(state.gaps.begin(), state.gaps.end(),
                                 [](const WalGap& gap) { return gap.kind == WalGap::Kind::kLost; });
  std::string more;
  if (state.acknowledged > 0) more += "; " + std::to_string(state.acknowledged) + " acknowledged";
  if (state.pending > 0) more += "; " + std::to_string(state.pending) + " on their way";
  if (state.expired > 0) {
    more += "; " + std::to_string(state.expired) + " expired between base backups that are kept";
  }
  if (state.pruned > 0) more += "; " + std::to_string(state.pruned) + " are being pruned";
  more += links;
  if (lost == state.gaps.end()) {
    const std::string text = std::to_string(findings.segments) + " segments of timeline " +
                             std::to_string(state.timeline) + ", none is missing" + more;
    if (links.empty()) return report.Ok("segments", text);
    return report.Add("segments", Severity::kWarning, Reason::kNotFound, text,
                      "mount what the links lead to, or remove them");
  }
  report.Add("segments", Severity::kCritical, Reason::kIncomplete,
             std::to_string(state.lost) + " segments are missing: " +
                 catalog::RangeText(lost->range, inventory.segment_bytes) + more,
             "copy them here if any copy is left (pg_wal, a standby, another archive); take a base "
             "backup now if not");
}

void CheckVerified(const config::WalArchiveProbe& spec, const catalog::WalReader& reader,
                   const WalFindings& findings, ProbeReport& report) {
  if (!findings.broken.empty()) {
    const auto& [key, verdict] = findings.broken.front();
    return report.Add(
        "verified", Severity::kCritical, verdict.reason,
        std::to_string(findings.broken.size()) + " segments are damaged: " +
            verify::SegmentName(key.first, key.second, reader.inventory().segment_bytes) + ": " +
            verdict.text,
        "copy it here again if any copy is left; take a base backup now if not");
  }
  if (!spec.verify) return report.Ok("verified", "verification is turned off");
  if (findings.unjudged > 0) {
    return report.Add(
        "verified", Severity::kUnknown, Reason::kUnverified,
        std::to_string(findings.unjudged) + " segments cannot be read: " + findings.unjudged_text);
  }
  std::string text = "every record was read";
  if (findings.unverified > 0) {
    text = std::to_string(findings.unverified) + " segments are still to be read";
  }
  if (findings.last_commit) text += "; last commit " + base::FormatRfc3339(*findings.last_commit);
  report.Ok("verified", text);
}

std::string LagHint(const config::WalArchiveProbe& spec, const WalFindings& findings) {
  if (findings.unseen_seconds) {
    return "let drwatch see it again; if another server took its place, name that one's probe in "
           "\"primary\"";
  }
  if (findings.switch_segment) {
    return "SELECT pg_switch_wal() on it ships the first segment of its timeline; if that does not "
           "come, read the archiver's errors in the PostgreSQL log";
  }
  if (findings.open_segment_waits) {
    return "the open segment waits until it is full: set archive_timeout to less than " +
           base::FormatDuration(spec.max_lag);
  }
  if (findings.open_segment_stays) {
    return "after a crash archive_timeout ships nothing until something is written: SELECT "
           "pg_switch_wal()";
  }
  return "read the archiver's errors in the PostgreSQL log";
}

// Not even a bound is known: 0 would look like a number.
bool IsLagHidden(const WalFindings& findings) {
  return findings.lag_untold && *findings.lag_seconds < 1;
}

std::string LagText(const config::WalArchiveProbe& spec, const WalFindings& findings) {
  std::string text = base::FormatSize(static_cast<std::int64_t>(*findings.lag_bytes)) + " behind " +
                     base::Quote(spec.primary);
  if (findings.apart_timeline != 0) {
    text = "nothing is here of timeline " + std::to_string(findings.apart_timeline) + ", which " +
           base::Quote(spec.primary) + " is on";
  }
  if (IsLagHidden(findings)) {
    text += "; one look does not show for how long";
  } else {
    text += std::string(", for ") + (findings.lag_is_bound ? "at least " : "") +
            Seconds(*findings.lag_seconds);
  }
  if (findings.unseen_seconds) {
    text += "; it was last seen " + Seconds(*findings.unseen_seconds) + " ago";
  }
  return text;
}

// What one look makes of an end that is missing: of a server that writes on and an archive that
// follows, both the newest segment and the last commit are young.
void CheckUntoldLag(const config::WalArchiveProbe& spec, const catalog::WalReader& reader,
                    const WalFindings& findings, ProbeReport& report) {
  std::string text = LagText(spec, findings);
  if (findings.quiet) text += "; the newest segment came " + Age(*findings.quiet) + " ago";
  const bool quiet = findings.quiet && *findings.quiet > spec.max_lag;
  const auto segment_bytes = static_cast<double>(reader.inventory().segment_bytes);
  if (quiet && *findings.lag_bytes >= segment_bytes) {
    return report.Add("archived", Severity::kCritical, Reason::kStale,
                      text + " > max_lag " + base::FormatDuration(spec.max_lag),
                      "read the errors of whatever brings WAL here: the archiver, pg_receivewal");
  }
  const bool old_commit =
      findings.quiet && findings.last_commit &&
      *findings.quiet + (*findings.last_segment - *findings.last_commit) > spec.max_lag;
  if (findings.apart_timeline != 0 || !findings.quiet || old_commit) {
    return report.Add(
        "archived", Severity::kUnknown, Reason::kUnverified, text,
        "see that it archives here; the service tells for how long, because it goes on looking");
  }
  report.Ok("archived", text);
}

void CheckLag(const config::WalArchiveProbe& spec, const catalog::WalReader& reader,
              const WalFindings& findings, ProbeReport& report) {
  if (spec.primary.empty()) return;
  if (findings.other_cluster) {
    return report.Add(
        "archived", Severity::kCritical, Reason::kWrongFormat,
        "the archive holds the WAL of another cluster than " + base::Quote(spec.primary),
        "check path and primary");
  }
  if (!findings.lag_seconds) {
    return report.Add("archived", Severity::kUnknown, Reason::kUnverified,
                      "it is not known where " + base::Quote(spec.primary) + " is");
  }
  const std::string text = LagText(spec, findings);
  if (*findings.lag_seconds > base::ToSeconds(spec.max_lag)) {
    return report.Add("archived", Severity::kCritical, Reason::kStale,
                      text + " > max_lag " + base::FormatDuration(spec.max_lag),
                      LagHint(spec, findings));
  }
  if (findings.lag_untold) return CheckUntoldLag(spec, reader, findings, report);
  report.Ok("archived", text);
}

std::string SwitchSegmentName(const catalog::WalReader& reader,
                              const catalog::SwitchSegment& segment) {
  return catalog::RangeText(segment.missing, reader.inventory().segment_bytes);
}

void CheckTimelines(const catalog::WalReader& reader, const WalFindings& findings,
                    ProbeReport& report) {
  const catalog::WalArchiveState& state = findings.state;
  if (state.timeline == 0) return;
  if (!reader.problems().empty()) {
    // What is damaged before what nobody can read.
    const auto damaged =
        std::find_if(reader.problems().begin(), reader.problems().end(), catalog::IsDamage);
    if (damaged != reader.problems().end()) {
      return report.Add("timelines", Severity::kCritical, damaged->reason, damaged->message,
                        "copy the file here again");
    }
    const catalog::Finding& sealed = reader.problems().front();
    return report.Add("timelines", Severity::kUnknown, sealed.reason, sealed.message);
  }
  if (!state.no_history.empty() && state.no_history.back() > state.timeline) {
    return report.Add("timelines", Severity::kWarning, Reason::kIncomplete,
                      "the history file of timeline " + JoinTimelines(state.no_history) +
                          " is missing: a restore to the latest point ends before it",
                      "copy it here from the server's pg_wal, or from where else it is left");
  }
  if (!state.no_history.empty()) {
    return report.Add("timelines", Severity::kWarning, Reason::kIncomplete,
                      "the history file of timeline " + JoinTimelines(state.no_history) +
                          " is missing: what came before cannot be followed");
  }
  const auto& begin = findings.switch_segment;
  if (begin && !begin->on_its_way) {
    return report.Add("timelines", Severity::kWarning, Reason::kIncomplete,
                      "until " + SwitchSegmentName(reader, *begin) +
                          " is here, a recovery to the latest point goes on with timeline " +
                          std::to_string(begin->parent) + " behind the switch",
                      "SELECT pg_switch_wal() on the server that is on timeline " +
                          std::to_string(begin->missing.timeline));
  }
  if (!state.newer.empty() || !state.diverged.empty()) {
    return report.Add(
        "timelines", Severity::kWarning, Reason::kWrongFormat,
        state.newer.empty()
            ? "timeline " + JoinTimelines(state.diverged) + " went on after it was left"
            : "timeline " + JoinTimelines(state.newer) + " does not belong to timeline " +
                  std::to_string(state.timeline),
        "a restored copy or an old primary archives here: give it another archive; what has to "
        "stay "
        "goes into acknowledged_timelines");
  }
  if (!reader.inventory().twice.empty()) {
    return report.Add(
        "timelines", Severity::kWarning, Reason::kWrongFormat,
        "two contents for one segment: " + base::Quote(reader.inventory().twice.front()),
        "two servers archive here");
  }
  std::string text = "timeline " + JoinTimelines(state.ancestry);
  if (begin) text += "; on its way: " + SwitchSegmentName(reader, *begin);
  if (!state.acknowledged_timelines.empty()) {
    text += "; of another server and acknowledged: timeline " +
            JoinTimelines(state.acknowledged_timelines);
  }
  report.Ok("timelines", text);
}

void CheckTime(const model::Labels& labels, const WalFindings& findings, ProbeReport& report) {
  if (!findings.future) return;
  report.Add("time", Severity::kWarning, Reason::kStale,
             "the newest WAL is dated in the future: " + base::FormatRfc3339(*findings.future),
             "set the clock right: the server's, that of the archive's machine, or this one's");
  report.Gauge("backup_check_success", "1 if this check of the newest backup holds.",
               labels.With("check", "time"), 0);
}

// Whether the window's end is known well enough for a number: nothing of it is unread but what has
// only just come, so that what is read reaches nearly as far.
bool IsEndKnown(const config::WalArchiveProbe& spec, const WalFindings& findings) {
  if (findings.end_unread <= static_cast<std::uint64_t>(std::max(spec.in_flight_segments, 0))) {
    return true;
  }
  return findings.last_commit && findings.last_segment &&
         *findings.last_segment - *findings.window_end <= spec.max_lag;
}

std::string WindowText(const WalFindings& findings) {
  const bool open = findings.end_unread > 0;
  std::string text = "any point from " + base::FormatRfc3339(*findings.window_start) + " to " +
                     (open ? "at least " : "") + base::FormatRfc3339(*findings.window_end);
  if (!open) return text;
  return text + "; not read yet: " + std::to_string(findings.end_unread) + " segment" +
         (findings.end_unread == 1 ? "" : "s") + " behind that";
}

// verify --wal reads no buckets, and nothing reads what is encrypted.
std::string UnreadHint(const config::WalArchiveProbe& spec, const catalog::WalReader& reader) {
  const bool sealed = std::any_of(reader.objects().begin(), reader.objects().end(),
                                  [](const catalog::PlaceObject& object) {
                                    const auto name = verify::ParseWalFileName(object.name);
                                    return name && name->sealed;
                                  });
  const std::string later = "the service reads on at every run";
  return spec.place.s3 || sealed ? later : "drwatch verify --wal reads them now; " + later;
}

// A window that is shorter than promised may be long enough with base backups that are not known
// yet.
bool IsLengthKnown(const config::WalArchiveProbe& spec, const WalFindings& findings) {
  if (!findings.bases_awaited) return true;
  return spec.window && findings.window_start &&
         *findings.window_end - *findings.window_start >= *spec.window;
}

void CheckWindow(const config::WalArchiveProbe& spec, const catalog::WalReader& reader,
                 const WalFindings& findings, ProbeReport& report) {
  if (!IsLengthKnown(spec, findings)) {
    if (!spec.window) return;
    return report.Add("window", Severity::kUnknown, Reason::kUnverified,
                      "which base backups there are is not known yet",
                      "wait until the probes that look for them have seen their places");
  }
  if (findings.bases.empty()) {
    if (!spec.window) return;
    return report.Add("window", Severity::kWarning, Reason::kNotFound,
                      "no base backup is known that this WAL carries on",
                      "take one, or name the probes of the base backups in \"base_backups\"");
  }
  if (findings.state.base_on_its_way) {
    return report.Add("window", Severity::kUnknown, Reason::kUnverified,
                      "the WAL that the first base backup needs may still be on its way",
                      "SELECT pg_switch_wal() on the primary ships it");
  }
  if (!findings.window_start || !findings.window_end) {
    return report.Add("window", spec.window ? Severity::kCritical : Severity::kWarning,
                      Reason::kIncomplete, "no base backup has all of the WAL that it needs",
                      "take a base backup now");
  }
  const base::Duration length = *findings.window_end - *findings.window_start;
  const std::string text = WindowText(findings);
  if (spec.window && length < *spec.window && !IsEndKnown(spec, findings)) {
    return report.Add("window", Severity::kUnknown, Reason::kUnverified,
                      text + "; whether that makes window " + base::FormatDuration(*spec.window) +
                          " is not known",
                      UnreadHint(spec, reader));
  }
  if (spec.window && length < *spec.window) {
    return report.Add("window", Severity::kWarning, Reason::kStale,
                      text + ": " + Age(length) + " < window " + base::FormatDuration(*spec.window),
                      "keep base backups and their WAL for longer");
  }
  report.Ok("window", text);
}

}  // namespace

void AddWalMetrics(const config::WalArchiveProbe& spec, const model::Labels& labels,
                   const catalog::WalReader& reader, const WalFindings& findings,
                   ProbeReport& report) {
  const catalog::WalArchiveState& state = findings.state;
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    report.Gauge(name, help, labels, value);
  };
  const auto time = [&](std::string_view name, std::string_view help,
                        const std::optional<base::Timestamp>& at) {
    if (at) report.Gauge(name, help, labels, base::ToUnixSeconds(*at));
  };
  gauge("wal_archive_segments", "WAL segments in the archive.",
        static_cast<double>(findings.segments));
  gauge("wal_archive_bytes", "Size of all files in the archive.",
        static_cast<double>(reader.bytes()));
  gauge("wal_archive_missing_segments", "Segments that are lost: needed, and not on their way.",
        static_cast<double>(state.lost));
  gauge("wal_archive_gaps", "Gaps of lost segments.",
        static_cast<double>(CountGaps(state, WalGap::Kind::kLost)));
  gauge("wal_archive_pending_segments", "Segments that are still on their way.",
        static_cast<double>(state.pending));
  gauge("wal_archive_acknowledged_gaps", "Gaps that are acknowledged.",
        static_cast<double>(CountGaps(state, WalGap::Kind::kAcknowledged)));
  gauge("wal_archive_foreign_timelines",
        "Timelines of another server: newer than the current one, or gone on after they were left.",
        static_cast<double>(state.newer.size() + state.diverged.size()));
  gauge("wal_archive_acknowledged_timelines", "Timelines of another server that are acknowledged.",
        static_cast<double>(state.acknowledged_timelines.size()));
  gauge("wal_archive_max_lag_seconds", "Limit of wal_archive_lag_seconds.",
        base::ToSeconds(spec.max_lag));
  gauge("wal_archive_corrupt_segments", "Segments that are damaged or not what their name says.",
        static_cast<double>(findings.broken.size()));
  if (spec.verify) {
    gauge("wal_archive_unverified_segments", "Segments that were not read yet.",
          static_cast<double>(findings.unverified));
  }
  const bool any_read = spec.verify && findings.segments > findings.unverified + findings.unjudged;
  if (any_read || !findings.broken.empty()) {
    gauge("backup_verification_success", "1 if the last verification proved it intact.",
          findings.broken.empty() ? 1 : 0);
  }
  if (state.timeline != 0) {
    gauge("wal_archive_timeline", "Timeline that is judged.", state.timeline);
    gauge("wal_archive_segment_size_bytes", "Size of one segment.",
          static_cast<double>(reader.inventory().segment_bytes));
  }
  if (findings.primary && reader.system_identifier()) {
    gauge("wal_archive_system_identifier_match", "1 if the archive is the primary's.",
          findings.other_cluster ? 0 : 1);
  }
  time("wal_archive_last_segment_timestamp_seconds", "When the newest segment arrived.",
       findings.last_segment);
  time("wal_archive_last_commit_timestamp_seconds",
       "Last commit in the WAL that can be reached from a base backup.", findings.last_commit);
  if (findings.lag_seconds) {
    gauge("wal_archive_lag_bytes", "WAL of the primary that is not in the archive.",
          *findings.lag_bytes);
  }
  if (findings.lag_seconds && !IsLagHidden(findings)) {
    gauge("wal_archive_lag_seconds", "Age of the first change that is not in the archive.",
          *findings.lag_seconds);
    report.Measure("wal_archive_lag_seconds", *findings.lag_seconds, "s", std::nullopt,
                   base::ToSeconds(spec.max_lag));
  }
  if (spec.window) {
    gauge("pitr_window_target_seconds", "How far back any point is promised to be restorable.",
          base::ToSeconds(*spec.window));
  }
  time("pitr_window_start_timestamp_seconds", "First point that can be restored.",
       findings.window_start);
  // A number that is far too small would page for nothing.
  if (findings.window_start && !IsEndKnown(spec, findings)) return;
  time("pitr_window_end_timestamp_seconds", "Last point that can be restored.",
       findings.window_end);
  if (findings.state.base_on_its_way || !IsLengthKnown(spec, findings)) return;
  const bool broken_off = !findings.bases.empty() && !findings.window_start;
  if (findings.window_start || broken_off || spec.window) {
    const double length =
        findings.window_start ? base::ToSeconds(*findings.window_end - *findings.window_start) : 0;
    gauge("pitr_window_seconds", "Length of the time any point of which can be restored.", length);
    if (findings.window_grows) {
      gauge("pitr_window_growing",
            "1 while an archive that is younger than its window has lost nothing of it.", 1);
    }
    report.Measure("pitr_window_seconds", length, "s");
  }
}

void AddWalChecks(const config::WalArchiveProbe& spec, const model::Labels& labels,
                  const catalog::WalReader& reader, const WalFindings& findings,
                  ProbeReport& report) {
  CheckSegments(reader, findings, report);
  if (findings.segments > 0) CheckVerified(spec, reader, findings, report);
  CheckLag(spec, reader, findings, report);
  CheckTimelines(reader, findings, report);
  if (findings.segments > 0) CheckWindow(spec, reader, findings, report);
  CheckTime(labels, findings, report);
}

}  // namespace drwatch::probes
