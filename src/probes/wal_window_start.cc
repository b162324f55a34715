#include "probes/wal_window_start.h"

#include <algorithm>
#include <utility>

#include "probes/verdict_rows.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE wal_window_starts (
  probe TEXT PRIMARY KEY,
  start_ms INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

constexpr std::string_view kWhat = "the beginning of a window";

// When the first of the segments arrived that are there; `now` if there is none.
base::Timestamp OldestOf(const catalog::WalInventory& inventory, base::Timestamp now) {
  base::Timestamp oldest = now;
  for (const auto& [timeline, segments] : inventory.segments) {
    for (const catalog::WalSegmentFile& segment : segments) {
      oldest = std::min(oldest, segment.modified);
    }
  }
  return oldest;
}

}  // namespace

std::vector<db::Migration> WalWindowStartMigrations() { return {{"wal_window_start", 1, kSchema}}; }

WalWindowStart::WalWindowStart(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

void WalWindowStart::Load() {
  if (std::exchange(loaded_, true)) return;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows = database.Prepare("SELECT start_ms FROM wal_window_starts WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(
        rows, [this](const db::Statement& row) { earliest_ = base::FromUnixMillis(row.Int(0)); });
  });
}

void WalWindowStart::Keep(base::Timestamp start) {
  earliest_ = start;
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) {
    return database.Prepare("INSERT OR REPLACE INTO wal_window_starts VALUES (?, ?)")
        .Bind(probe_)
        .Bind(base::ToUnixMillis(start))
        .Run();
  });
}

bool WalWindowStart::Grows(base::Timestamp start, const catalog::WalInventory& inventory,
                           base::Duration promised, base::Timestamp now) {
  Load();
  if (!earliest_ || start < *earliest_) Keep(start);
  if (start > *earliest_ + kSameStart || *earliest_ <= now - promised) return false;
  return OldestOf(inventory, now) > now - promised;
}

}  // namespace drwatch::probes
