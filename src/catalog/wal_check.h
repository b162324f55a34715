// Reads segments of an archive to their end, one after the other, so that records that begin in one
// and end in the next are checked, too.
#pragma once

#include <optional>
#include <string>

#include "catalog/place.h"
#include "verify/wal_segment.h"

namespace drwatch::catalog {

struct WalCheck {
  verify::Outcome outcome = verify::Outcome::kUnjudged;
  model::Reason reason = model::Reason::kNone;  // kNone only if intact
  std::string text;               // "byte 123: wrong checksum of ..."; empty if intact
  verify::WalSegmentFacts facts;  // of an intact one
};

// One thread. `place` outlives it. A copy goes on from where it was made.
class WalChecker {
 public:
  // `system_identifier`: another cluster's segments are broken; 0 = any cluster's will do.
  WalChecker(Place& place, std::uint64_t system_identifier)
      : place_(place), system_identifier_(system_identifier) {}

  // A segment or a partial one. Its start is checked against the last one if it follows that on its
  // own timeline or on a child's.
  WalCheck Check(const PlaceObject& object, verify::ReadBudget& budget);
  // Whether a segment that was checked without the one before it goes on where the last one ends;
  // reads no more of it than that takes.
  WalCheck CheckStart(const PlaceObject& object, verify::ReadBudget& budget);
  // What comes next is not a child of what came before.
  void Forget() { carry_.reset(); }

 private:
  enum class Extent { kWhole, kStart };
  WalCheck CheckExtent(const PlaceObject& object, Extent extent, verify::ReadBudget& budget);

  Place& place_;
  const std::uint64_t system_identifier_;
  std::optional<verify::WalCarry> carry_;
  std::uint32_t carry_timeline_ = 0;
};

}  // namespace drwatch::catalog
