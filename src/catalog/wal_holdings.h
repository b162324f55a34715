// Which segments a WAL archive holds, of whatever timeline, and whether that is what a base backup
// without WAL of its own needs. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/wal_archive.h"
#include "verify/needed_wal.h"

namespace drwatch::catalog {

struct WalHoldings {
  std::int64_t segment_bytes = verify::kDefaultSegmentBytes;
  std::uint64_t system_identifier = 0;  // 0 = not known
  std::vector<WalRange> runs;           // by timeline and number, each as long as it can be
  // Segments that are there and cannot be used: timeline and number.
  std::set<std::pair<std::uint32_t, std::uint64_t>> broken;
};

WalHoldings TakeWalHoldings(const WalInventory& inventory,
                            std::set<std::pair<std::uint32_t, std::uint64_t>> broken,
                            std::uint64_t system_identifier);

struct WalLack {
  std::string why;
  bool absent = false;  // it is only not there: neither damaged nor another cluster's
};

// What keeps it from holding all of it without a gap; nullopt: nothing does. The segment in which a
// timeline was left may be the next timeline's, which begins with a copy of it.
std::optional<WalLack> FindLack(const WalHoldings& holdings, const verify::NeededWal& needed);
std::optional<std::string> WhyNotHeld(const WalHoldings& holdings, const verify::NeededWal& needed);

}  // namespace drwatch::catalog
