// Delivery's records in the database: read once at the start, then written change by change.
//
// Pure translation between records and rows; the dispatcher decides when, under its lock.
#pragma once

#include <vector>

#include "base/result.h"
#include "db/database.h"
#include "notify/ledger.h"

namespace drwatch::notify {

// The tables of delivery: give them to db::Database::Open together with the other folders'.
std::vector<db::Migration> Migrations();

// Instants later than `now` (the clock was ahead) become `now`. Targets come back without inline
// secrets: those of them that the configuration does not have any more have no integration.
base::Result<Records> LoadState(db::Database& database, base::Timestamp now);

// Writes the rows of `changes`, as `ledger` has them now, in one transaction. A page that waits to
// be sent stands there as one that may have arrived, so that it needs no write of its own before it
// leaves (unless the changes are `at_rest`).
base::Status SaveChanges(db::Database& database, const Ledger& ledger, const Changes& changes,
                         db::Durability durability = db::Durability::kSynced);

}  // namespace drwatch::notify
