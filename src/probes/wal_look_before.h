// What the last look at a WAL archive saw, remembered over restarts: what went away while WAL was
// being pruned is not lost because drwatch was restarted meanwhile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/wal_reader.h"
#include "db/database.h"

namespace drwatch::probes {

std::vector<db::Migration> WalLookMigrations();

// Of one probe. Not thread-safe. Does nothing without a database.
class KeptWalLook {
 public:
  // `database` may be nullptr and outlives it.
  KeptWalLook(db::Database* database, std::string probe)
      : database_(database), probe_(std::move(probe)) {}

  // nullopt: there was none.
  std::optional<catalog::WalLookBefore> Load();
  // Writes it if it is another one than the last that was kept.
  void Keep(catalog::WalLookBefore look);

 private:
  db::Database* const database_;
  const std::string probe_;
  catalog::WalLookBefore last_;
};

}  // namespace drwatch::probes
