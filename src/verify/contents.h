// What is inside an artefact, as far as its format tells: what the next one of its kind is compared
// with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace drwatch::verify {

struct Contents {
  // With rows ("public.orders"), sorted; of what pg_dump wrote. Empty: none, not told, or more than
  // TableList keeps.
  std::vector<std::string> tables;
  // Of everything packed: its size and what it unpacks to. 0: nothing is packed.
  std::int64_t packed_bytes = 0;
  std::int64_t unpacked_bytes = 0;
  // When pg_dump began, just before it took its snapshot, or no later than when: mysqldump tells
  // its end. By a clock on the wall there, in an unknown zone, read as UTC. nullopt: not told.
  std::optional<base::Timestamp> begun;
};

// Gathers names of tables within limits, whatever a file says.
class TableList {
 public:
  static constexpr std::size_t kMaxTables = 10'000;
  static constexpr std::size_t kMaxBytes = 512 << 10;
  static constexpr std::size_t kMaxNameBytes = 256;

  // `schema` may be empty.
  void Add(std::string_view schema, std::string_view table);
  // Sorted, each once. Empty if there were too many: half a list would make tables vanish.
  std::vector<std::string> Take();

 private:
  std::vector<std::string> names_;
  std::size_t bytes_ = 0;
  bool too_many_ = false;
};

}  // namespace drwatch::verify
