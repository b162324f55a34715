// Size and fingerprint of the objects of a place, by their names: without holding any names. Used
// within this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/place.h"

namespace drwatch::catalog {

struct StoredObject {
  std::int64_t size_bytes = 0;
  std::uint64_t fingerprint = 0;
};

// Looks at each where the place can do that, else lists them: 24 bytes each.
class StoredObjects {
 public:
  // `place` outlives this.
  StoredObjects(Place& place, PlaceContext context) : place_(place), context_(std::move(context)) {}

  // Before those whose names begin with `prefix`, which ends with '/', are asked for. One thread.
  tl::expected<void, Finding> Prepare(const std::string& prefix);
  // nullopt: there is none. Any thread.
  tl::expected<std::optional<StoredObject>, Finding> Find(const std::string& name) const;

 private:
  struct Row {
    std::uint64_t name = 0;  // a hash of it
    StoredObject object;
  };

  Place& place_;
  const PlaceContext context_;
  std::vector<Row> rows_;  // sorted
};

}  // namespace drwatch::catalog
