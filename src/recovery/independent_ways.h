// How many ways back do not depend on each other: none of them is lost with what another one needs.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drwatch::recovery {

// The places that one way back needs: where a copy lies or which server takes over, and for WAL
// also where its base backup lies (of a base backup without WAL: the archive). Both may be the same
// place.
struct NeededPlaces {
  std::string first;
  std::string second;  // empty: it needs no other
};

// The most ways of which no two need the same place.
std::int64_t CountIndependentWays(const std::vector<NeededPlaces>& ways);

}  // namespace drwatch::recovery
