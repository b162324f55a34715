#include "verify/backup_label.h"

#include "base/strings.h"

namespace drwatch::verify {

std::optional<BackupStart> ParseBackupLabel(std::string_view text) {
  // "START WAL LOCATION: 0/3000028 (file 000000010000000000000003)"
  constexpr std::string_view kKey = "START WAL LOCATION: ";
  constexpr std::string_view kFile = " (file ";
  for (std::string_view line : base::Split(text, '\n')) {
    line = base::Trim(line);
    if (!line.starts_with(kKey) || !line.ends_with(')')) continue;
    line.remove_prefix(kKey.size());
    line.remove_suffix(1);
    const std::size_t file = line.find(kFile);
    if (file == line.npos) return std::nullopt;
    const auto start = ParseLsn(line.substr(0, file));
    const auto name = ParseWalFileName(line.substr(file + kFile.size()));
    if (!start || !name) return std::nullopt;
    return BackupStart{name->timeline, *start};
  }
  return std::nullopt;
}

std::optional<BackupStart> ParseBackupParent(std::string_view text) {
  // "INCREMENTAL FROM LSN: 0/2000028", "INCREMENTAL FROM TLI: 1"
  constexpr std::string_view kLsn = "INCREMENTAL FROM LSN: ";
  constexpr std::string_view kTimeline = "INCREMENTAL FROM TLI: ";
  std::optional<Lsn> start;
  std::optional<std::int64_t> timeline;
  for (std::string_view line : base::Split(text, '\n')) {
    line = base::Trim(line);
    if (line.starts_with(kLsn)) start = ParseLsn(line.substr(kLsn.size()));
    if (line.starts_with(kTimeline)) timeline = base::ParseInt(line.substr(kTimeline.size()));
  }
  if (!start || !timeline) return std::nullopt;
  return BackupStart{static_cast<std::uint32_t>(*timeline), *start};
}

std::vector<std::string> ParseTablespaceMap(std::string_view text) {
  // "16416 /srv/fast"; a newline within a path stands behind a backslash.
  std::vector<std::string> oids;
  bool continued = false;
  for (const std::string_view line : base::Split(text, '\n')) {
    const std::string_view oid = line.substr(0, line.find(' '));
    const bool digits = !oid.empty() && oid.find_first_not_of("0123456789") == oid.npos;
    if (!continued && digits) oids.emplace_back(oid);
    continued = line.ends_with('\\');
  }
  return oids;
}

}  // namespace drwatch::verify
