#include "probes/wal_verdicts.h"

#include <algorithm>

#include "probes/verdict_rows.h"
#include "probes/wal_first_seen.h"
#include "probes/wal_look_before.h"
#include "probes/wal_window_start.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE wal_verdicts (
  probe TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  number INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  last_commit_ms INTEGER,
  PRIMARY KEY (probe, timeline, number)
) WITHOUT ROWID;
)sql";

constexpr std::string_view kWhat = "verdicts on WAL";

}  // namespace

std::vector<db::Migration> WalMigrations() {
  std::vector<db::Migration> all = {{"wal_archive", 1, kSchema}};
  for (const db::Migration& migration : WalWindowStartMigrations()) all.push_back(migration);
  for (const db::Migration& migration : WalFirstSeenMigrations()) all.push_back(migration);
  for (const db::Migration& migration : WalLookMigrations()) all.push_back(migration);
  return all;
}

WalVerdicts::WalVerdicts(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

// Once, at the first question: the constructor must not block.
void WalVerdicts::Load() const {
  if (loaded_) return;
  loaded_ = true;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows = database.Prepare(
        "SELECT timeline, number, fingerprint, outcome, reason, text, last_commit_ms "
        "FROM wal_verdicts WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows, [this](const db::Statement& row) {
      WalVerdict verdict;
      verdict.fingerprint = static_cast<std::uint64_t>(row.Int(2));
      verdict.outcome = ToEnum(row.Int(3), verify::Outcome::kUnjudged);
      verdict.reason = ParseReason(row.Text(4));
      verdict.text = row.Text(5);
      if (!row.IsNull(6)) verdict.last_commit = base::FromUnixMillis(row.Int(6));
      Remember({static_cast<std::uint32_t>(row.Int(0)), static_cast<std::uint64_t>(row.Int(1))},
               verdict);
    });
  });
}

void WalVerdicts::Remember(const WalSegmentKey& key, const WalVerdict& verdict) const {
  std::vector<Intact>& intact = intact_[key.first];
  const auto at =
      std::lower_bound(intact.begin(), intact.end(), key.second,
                       [](const Intact& one, std::uint64_t number) { return one.number < number; });
  const bool known = at != intact.end() && at->number == key.second;
  if (verdict.outcome != verify::Outcome::kIntact) {
    if (known) intact.erase(at);
    others_[key] = verdict;
    return;
  }
  others_.erase(key);
  const Intact one{key.second, verdict.fingerprint,
                   verdict.last_commit.value_or(base::Timestamp{})};
  if (known) {
    *at = one;
  } else {
    intact.insert(at, one);
  }
}

const WalVerdicts::Intact* WalVerdicts::FindIntact(const WalSegmentKey& key) const {
  const auto timeline = intact_.find(key.first);
  if (timeline == intact_.end()) return nullptr;
  const auto at =
      std::lower_bound(timeline->second.begin(), timeline->second.end(), key.second,
                       [](const Intact& one, std::uint64_t number) { return one.number < number; });
  return at != timeline->second.end() && at->number == key.second ? &*at : nullptr;
}

std::optional<WalVerdict> WalVerdicts::Find(const WalSegmentKey& key,
                                            std::uint64_t fingerprint) const {
  const std::lock_guard lock(mutex_);
  Load();
  if (const Intact* const intact = FindIntact(key)) {
    if (intact->fingerprint != fingerprint) return std::nullopt;
    WalVerdict verdict;
    verdict.fingerprint = fingerprint;
    verdict.outcome = verify::Outcome::kIntact;
    if (intact->last_commit != base::Timestamp{}) verdict.last_commit = intact->last_commit;
    return verdict;
  }
  const auto found = others_.find(key);
  if (found == others_.end() || found->second.fingerprint != fingerprint) return std::nullopt;
  return found->second;
}

void WalVerdicts::Put(const WalSegmentKey& key, const WalVerdict& verdict) {
  const std::lock_guard lock(mutex_);
  Load();
  Remember(key, verdict);
  if (verdict.again) return;
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) {
    db::Statement row =
        database.Prepare("INSERT OR REPLACE INTO wal_verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    row.Bind(probe_)
        .Bind(static_cast<std::int64_t>(key.first))
        .Bind(static_cast<std::int64_t>(key.second))
        .Bind(static_cast<std::int64_t>(verdict.fingerprint))
        .Bind(static_cast<std::int64_t>(verdict.outcome))
        .Bind(model::ReasonName(verdict.reason))
        .Bind(verdict.text);
    if (verdict.last_commit) {
      row.Bind(base::ToUnixMillis(*verdict.last_commit));
    } else {
      row.BindNull();
    }
    return row.Run();
  });
}

bool WalVerdicts::Forgive(base::Timestamp now) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(others_, [now](const auto& other) {
           // What is far off was noted while the clock was wrong.
           return other.second.again &&
                  (*other.second.again <= now || *other.second.again - now > kTryAgain);
         }) > 0;
}

std::vector<std::pair<WalSegmentKey, WalVerdict>> WalVerdicts::Bad() const {
  const std::lock_guard lock(mutex_);
  Load();
  return {others_.begin(), others_.end()};
}

void WalVerdicts::Keep(const std::vector<WalSegmentKey>& present) {
  const std::lock_guard lock(mutex_);
  Load();
  std::vector<WalSegmentKey> gone;
  const auto forget = [&](const WalSegmentKey& key) {
    const bool is_gone = !std::binary_search(present.begin(), present.end(), key);
    if (is_gone) gone.push_back(key);
    return is_gone;
  };
  for (auto& [timeline, intact] : intact_) {
    std::erase_if(intact, [&, line = timeline](const Intact& one) {
      return forget({line, one.number});
    });
  }
  std::erase_if(others_, [&](const auto& other) { return forget(other.first); });
  if (gone.empty()) return;
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) -> base::Status {
    for (const WalSegmentKey& key : gone) {
      const base::Status one =
          database
              .Prepare("DELETE FROM wal_verdicts WHERE probe = ? AND timeline = ? AND number = ?")
              .Bind(probe_)
              .Bind(static_cast<std::int64_t>(key.first))
              .Bind(static_cast<std::int64_t>(key.second))
              .Run();
      if (!one) return one;
    }
    return {};
  });
}

}  // namespace drwatch::probes
