#include "probes/wal_first_seen.h"

#include <utility>

#include "catalog/folder_catalog.h"
#include "probes/verdict_rows.h"
#include "probes/wal_backlog.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE wal_first_seen (
  probe TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  number INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (probe, timeline, number)
) WITHOUT ROWID;
)sql";

constexpr std::string_view kWhat = "when WAL was seen first";

}  // namespace

std::vector<db::Migration> WalFirstSeenMigrations() { return {{"wal_first_seen", 1, kSchema}}; }

WalFirstSeen::WalFirstSeen(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

void WalFirstSeen::Load() {
  if (std::exchange(loaded_, true)) return;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows =
        database.Prepare("SELECT timeline, number, seen_ms FROM wal_first_seen WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows, [this](const db::Statement& row) {
      times_[{static_cast<std::uint32_t>(row.Int(0)), static_cast<std::uint64_t>(row.Int(1))}] =
          base::FromUnixMillis(row.Int(2));
    });
  });
}

void WalFirstSeen::Keep() {
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) -> base::Status {
    base::Status done =
        database.Prepare("DELETE FROM wal_first_seen WHERE probe = ?").Bind(probe_).Run();
    for (auto at = times_.begin(); done && at != times_.end(); ++at) {
      done = database.Prepare("INSERT INTO wal_first_seen VALUES (?, ?, ?, ?)")
                 .Bind(probe_)
                 .Bind(static_cast<std::int64_t>(at->first.first))
                 .Bind(static_cast<std::int64_t>(at->first.second))
                 .Bind(base::ToUnixMillis(at->second))
                 .Run();
    }
    return done;
  });
}

const WalFirstSeen::Times& WalFirstSeen::times() {
  Load();
  return times_;
}

bool WalFirstSeen::Note(const std::vector<catalog::WalRange>& runs,
                        const catalog::WalInventory& inventory, base::Timestamp now) {
  Load();
  Times found;
  for (const catalog::WalRange& run : runs) {
    const std::pair key{run.timeline, run.first};
    if (const auto known = times_.find(key); known != times_.end()) {
      found.insert(*known);
      continue;
    }
    const catalog::WalSegmentFile* file = FindSegment(inventory, key);
    const bool ahead = file != nullptr && file->modified > now + catalog::FolderCatalog::kClockSkew;
    if (ahead) found.emplace(key, now);
  }
  if (found == times_) return false;
  times_ = std::move(found);
  Keep();
  return true;
}

}  // namespace drwatch::probes
