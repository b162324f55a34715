// The WAL that a base backup needs to become consistent and does not carry itself (pg_basebackup
// -X none): an archive has to have it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "verify/wal_name.h"

namespace drwatch::verify {

struct WalRange {
  std::uint32_t timeline = 0;
  Lsn start = 0;
  Lsn end = 0;
};

struct NeededWal {
  std::vector<WalRange> ranges;
  std::uint64_t system_identifier = 0;  // of the cluster, even without ranges; 0: not known

  bool empty() const { return ranges.empty(); }
  // "WAL 0/2000028 to 0/2000100 of timeline 1".
  std::string ToString() const;
  // What is to be said of a backup that lacks nothing else.
  std::string Complaint() const;
};

// For a row of a database, and back; empty for none. What is no such row is none.
std::string PackNeededWal(const NeededWal& needed);
NeededWal UnpackNeededWal(std::string_view text);

}  // namespace drwatch::verify
