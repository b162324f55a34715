#include "verify/wal_text.h"

#include "base/strings.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

tl::unexpected<Fault> BadLine(std::size_t line, const std::string& message) {
  return tl::unexpected(
      Fault{Outcome::kBroken, Reason::kCorrupt, "line " + std::to_string(line), message});
}

// "0/3000028 (file 000000010000000000000003)" -> the position.
std::optional<Lsn> LocationOf(std::string_view value) {
  return ParseLsn(value.substr(0, value.find(' ')));
}

// The same text -> the timeline of that segment; 0: it names none.
std::uint32_t SegmentTimelineOf(std::string_view value) {
  constexpr std::string_view kFile = " (file ";
  const std::size_t file = value.find(kFile);
  if (file == std::string_view::npos || !value.ends_with(')')) return 0;
  value.remove_prefix(file + kFile.size());
  value.remove_suffix(1);
  const auto name = ParseWalFileName(value);
  return name ? name->timeline : 0;
}

std::optional<std::uint32_t> TimelineOf(std::string_view text) {
  const auto value = base::ParseInt(text);
  if (!value || *value < 1 || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

}  // namespace

Walked<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view text,
                                                         std::uint32_t timeline) {
  std::vector<TimelineSwitch> switches;
  std::size_t number = 0;
  for (const std::string_view whole : base::Split(text, '\n')) {
    ++number;
    const std::string_view line = base::Trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    // timeline.c: "parentTLI<tab>switchpoint<tab>reason"; blanks are as good as tabs.
    const std::size_t first = line.find_first_of(" \t");
    if (first == std::string_view::npos) return BadLine(number, "is no timeline and position");
    const std::string_view rest = base::Trim(line.substr(first));
    const auto parent = TimelineOf(line.substr(0, first));
    const auto at = ParseLsn(rest.substr(0, rest.find_first_of(" \t")));
    if (!parent || !at) return BadLine(number, "is no timeline and position");
    const bool grows =
        switches.empty() || (*parent > switches.back().timeline && *at >= switches.back().at);
    if (!grows) return BadLine(number, "does not come after the line before it");
    if (*parent >= timeline) {
      return BadLine(number, "timeline " + std::to_string(*parent) +
                                 " cannot lie behind timeline " + std::to_string(timeline));
    }
    switches.push_back({*parent, *at});
  }
  if (switches.empty()) return BadLine(1, "names no timeline");
  // timeline.c ends each line: a position that lost its last digits is another one.
  if (!text.ends_with('\n')) return BadLine(number, "is cut off");
  return switches;
}

Walked<BackupHistory> ParseBackupHistory(std::string_view text) {
  BackupHistory backup;
  bool has_start = false;
  bool has_stop = false;
  std::uint32_t first_timeline = 0;  // that of the segments that the locations lie in
  std::uint32_t last_timeline = 0;
  for (const std::string_view line : base::Split(text, '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = base::Trim(line.substr(colon + 2));
    if (key == "START WAL LOCATION" || key == "STOP WAL LOCATION") {
      const auto location = LocationOf(value);
      if (!location) return Broken(Reason::kCorrupt, 0, "unreadable " + base::Lower(key));
      (key.starts_with("START") ? backup.start : backup.stop) = *location;
      (key.starts_with("START") ? has_start : has_stop) = true;
      (key.starts_with("START") ? first_timeline : last_timeline) = SegmentTimelineOf(value);
    } else if (key == "START TIME") {
      backup.started = ParseUtc(value);
    } else if (key == "STOP TIME") {
      backup.stopped = ParseUtc(value);
    } else if (key == "START TIMELINE") {
      first_timeline = TimelineOf(value).value_or(0);
    } else if (key == "STOP TIMELINE") {
      last_timeline = TimelineOf(value).value_or(0);
    } else if (key == "LABEL") {
      backup.label = value;
    }
  }
  if (!has_start || !has_stop || backup.stop < backup.start) {
    return Broken(Reason::kCorrupt, 0, "does not say where the backup began and ended");
  }
  if (first_timeline != 0) backup.timeline = first_timeline;
  backup.stop_timeline = last_timeline;
  return backup;
}

}  // namespace drwatch::verify
