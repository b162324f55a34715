// The segment that pg_receivewal is writing ("....partial"), looked at again and again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "catalog/place.h"
#include "verify/wal_segment.h"

namespace drwatch::catalog {

// One timeline's, one after the other. In a folder only what was written since the last look is
// read. A packed one, and one in a bucket, is read as a whole. One thread. `place` outlives it.
class StreamedSegment {
 public:
  explicit StreamedSegment(Place& place) : place_(place) {}

  // Reads what is new, as far as `budget` lets it: the next call goes on there. What cannot be read
  // on is not read if it is longer than `whole_bytes`; then, and while it cannot be opened, what
  // was found of it before stands. `system_identifier`: the cluster it must belong to, 0 = any.
  void Read(const PlaceObject& object, std::uint64_t system_identifier, std::int64_t whole_bytes,
            verify::ReadBudget& budget);

  // Of the object that was read last: the end of its last whole record, and the time of its last
  // commit. nullopt: there is none, or it is no WAL of that cluster.
  std::optional<verify::Lsn> end() const { return end_; }
  std::optional<base::Timestamp> last_commit() const { return last_commit_; }

 private:
  void Begin(const std::string& name);
  void Take(const verify::WalSegmentFacts& facts);
  bool ReadOn(verify::Source& source, std::uint64_t system_identifier);
  void ReadWhole(const PlaceObject& object, std::uint64_t system_identifier,
                 verify::ReadBudget& budget);

  Place& place_;
  std::string name_;
  std::uint64_t fingerprint_ = 0;
  bool done_ = false;  // all of what has this fingerprint was read
  verify::WalMark mark_;
  std::optional<verify::Lsn> end_;
  std::optional<base::Timestamp> last_commit_;
};

}  // namespace drwatch::catalog
