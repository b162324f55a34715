// Where the window of an archive began when it was seen first, remembered over restarts: an archive
// that grows has lost nothing, one that was cut has. That of another cluster begins anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/wal_archive.h"
#include "db/database.h"

namespace drwatch::probes {

std::vector<db::Migration> WalWindowStartMigrations();

// Of one probe. Not thread-safe. Without a database it lives in memory only.
class WalWindowStart {
 public:
  // What tells when a base backup ended may tell it a little later than another.
  static constexpr base::Duration kSameStart{5 * 60 * 1000};

  // `database` may be nullptr and outlives it.
  WalWindowStart(db::Database* database, std::string probe);

  // The window reaches from a base backup that ended at `start`, of that cluster (0: not known), to
  // `end`. True if it never began earlier, and nothing in the archive is older than `promised`
  // before its end: it is as long as it can be yet.
  bool Grows(base::Timestamp start, std::uint64_t system_identifier,
             const catalog::WalInventory& inventory, base::Duration promised, base::Timestamp end);

 private:
  void Load();
  void Keep(base::Timestamp start, std::uint64_t system_identifier);

  db::Database* const database_;
  const std::string probe_;
  bool loaded_ = false;
  std::optional<base::Timestamp> earliest_;
  std::uint64_t system_identifier_ = 0;
};

}  // namespace drwatch::probes
