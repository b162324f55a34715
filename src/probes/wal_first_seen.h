// When segments that are dated in the future were seen first, by this machine's clock, remembered
// over restarts: how long what is missing before them may be on its way counts from then.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "catalog/wal_archive.h"
#include "db/database.h"

namespace drwatch::probes {

std::vector<db::Migration> WalFirstSeenMigrations();

// Of one probe. Not thread-safe. Without a database it lives in memory only.
class WalFirstSeen {
 public:
  using Times = std::map<std::pair<std::uint32_t, std::uint64_t>, base::Timestamp>;

  // `database` may be nullptr and outlives it.
  WalFirstSeen(db::Database* database, std::string probe);

  // By timeline and number.
  const Times& times();
  // Notes the first segments of `runs`, which lie behind what is missing, and forgets those that
  // are such no more. True if that changed anything.
  bool Note(const std::vector<catalog::WalRange>& runs, const catalog::WalInventory& inventory,
            base::Timestamp now);

 private:
  void Load();
  void Keep();

  db::Database* const database_;
  const std::string probe_;
  bool loaded_ = false;
  Times times_;
};

}  // namespace drwatch::probes
