#include "verify/barman_info.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kMaxTablespaces = 10'000;
constexpr std::size_t kMaxErrorBytes = 500;

constexpr std::array<std::pair<BarmanStatus, std::string_view>, 6> kStatuses = {{
    {BarmanStatus::kEmpty, "EMPTY"},
    {BarmanStatus::kStarted, "STARTED"},
    {BarmanStatus::kWaitingForWals, "WAITING_FOR_WALS"},
    {BarmanStatus::kDone, "DONE"},
    {BarmanStatus::kSyncing, "SYNCING"},
    {BarmanStatus::kFailed, "FAILED"},
}};

// Python literals as Barman's repr() writes them: [('name', 16385, '/path'), ...]. Only as much of
// the language as that.
class TablespaceList {
 public:
  explicit TablespaceList(std::string_view text) : left_(text) {}

  // The second element of each tuple. nullopt: it is no such list.
  std::optional<std::vector<std::uint32_t>> Oids() {
    std::vector<std::uint32_t> oids;
    if (!Take('[')) return std::nullopt;
    while (!Take(']')) {
      if (!Take('(') || !Text() || !Take(',')) return std::nullopt;
      const auto oid = Number();
      if (!oid || !Take(',') || !Text() || !Take(')')) return std::nullopt;
      oids.push_back(*oid);
      if (!Take(',') && !left_.starts_with(']')) return std::nullopt;
      if (oids.size() > kMaxTablespaces) return std::nullopt;
    }
    return left_.empty() ? std::optional(std::move(oids)) : std::nullopt;
  }

 private:
  bool Take(char c) {
    left_ = base::Trim(left_);
    if (!left_.starts_with(c)) return false;
    left_ = base::Trim(left_.substr(1));
    return true;
  }
  bool Text() {
    if (left_.starts_with('u')) left_.remove_prefix(1);  // Python 2
    if (left_.empty() || (left_[0] != '\'' && left_[0] != '"')) return false;
    const char quote = left_[0];
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (left_[i] == '\\') {
        ++i;
      } else if (left_[i] == quote) {
        left_ = base::Trim(left_.substr(i + 1));
        return true;
      }
    }
    return false;
  }
  std::optional<std::uint32_t> Number() {
    const bool quoted = left_.starts_with('\'');
    if (quoted) left_.remove_prefix(1);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), value);
    if (error != std::errc() || value == 0) return std::nullopt;
    left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
    if (left_.starts_with('L')) left_.remove_prefix(1);  // Python 2
    if (quoted) {
      if (!left_.starts_with('\'')) return std::nullopt;
      left_.remove_prefix(1);
    }
    return value;
  }

  std::string_view left_;
};

class InfoReader {
 public:
  // False: the value is impossible.
  bool Set(std::string_view key, std::string_view value) {
    if (value == "None") return true;
    if (key == "status") return Status(value);
    if (key == "begin_time") return Time(value, info.started);
    if (key == "end_time") return Time(value, info.finished);
    if (key == "begin_wal") return Segment(value, info.begin_wal);
    if (key == "end_wal") return Segment(value, info.end_wal);
    if (key == "begin_xlog") return Position(value, info.begin_lsn);
    if (key == "end_xlog") return Position(value, info.end_lsn);
    if (key == "timeline") return Number(value, info.timeline) && info.timeline > 0;
    if (key == "xlog_segment_size") {
      return Number(value, info.segment_bytes) && IsSegmentSize(info.segment_bytes);
    }
    if (key == "size") return Number(value, info.size_bytes) && info.size_bytes >= 0;
    if (key == "version") return Number(value, info.server_version) && info.server_version > 0;
    if (key == "systemid") return Number(Unquoted(value), info.system_identifier);
    if (key == "error") info.error = base::Truncate(value, kMaxErrorBytes);
    if (key == "mode") info.mode = value;
    if (key == "compression") info.compression = value;
    if (key == "encryption") info.encryption = value;
    if (key == "parent_backup_id") info.parent = value;
    if (key == "snapshots_info") info.snapshots = true;
    if (key == "tablespaces") return Tablespaces(value);
    return true;
  }

  BarmanInfo info;
  bool has_status = false;

 private:
  static std::string_view Unquoted(std::string_view value) {
    const bool quoted = value.size() > 1 && value[0] == '\'' && value.ends_with('\'');
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  template <typename T>
  static bool Number(std::string_view text, T& out) {
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, out);
    return error == std::errc() && end == last;
  }
  bool Status(std::string_view value) {
    for (const auto& [status, name] : kStatuses) {
      if (name != value) continue;
      info.status = status;
      has_status = true;
    }
    return has_status;
  }
  // Old ones have no zone: then they say nothing for sure.
  static bool Time(std::string_view value, std::optional<base::Timestamp>& out) {
    out = ParseIsoTime(value);
    return true;
  }
  static bool Segment(std::string_view value, std::string& out) {
    const auto name = ParseWalFileName(value);
    if (!name || name->kind != WalFileName::Kind::kSegment || name->packed) return false;
    out = value;
    return true;
  }
  static bool Position(std::string_view value, std::optional<Lsn>& out) {
    out = ParseLsn(value);
    return out.has_value();
  }
  bool Tablespaces(std::string_view value) {
    auto oids = TablespaceList(value).Oids();
    if (!oids) return false;
    info.tablespaces = std::move(*oids);
    return true;
  }
};

}  // namespace

std::string_view BarmanStatusName(BarmanStatus status) {
  for (const auto& [one, name] : kStatuses) {
    if (one == status) return name;
  }
  std::abort();
}

Walked<BarmanInfo> ParseBarmanInfo(std::string_view text) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (base::Trim(text).empty()) return Broken(Reason::kTooSmall, 0, "the file is empty");
  if (!text.ends_with('\n'))
    return Broken(Reason::kIncomplete, size, "ends in the middle of a line");
  InfoReader reader;
  std::int64_t offset = 0;
  for (const std::string_view line : base::Split(text, '\n')) {
    const std::int64_t begin =
        std::exchange(offset, offset + static_cast<std::int64_t>(line.size()) + 1);
    const std::string_view trimmed = base::Trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    const std::size_t equals = trimmed.find('=');
    if (equals == trimmed.npos) return Broken(Reason::kCorrupt, begin, "a line without \"=\"");
    const std::string_view key = base::Trim(trimmed.substr(0, equals));
    if (reader.Set(key, base::Trim(trimmed.substr(equals + 1)))) continue;
    return Broken(Reason::kCorrupt, begin, "an impossible " + base::Quote(base::Truncate(key, 40)));
  }
  // Sorted by name, "version" is the last line that each has.
  if (!reader.has_status) return Broken(Reason::kIncomplete, size, "says no status");
  BarmanInfo info = std::move(reader.info);
  const bool finished =
      info.status == BarmanStatus::kDone || info.status == BarmanStatus::kWaitingForWals;
  if (finished && (info.begin_wal.empty() || info.end_wal.empty() || info.server_version == 0)) {
    return Broken(Reason::kIncomplete, size,
                  "says " + std::string(BarmanStatusName(info.status)) +
                      ", but not all of begin_wal, end_wal and version");
  }
  return info;
}

Walked<std::vector<XlogDbLine>> ParseXlogDb(std::string_view text) {
  std::vector<XlogDbLine> lines;
  std::int64_t offset = 0;
  for (const std::string_view line : base::Split(text, '\n')) {
    const std::int64_t begin =
        std::exchange(offset, offset + static_cast<std::int64_t>(line.size()) + 1);
    if (base::Trim(line).empty()) continue;
    const std::vector<std::string_view> fields = base::Split(line, '\t');
    const auto size = fields.size() >= 3 ? base::ParseInt(fields[1]) : std::nullopt;
    if (!size || *size < 0 || !ParseWalFileName(fields[0])) {
      return Broken(Reason::kCorrupt, begin, "damaged line");
    }
    lines.push_back({std::string(fields[0]), *size});
  }
  return lines;
}

}  // namespace drwatch::verify
