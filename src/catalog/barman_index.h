// What Barman's list of WAL says: <home>/<server>/wals/main-xlog.db, before Barman 3.13 xlog.db.
// Used within this folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "catalog/backup_wal.h"
#include "catalog/place.h"

namespace drwatch::catalog {

// The list of one server. One thread at a time.
class BarmanIndex {
 public:
  // All of it is compared with the files there are again after this time, and one that is not there
  // is looked for.
  static constexpr base::Duration kCompareEvery{600'000};
  // WAL files that it is compared with; with more only those that backups need are.
  static constexpr std::int64_t kMaxCompared = 200'000;

  // `place` outlives it.
  explicit BarmanIndex(Place& place) : place_(place) {}

  // Looks for the list of `server` and reads it if it changed. An error: nothing could be seen.
  tl::expected<void, Finding> Read(const std::string& server, base::Timestamp now,
                                   const PlaceContext& context);
  // What is wrong with all of it, in either direction, or with itself.
  const std::optional<Finding>& finding() const { return finding_; }
  // What it says of segments that are there.
  std::optional<Finding> DefectOf(const BackupWal& wal) const;

 private:
  tl::expected<std::optional<PlaceObject>, Finding> Find(base::Timestamp now,
                                                         const PlaceContext& context);
  tl::expected<void, Finding> Compare(base::Timestamp now, const PlaceContext& context);
  void FindDifference(const PlaceListing& listing, base::Timestamp now);
  void Clear();

  Place& place_;
  std::string server_;
  std::string name_;  // below the server's folder; empty: there is none
  std::uint64_t fingerprint_ = 0;
  std::optional<base::Timestamp> looked_;      // for the file
  std::map<std::string, std::int64_t> sizes_;  // of segments, by name
  std::optional<base::Timestamp> compared_;
  std::optional<Finding> finding_;
};

}  // namespace drwatch::catalog
