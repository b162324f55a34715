// Reads a WAL archive through its place: which files it holds, its timeline histories and the base
// backups that left a mark in it. What did not change is not read again, and a large archive is not
// listed again from its start at every look.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/place.h"
#include "catalog/wal_archive.h"
#include "catalog/wal_removals.h"

namespace drwatch::catalog {

// `objects` in the order of their names. Never fails: names that mean nothing are left out.
WalInventory TakeWalInventory(const std::vector<PlaceObject>& objects, std::int64_t segment_bytes);

// What the names say of the size of segments, where no content does: how many of them make 4 GiB
// shows where the middle part of the names goes up. The default size if it does not show.
std::int64_t GuessSegmentBytes(const std::vector<PlaceObject>& objects);

// Whether one of WalReader::problems() is a text's own, not that of who would read it.
bool IsDamage(const Finding& problem);

// What one look leaves for the first one after a restart.
struct WalLookBefore {
  std::int64_t segment_bytes = 0;  // 0: there was none
  std::vector<SeenWal> segments;
  friend bool operator==(const WalLookBefore&, const WalLookBefore&) = default;
};

// One archive, looked at again and again. One thread at a time.
class WalReader {
 public:
  // A full listing is due after this time for each thousand objects of the last one (the size of a
  // page of S3's), at most after kMaxFullEvery. In between only what follows is listed.
  static constexpr base::Duration kFullEveryThousand{10'000};
  static constexpr base::Duration kMaxFullEvery{3'600'000};
  // How many segments before the newest one a partial listing begins: they may come out of order.
  static constexpr std::size_t kOverlap = 64;

  // `place` outlives it. Only names that begin with `prefix` belong to the archive.
  WalReader(Place& place, std::string prefix);

  // What the server says, 0 = nobody does: for archives of which no segment tells its size.
  void ExpectSegmentBytes(std::int64_t bytes);
  // Before the first look: what went away since the one before shows then, too.
  void Remember(WalLookBefore before) { before_ = std::move(before); }
  // Looks. On a Finding everything stays as it was.
  tl::expected<void, Finding> Refresh(base::Timestamp now, const PlaceContext& context);

  // The next look lists everything.
  void ListAll() { last_full_.reset(); }

  const std::string& prefix() const { return prefix_; }
  const std::vector<PlaceObject>& objects() const { return objects_; }
  // Grows when anything was listed that was not there before, or is gone.
  std::uint64_t changes() const { return changes_; }
  const WalInventory& inventory() const { return inventory_; }
  // Segments that went away in the last looks, and may be being pruned.
  WalSegmentSet removed() const { return removals_.recent(); }
  WalSegmentSet Leaving(base::Timestamp now) const { return removals_.Leaving(now); }
  WalLookBefore seen() const {
    return {inventory_.segment_bytes, removals_.Seen(inventory_.segments)};
  }
  std::int64_t bytes() const { return bytes_; }
  const std::map<std::uint32_t, std::vector<verify::TimelineSwitch>>& histories() const {
    return histories_;
  }
  // Timelines whose history files are there, but cannot be read: they are encrypted, or not to be
  // had now.
  const std::set<std::uint32_t>& unread_histories() const { return unread_histories_; }
  // From .backup files, which say that a base backup was finished, not that it still exists. Of
  // those that cannot be read the name says where it began, and their time when it ended.
  const std::vector<WalBase>& bases() const { return bases_; }
  // Text files that cannot be read (kUnverified: they are encrypted) or are damaged (IsDamage).
  const std::vector<Finding>& problems() const { return problems_; }
  // Symbolic links named like WAL, or like a folder of it, that lead nowhere.
  const std::vector<std::string>& dead_links() const { return dead_links_; }
  // Of the cluster, if a segment told it.
  std::optional<std::uint64_t> system_identifier() const { return system_identifier_; }
  // Whether a segment or the server told the size of segments; else it is what the names let guess.
  bool size_known() const { return system_identifier_ || expected_bytes_ != 0; }
  // The cluster is not the expected one: it is looked up again when the archive changes.
  void DoubtSystem() { doubted_ = true; }

 private:
  tl::expected<bool, Finding> List(base::Timestamp now, const PlaceContext& context);
  std::string ResumeAfter() const;
  void ReadHead(const PlaceContext& context);
  void TakeInventory();
  void ReadTexts(const PlaceContext& context);
  bool IsSealed(const std::string& text, const std::string& name);
  bool IsNamedSealed(const std::string& name);
  WalBase BaseByName(const PlaceObject& object) const;

  Place& place_;
  const std::string prefix_;
  std::vector<PlaceObject> objects_;
  std::vector<std::string> dead_links_;
  WalInventory inventory_;
  WalRemovals removals_;
  std::optional<WalLookBefore> before_;
  std::int64_t bytes_ = 0;
  std::map<std::uint32_t, std::vector<verify::TimelineSwitch>> histories_;
  std::set<std::uint32_t> unread_histories_;
  std::vector<WalBase> bases_;
  std::vector<Finding> problems_;
  std::optional<std::uint64_t> system_identifier_;
  std::int64_t expected_bytes_ = 0;
  bool doubted_ = false;
  std::optional<base::Timestamp> last_full_;
  bool texts_due_ = true;
  std::uint64_t changes_ = 0;
  // Text files by name, with the fingerprint they had when they were read.
  std::map<std::string, std::pair<std::uint64_t, std::string>> texts_;
};

}  // namespace drwatch::catalog
