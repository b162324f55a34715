// What a recovery to the latest point does where a timeline is known by its history file alone.
// Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "catalog/wal_archive.h"

namespace drwatch::catalog {

// The segment in which a timeline begins. Where it is not here and a parent's is, PostgreSQL takes
// that one, replays it beyond the switch and goes on with the parent: what was left comes back.
struct SwitchSegment {
  WalRange missing;
  std::uint32_t parent = 0;  // whose segment is here
  base::Timestamp since{};   // when the history file came
  bool on_its_way = false;   // it is not late yet
};

// Of the timeline that is judged. nullopt: it is here, or nothing stands in for it.
std::optional<SwitchSegment> FindMissingSwitchSegment(const WalInventory& inventory,
                                                      const WalQuestion& question,
                                                      const WalArchiveState& state);

}  // namespace drwatch::catalog
