#include "probes/wal_verdicts.h"

#include <algorithm>

#include "base/log.h"

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

model::Reason ParseReason(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(model::Reason::kInternal); ++i) {
    const auto reason = static_cast<model::Reason>(i);
    if (model::ReasonName(reason) == name) return reason;
  }
  return model::Reason::kUnverified;
}

verify::Outcome ToOutcome(std::int64_t value) {
  if (value == static_cast<std::int64_t>(verify::Outcome::kIntact)) return verify::Outcome::kIntact;
  if (value == static_cast<std::int64_t>(verify::Outcome::kBroken)) return verify::Outcome::kBroken;
  return verify::Outcome::kUnjudged;
}

void LogFailure(const base::Status& status, const std::string& probe) {
  if (status) return;
  base::LogWarn("verdicts on WAL are not kept",
                {{"probe", probe}, {"error", status.error().message}});
}

}  // namespace

std::vector<db::Migration> WalMigrations() { return {{"wal_archive", 1, kSchema}}; }

WalVerdicts::WalVerdicts(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

// Once, at the first question: the constructor must not block.
void WalVerdicts::Load() const {
  if (loaded_) return;
  loaded_ = true;
  if (database_ == nullptr) return;
  const base::Status read = database_->Transact([this](db::Database& database) -> base::Status {
    db::Statement rows = database.Prepare(
        "SELECT timeline, number, fingerprint, outcome, reason, text, last_commit_ms "
        "FROM wal_verdicts WHERE probe = ?");
    rows.Bind(probe_);
    while (true) {
      const base::Result<bool> more = rows.Step();
      if (!more) return base::Fail(more.error());
      if (!*more) return {};
      WalVerdict verdict;
      verdict.fingerprint = static_cast<std::uint64_t>(rows.Int(2));
      verdict.outcome = ToOutcome(rows.Int(3));
      verdict.reason = ParseReason(rows.Text(4));
      verdict.text = rows.Text(5);
      if (!rows.IsNull(6)) verdict.last_commit = base::FromUnixMillis(rows.Int(6));
      verdicts_[{static_cast<std::uint32_t>(rows.Int(0)),
                 static_cast<std::uint64_t>(rows.Int(1))}] = std::move(verdict);
    }
  });
  LogFailure(read, probe_);
}

std::optional<WalVerdict> WalVerdicts::Find(const WalSegmentKey& key,
                                            std::uint64_t fingerprint) const {
  const std::lock_guard lock(mutex_);
  Load();
  const auto found = verdicts_.find(key);
  if (found == verdicts_.end() || found->second.fingerprint != fingerprint) return std::nullopt;
  return found->second;
}

void WalVerdicts::Put(const WalSegmentKey& key, const WalVerdict& verdict) {
  const std::lock_guard lock(mutex_);
  Load();
  verdicts_[key] = verdict;
  if (database_ == nullptr) return;
  const base::Status written = database_->Transact([&](db::Database& database) {
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
  LogFailure(written, probe_);
}

std::vector<std::pair<WalSegmentKey, WalVerdict>> WalVerdicts::Bad() const {
  const std::lock_guard lock(mutex_);
  Load();
  std::vector<std::pair<WalSegmentKey, WalVerdict>> bad;
  for (const auto& [key, verdict] : verdicts_) {
    if (verdict.outcome != verify::Outcome::kIntact) bad.emplace_back(key, verdict);
  }
  return bad;
}

void WalVerdicts::Keep(const std::vector<WalSegmentKey>& present) {
  const std::lock_guard lock(mutex_);
  Load();
  std::vector<WalSegmentKey> gone;
  for (const auto& [key, verdict] : verdicts_) {
    if (!std::binary_search(present.begin(), present.end(), key)) gone.push_back(key);
  }
  if (gone.empty()) return;
  for (const WalSegmentKey& key : gone) verdicts_.erase(key);
  if (database_ == nullptr) return;
  const base::Status removed = database_->Transact([&](db::Database& database) -> base::Status {
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
  LogFailure(removed, probe_);
}

}  // namespace drwatch::probes
