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

// 0: not known. A clock that had not been set yet may have left such a start.
constexpr std::string_view kCluster = R"sql(
ALTER TABLE wal_window_starts ADD COLUMN system_identifier INTEGER NOT NULL DEFAULT 0;
DELETE FROM wal_window_starts WHERE start_ms < 946684800000;
)sql";

constexpr std::string_view kWhat = "the beginning of a window";

// When the first of the segments arrived that are there; `end` if there is none.
base::Timestamp OldestOf(const catalog::WalInventory& inventory, base::Timestamp end) {
  base::Timestamp oldest = end;
  for (const auto& [timeline, segments] : inventory.segments) {
    for (const catalog::WalSegmentFile& segment : segments) {
      oldest = std::min(oldest, segment.modified);
    }
  }
  return oldest;
}

}  // namespace

std::vector<db::Migration> WalWindowStartMigrations() {
  return {{"wal_window_start", 1, kSchema}, {"wal_window_start", 2, kCluster}};
}

WalWindowStart::WalWindowStart(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

void WalWindowStart::Load() {
  if (std::exchange(loaded_, true)) return;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows = database.Prepare(
        "SELECT start_ms, system_identifier FROM wal_window_starts WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows, [this](const db::Statement& row) {
      earliest_ = base::FromUnixMillis(row.Int(0));
      system_identifier_ = static_cast<std::uint64_t>(row.Int(1));
    });
  });
}

void WalWindowStart::Keep(base::Timestamp start, std::uint64_t system_identifier) {
  earliest_ = start;
  system_identifier_ = system_identifier;
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) {
    return database.Prepare("INSERT OR REPLACE INTO wal_window_starts VALUES (?, ?, ?)")
        .Bind(probe_)
        .Bind(base::ToUnixMillis(start))
        .Bind(static_cast<std::int64_t>(system_identifier))
        .Run();
  });
}

bool WalWindowStart::Grows(base::Timestamp start, std::uint64_t system_identifier,
                           const catalog::WalInventory& inventory, base::Duration promised,
                           base::Timestamp end) {
  Load();
  const std::uint64_t system = system_identifier == 0 ? system_identifier_ : system_identifier;
  const bool other = system_identifier_ != 0 && system != system_identifier_;
  if (!earliest_ || other || start < *earliest_) {
    Keep(start, system);
  } else if (system != system_identifier_) {
    Keep(*earliest_, system);
  }
  if (start > *earliest_ + kSameStart || *earliest_ <= end - promised) return false;
  return OldestOf(inventory, end) > end - promised;
}

}  // namespace drwatch::probes
