// Escalations and used links in the database; the rest of delivery is in the journal.
#pragma once

#include <string_view>

#include "base/result.h"
#include "db/database.h"
#include "notify/records.h"

namespace drwatch::notify {

// The third migration: these tables, and what acknowledgements add to the others.
extern const std::string_view kEscalationTables;

// Both only inside a transaction. Instants later than `now` become `now`.
base::Status LoadEscalations(db::Database& database, Records& records, base::Timestamp now);
base::Status SaveEscalations(db::Database& database, const Records& records,
                             const Changes& changes);

}  // namespace drwatch::notify
