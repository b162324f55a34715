#include "probes/wal_look_before.h"

#include <utility>

#include "probes/verdict_rows.h"

namespace drwatch::probes {
namespace {

// gone_ms is 0 for what was there.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE wal_seen (
  probe TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  gone_ms INTEGER NOT NULL,
  segment_bytes INTEGER NOT NULL,
  PRIMARY KEY (probe, timeline, first)
) WITHOUT ROWID;
)sql";

// Longer ones were not written by this program.
constexpr std::int64_t kLongestRange = 1 << 24;

constexpr std::string_view kWhat = "the WAL that was there";

}  // namespace

std::vector<db::Migration> WalLookMigrations() { return {{"wal_seen", 1, kSchema}}; }

std::optional<catalog::WalLookBefore> KeptWalLook::Load() {
  catalog::WalLookBefore look;
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) {
    db::Statement rows = database.Prepare(
        "SELECT timeline, first, last, gone_ms, segment_bytes FROM wal_seen WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows, [&](const db::Statement& row) {
      if (row.Int(2) - row.Int(1) > kLongestRange) return;
      look.segments.push_back(
          {{static_cast<std::uint32_t>(row.Int(0)), static_cast<std::uint64_t>(row.Int(1)),
            static_cast<std::uint64_t>(row.Int(2))},
           base::FromUnixMillis(row.Int(3))});
      look.segment_bytes = row.Int(4);
    });
  });
  if (look.segments.empty()) return std::nullopt;
  return look;
}

void KeptWalLook::Keep(catalog::WalLookBefore look) {
  if (look == last_) return;
  last_ = std::move(look);
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) -> base::Status {
    base::Status done = database.Prepare("DELETE FROM wal_seen WHERE probe = ?").Bind(probe_).Run();
    for (auto at = last_.segments.begin(); done && at != last_.segments.end(); ++at) {
      done = database.Prepare("INSERT INTO wal_seen VALUES (?, ?, ?, ?, ?, ?)")
                 .Bind(probe_)
                 .Bind(static_cast<std::int64_t>(at->range.timeline))
                 .Bind(static_cast<std::int64_t>(at->range.first))
                 .Bind(static_cast<std::int64_t>(at->range.last))
                 .Bind(base::ToUnixMillis(at->gone))
                 .Bind(last_.segment_bytes)
                 .Run();
    }
    return done;
  });
}

}  // namespace drwatch::probes
