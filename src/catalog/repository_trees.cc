#include "catalog/repository_trees.h"

#include <algorithm>

#include "catalog/place_files.h"

namespace drwatch::catalog {

tl::expected<BackupTree, Finding> ListTree(Place& place, const std::string& prefix, TreeLook look,
                                           const PlaceContext& context) {
  ListOptions options;
  options.prefix = prefix;
  options.max_objects = BackupTrees::kMaxFiles;
  BackupTree tree;
  const auto listed = place.Each(options, context, [&](const PlaceObject& object) {
    const std::uint64_t marks = look(std::string_view(object.name).substr(prefix.size()));
    tree.marks |= marks & ~kLeftOut;
    if ((marks & kLeftOut) != 0) return;
    tree.size_bytes += object.size_bytes;
    ++tree.files;
    tree.newest = std::max(tree.newest, object.modified);
    tree.fingerprint += FingerprintOf(object);
  });
  if (!listed) return tl::unexpected(listed.error());
  return tree;
}

tl::expected<const BackupTree*, Finding> BackupTrees::Get(const std::string& prefix, Use use,
                                                          base::Timestamp now,
                                                          const PlaceContext& context) {
  const auto known = trees_.find(prefix);
  if (known != trees_.end() && use == Use::kCached) {
    const BackupTree& tree = known->second;
    const bool settled = tree.listed - tree.newest > kSettledAfter;
    const base::Duration every =
        std::min(kSettledMost, kSettledEvery + kSettledThousand * (tree.files / 1000));
    if (settled && now >= tree.listed && now - tree.listed < every) return &tree;
  }
  auto fresh = ListTree(place_, prefix, look_, context);
  if (!fresh) return tl::unexpected(std::move(fresh.error()));
  fresh->listed = now;
  return &(trees_[prefix] = *fresh);
}

void BackupTrees::Keep(const std::set<std::string>& prefixes) {
  std::erase_if(trees_, [&](const auto& entry) { return !prefixes.contains(entry.first); });
}

}  // namespace drwatch::catalog
