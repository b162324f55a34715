#include "catalog/stored_objects.h"

#include <algorithm>

#include "catalog/artefact_names.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

using model::Reason;

tl::expected<void, Finding> StoredObjects::Prepare(const std::string& prefix) {
  if (place_.look() != nullptr) return {};
  ListOptions list;
  list.prefix = prefix;
  list.max_objects = verify::kMaxFiles;
  auto listed = place_.Each(list, context_, [this](const PlaceObject& object) {
    rows_.push_back({StampOf(object.name), {object.size_bytes, object.fingerprint}});
  });
  std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  if (!listed && listed.error().reason != Reason::kNotFound) {
    return tl::unexpected(std::move(listed.error()));
  }
  return {};
}

tl::expected<std::optional<StoredObject>, Finding> StoredObjects::Find(
    const std::string& name) const {
  if (const ObjectLook* const look = place_.look(); look != nullptr) {
    auto object = look->Look(name);
    if (object) return StoredObject{object->size_bytes, object->fingerprint};
    if (object.error().reason == Reason::kNotFound) return std::nullopt;
    return tl::unexpected(std::move(object.error()));
  }
  const std::uint64_t hash = StampOf(name);
  const auto found =
      std::lower_bound(rows_.begin(), rows_.end(), hash,
                       [](const Row& row, std::uint64_t value) { return row.name < value; });
  if (found == rows_.end() || found->name != hash) return std::nullopt;
  return found->object;
}

}  // namespace drwatch::catalog
