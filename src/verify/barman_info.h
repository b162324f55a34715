// What Barman writes about its backups and WAL: backup.info and xlog.db (infofile.py of barman).
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

inline constexpr std::int64_t kMaxBarmanInfoBytes = 4 << 20;
// A million segments.
inline constexpr std::int64_t kMaxXlogDbBytes = 96 << 20;

enum class BarmanStatus {
  kEmpty,
  kStarted,         // being copied; also what a killed backup stays
  kWaitingForWals,  // copied, but its WAL is not complete yet
  kDone,
  kSyncing,  // being copied from another Barman
  kFailed,
};
// "DONE" ...
std::string_view BarmanStatusName(BarmanStatus status);

struct BarmanInfo {
  BarmanStatus status = BarmanStatus::kEmpty;
  // Absent if not known yet, or written without a zone (before Barman 2).
  std::optional<base::Timestamp> started, finished;
  std::string begin_wal, end_wal;  // segments; empty = not known yet
  std::optional<Lsn> begin_lsn, end_lsn;
  std::uint32_t timeline = 0;
  std::int64_t segment_bytes = kDefaultSegmentBytes;
  std::int64_t size_bytes = 0;
  std::int64_t server_version = 0;  // 150004
  std::uint64_t system_identifier = 0;
  std::string error;  // what went wrong, one line
  std::string mode;   // "postgres", "rsync-concurrent" ...; empty for cloud backups
  std::string compression;
  std::string encryption;
  std::string parent;                      // of an incremental one
  std::vector<std::uint32_t> tablespaces;  // their OIDs
  bool snapshots = false;                  // disk snapshots: there is nothing to read here
};

// Faults: kIncomplete or kCorrupt (a line that is none, a value that cannot be, no status).
Walked<BarmanInfo> ParseBarmanInfo(std::string_view text);

struct XlogDbLine {
  std::string name;
  std::int64_t size_bytes = 0;
};
// The lines of xlog.db, oldest first. Fault kCorrupt: a line that is none.
Walked<std::vector<XlogDbLine>> ParseXlogDb(std::string_view text);

}  // namespace drwatch::verify
