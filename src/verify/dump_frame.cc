#include "verify/dump_frame.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kDump = "-- PostgreSQL database dump";
constexpr std::string_view kCluster = "-- PostgreSQL database cluster dump";
constexpr std::string_view kComplete = " complete";
constexpr std::string_view kDumpComplete = "-- PostgreSQL database dump complete";
constexpr std::string_view kClusterComplete = "-- PostgreSQL database cluster dump complete";
constexpr std::string_view kStarted = "-- Started on ";

// How statements begin: the rule `stmt` of gram.y, up to version 18.
constexpr auto kCommands = std::to_array<std::string_view>(
    {"abort",   "alter",   "analyse", "analyze", "begin",    "call",      "checkpoint",
     "close",   "cluster", "comment", "commit",  "copy",     "create",    "deallocate",
     "declare", "delete",  "discard", "do",      "drop",     "end",       "execute",
     "explain", "fetch",   "grant",   "import",  "insert",   "listen",    "load",
     "lock",    "merge",   "move",    "notify",  "prepare",  "reassign",  "refresh",
     "reindex", "release", "reset",   "revoke",  "rollback", "savepoint", "security",
     "select",  "set",     "show",    "start",   "table",    "truncate",  "unlisten",
     "update",  "vacuum",  "values",  "with"});

}  // namespace

bool BeginsStatement(std::string_view line) {
  line = base::Trim(line);
  constexpr std::string_view kOther = "\\(;";
  if (line.empty() || kOther.find(line[0]) != kOther.npos || line.starts_with("/*")) return true;
  const auto end = std::find_if(line.begin(), line.end(), [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  });
  const std::string word = base::Lower(std::string_view(line.begin(), end));
  return std::find(kCommands.begin(), kCommands.end(), word) != kCommands.end();
}

std::optional<DumpFrame::Defect> DumpFrame::Take(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.starts_with("--")) {
    const bool stray = ended_ && !BeginsStatement(line);
    // pg_dump's own command stands behind its end mark.
    const bool belongs = base::Trim(line).empty() || line.starts_with("\\unrestrict ");
    ended_ = ended_ && belongs;
    if (!stray) return std::nullopt;
    return Defect{Reason::kCorrupt,
                  "what follows the end of the dump does not begin as a statement does"};
  }
  if (line.starts_with(kStarted) && (dump_open_ || cluster_open_)) {
    const auto time = ParseWallClock(line.substr(kStarted.size()));
    if (time && (!started_ || *time < *started_)) started_ = time;
    return std::nullopt;
  }
  const bool complete = line.ends_with(kComplete);
  if (complete) line.remove_suffix(kComplete.size());
  if (line != kDump && line != kCluster) return std::nullopt;
  bool& open = line == kDump ? dump_open_ : cluster_open_;
  ended_ = complete;
  if (!complete && open) {
    return Defect{Reason::kIncomplete, "the dump before this line has no end mark"};
  }
  const bool stray = complete && !open;
  open = !complete;
  begun_ = true;
  if (!stray) return std::nullopt;
  return Defect{Reason::kCorrupt,
                "a second end mark: the rest of a longer file lies behind the end of the dump"};
}

std::string_view DumpFrame::Missing() const {
  if (cluster_open_) return kClusterComplete;
  return dump_open_ || !begun_ ? kDumpComplete : "";
}

}  // namespace drwatch::verify
