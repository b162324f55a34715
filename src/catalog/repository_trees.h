// The objects below each backup of a repository: how many, how large, how new. Listed again when
// something says that they changed, and from time to time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "catalog/place.h"

namespace drwatch::catalog {

struct BackupTree {
  base::Timestamp listed{};
  std::int64_t size_bytes = 0;
  std::int64_t files = 0;
  base::Timestamp newest{};       // change of any of them
  std::uint64_t fingerprint = 0;  // changes when any of them does
  std::uint64_t marks = 0;        // what TreeLook saw
};

// Is told the name of each object, relative to the tree; returns bits for BackupTree::marks.
// With kLeftOut the object is no part of the backup itself, and does not count.
using TreeLook = std::uint64_t (*)(std::string_view name);
inline constexpr std::uint64_t kLeftOut = std::uint64_t{1} << 63;

// One repository's. One thread at a time.
class BackupTrees {
 public:
  // A tree that has not changed for kSettledAfter is listed again after kSettledEvery, a large one
  // later: after kSettledThousand more for each thousand files, at most after kSettledMost.
  static constexpr base::Duration kSettledAfter{3'600'000};
  static constexpr base::Duration kSettledEvery{600'000};
  static constexpr base::Duration kSettledThousand{5'000};
  static constexpr base::Duration kSettledMost{6 * 3'600'000};
  // Files of one backup; more is kLimit.
  static constexpr std::int64_t kMaxFiles = 5'000'000;

  BackupTrees(Place& place, TreeLook look) : place_(place), look_(look) {}

  enum class Use { kCached, kFresh };
  // `prefix` ends with '/'. The tree is owned by this, until Keep().
  tl::expected<const BackupTree*, Finding> Get(const std::string& prefix, Use use,
                                               base::Timestamp now, const PlaceContext& context);
  // Forgets all others.
  void Keep(const std::set<std::string>& prefixes);

 private:
  Place& place_;
  const TreeLook look_;
  std::map<std::string, BackupTree> trees_;
};

// Without remembering anything.
tl::expected<BackupTree, Finding> ListTree(Place& place, const std::string& prefix, TreeLook look,
                                           const PlaceContext& context);

}  // namespace drwatch::catalog
