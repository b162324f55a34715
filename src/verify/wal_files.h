// The WAL that a base backup carries: whether what it needs to become consistent is there and
// whole, record by record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verify/manifest.h"
#include "verify/wal_segment.h"

namespace drwatch::verify {

class WalFiles {
 public:
  // What the manifest says it needs; without it nothing of what is added is read.
  void Need(std::vector<WalRange> ranges) { ranges_ = std::move(ranges); }
  // One file of pg_wal, in the order of their names: records go on from one to the next. Names that
  // are no segment's are left out. Fault: what is wrong with a segment that is needed (its place is
  // "WAL segment ..."), or with `content` (the place is that of the source).
  Walked<void> Add(const std::string& name, std::int64_t size, Source& content);
  // Once all were added: every segment of the ranges is there and has its size. Fault: kIncomplete,
  // naming the first one, or kCorrupt for impossible ranges.
  Walked<void> Check() const;
  // Fault: kCorrupt, of impossible ranges.
  static Walked<void> CheckRanges(const std::vector<WalRange>& ranges);
  std::size_t count() const { return segment_bytes_.size(); }
  // Of the segments that are needed; 0: there was none.
  std::uint64_t system_identifier() const { return system_identifier_; }
  // The magic numbers of the segments that are needed, and the first segment that has each.
  const std::map<std::uint16_t, std::string>& magics() const { return magics_; }
  // True if a needed segment was not added right behind the one before it: a record that goes on
  // from one to the other was not checked.
  bool unchained() const { return unchained_; }

 private:
  // How far a segment is needed; 0: it is not.
  Lsn NeededUntil(const WalFileName& name, std::int64_t size) const;
  Walked<void> Walk(const WalFileName& name, Lsn until, Source& content);

  std::vector<WalRange> ranges_;
  std::map<std::string, std::int64_t> segment_bytes_;  // by name
  std::map<std::uint16_t, std::string> magics_;
  std::optional<WalCarry> carry_;  // of the segment that was added last
  std::uint64_t system_identifier_ = 0;
  bool unchained_ = false;
};

}  // namespace drwatch::verify
