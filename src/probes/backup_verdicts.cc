#include "probes/backup_verdicts.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "base/strings.h"
#include "probes/read_speeds.h"
#include "probes/verdict_rows.h"
#include "verify/format.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE backup_verdicts (
  probe TEXT NOT NULL,
  path TEXT NOT NULL,
  fingerprint INTEGER NOT NULL,
  checksum_stamp INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  level INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  verified_ms INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (probe, path)
) WITHOUT ROWID;
)sql";
constexpr std::string_view kContents = R"sql(
ALTER TABLE backup_verdicts ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE backup_verdicts ADD COLUMN tables TEXT NOT NULL DEFAULT '';
ALTER TABLE backup_verdicts ADD COLUMN packed_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backup_verdicts ADD COLUMN unpacked_bytes INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view kNeedsWal =
    "ALTER TABLE backup_verdicts ADD COLUMN needs_wal TEXT NOT NULL DEFAULT '';";

// Milliseconds; 0: not told.
constexpr std::string_view kBegun =
    "ALTER TABLE backup_verdicts ADD COLUMN begun_ms INTEGER NOT NULL DEFAULT 0;";

// What a verdict is worth when other bytes lie there: milliseconds, and a TimeSource.
constexpr std::string_view kTaken = R"sql(
ALTER TABLE backup_verdicts ADD COLUMN judged_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backup_verdicts ADD COLUMN taken_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backup_verdicts ADD COLUMN time_source INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backup_verdicts ADD COLUMN format TEXT NOT NULL DEFAULT '?';
ALTER TABLE backup_verdicts ADD COLUMN replaced_known INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view kWasGood =
    "ALTER TABLE backup_verdicts ADD COLUMN was_good INTEGER NOT NULL DEFAULT 0;";

constexpr std::string_view kWhat = "backup verdicts";

bool IsTransient(model::Reason reason) {
  constexpr std::array<model::Reason, 14> kTransient = {model::Reason::kTimeout,
                                                        model::Reason::kStorage,
                                                        model::Reason::kPermission,
                                                        model::Reason::kLimit,
                                                        model::Reason::kNotFound,
                                                        model::Reason::kDns,
                                                        model::Reason::kTls,
                                                        model::Reason::kAuth,
                                                        model::Reason::kProtocol,
                                                        model::Reason::kConfig,
                                                        model::Reason::kUnexpectedStatus,
                                                        model::Reason::kResponseTooLarge,
                                                        model::Reason::kConnectionReset,
                                                        model::Reason::kConnectionRefused};
  return std::find(kTransient.begin(), kTransient.end(), reason) != kTransient.end();
}

// A line a table.
std::vector<std::string> ReadTables(const std::string& text) {
  std::vector<std::string> tables;
  if (text.empty()) return tables;
  for (const std::string_view line : base::Split(text, '\n')) tables.emplace_back(line);
  return tables;
}

BackupVerdict ReadRow(const db::Statement& row) {
  BackupVerdict verdict;
  verdict.fingerprint = static_cast<std::uint64_t>(row.Int(1));
  verdict.checksum_stamp = static_cast<std::uint64_t>(row.Int(2));
  verdict.outcome = ToEnum(row.Int(3), verify::Outcome::kUnjudged);
  verdict.level = ToEnum(row.Int(4), verify::Level::kContent);
  verdict.checksum = ToEnum(row.Int(5), verify::ChecksumState::kMismatched);
  verdict.reason = ParseReason(row.Text(6));
  verdict.text = row.Text(7);
  verdict.verified = base::FromUnixMillis(row.Int(8));
  verdict.duration = base::Duration(row.Int(9));
  verdict.digest = row.Text(10);
  verdict.SetTables(ReadTables(row.Text(11)));
  verdict.packed_bytes = row.Int(12);
  verdict.unpacked_bytes = row.Int(13);
  verdict.needs_wal = verify::UnpackNeededWal(row.Text(14));
  if (row.Int(15) != 0) verdict.begun = base::FromUnixMillis(row.Int(15));
  verdict.judged = base::FromUnixMillis(row.Int(16));
  verdict.taken = base::FromUnixMillis(row.Int(17));
  verdict.time_source = ToEnum(row.Int(18), catalog::TimeSource::kChanged);
  verdict.format = row.Text(19);
  verdict.replaced_known = row.Int(20) != 0;
  verdict.was_good = row.Int(21) != 0;
  // Written before it was told apart.
  if (row.Int(16) == 0 && !WasPrevented(verdict)) verdict.judged = verdict.verified;
  return verdict;
}

// What a verdict on a backup's own files is worth with that WAL.
void Settle(BackupVerdict& verdict, WalSupply supply) {
  using State = WalSupply::State;
  const std::string needed = verdict.needs_wal.ToString();
  const bool proven = FilesAreIntact(verdict);
  switch (supply.state) {
    case State::kHeld:
      verdict.outcome = proven ? verify::Outcome::kIntact : verify::Outcome::kUnjudged;
      verdict.reason = proven ? model::Reason::kNone : model::Reason::kUnverified;
      verdict.text = std::string("base backup without ") +
                     (proven ? "WAL, " : "backup_manifest and WAL, ") + needed + " is in archive " +
                     base::Quote(supply.archives.front());
      verdict.wal_archives = std::move(supply.archives);
      return;
    case State::kMissing:
      verdict.outcome = verify::Outcome::kBroken;
      verdict.reason = model::Reason::kIncomplete;
      verdict.wal_patience = supply.patience;
      break;
    case State::kUnknown:
      verdict.outcome = verify::Outcome::kUnjudged;
      verdict.reason = model::Reason::kTimeout;
      break;
  }
  verdict.text = (proven ? "its files are intact, but it carries no WAL and needs "
                         : "it carries no WAL and needs ") +
                 needed + "; " + supply.why;
}

}  // namespace

void BackupVerdict::SetTables(std::vector<std::string> names) {
  tables.reset();
  if (names.empty() && !text.ends_with(verify::kNoRowsText)) return;
  tables = std::make_shared<const std::vector<std::string>>(std::move(names));
}

bool IsOfKnownFormat(const BackupVerdict& verdict) {
  return verdict.outcome == verify::Outcome::kIntact && verdict.level >= verify::Level::kFormat &&
         !verdict.format.starts_with(verify::kUnknownContent);
}

bool IsOfNoKnownFormat(const BackupVerdict& verdict) {
  if (verdict.format.starts_with(verify::kUnknownContent)) {
    return verdict.outcome == verify::Outcome::kIntact && verdict.checksum_stamp == 0;
  }
  if (!verdict.format.empty()) return false;
  // What a bucket keeps of its bytes proves that they are those that were stored: of anybody's
  // file.
  if (verdict.outcome == verify::Outcome::kIntact) {
    return verdict.level == verify::Level::kChecksum && verdict.checksum_stamp == 0;
  }
  return verdict.outcome == verify::Outcome::kUnjudged &&
         verdict.reason == model::Reason::kUnverified && verdict.level == verify::Level::kSize;
}

bool MayBeNote(const BackupVerdict& verdict) {
  if (verdict.outcome != verify::Outcome::kIntact) return false;
  const std::string_view format = std::string_view(verdict.format).substr(0, 4);
  return format == "JSON" || format == "YAML";
}

void Condemn(BackupVerdict& verdict, const std::string& why) {
  verdict.outcome = verify::Outcome::kBroken;
  verdict.reason = model::Reason::kWrongFormat;
  verdict.text = "its content is of no known format, and " + why;
}

bool FilesAreIntact(const BackupVerdict& verdict) {
  return !verdict.needs_wal.empty() && verdict.level >= verify::Level::kChecksum;
}

bool WasPrevented(const BackupVerdict& verdict) {
  return verdict.outcome == verify::Outcome::kUnjudged && IsTransient(verdict.reason);
}

std::vector<db::Migration> BackupMigrations() {
  std::vector<db::Migration> all = {{"backup", 1, kSchema},   {"backup", 2, kContents},
                                    {"backup", 3, kNeedsWal}, {"backup", 4, kBegun},
                                    {"backup", 5, kTaken},    {"backup", 6, kWasGood}};
  for (const db::Migration& migration : ReadSpeedMigrations()) all.push_back(migration);
  return all;
}

BackupVerdicts::BackupVerdicts(db::Database* database, std::string probe, FindWal find_wal)
    : database_(database), probe_(std::move(probe)), find_wal_(std::move(find_wal)) {}

// Once, at the first question: the constructor must not block.
void BackupVerdicts::Load() const {
  if (loaded_) return;
  loaded_ = true;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows = database.Prepare(
        "SELECT path, fingerprint, checksum_stamp, outcome, level, checksum, reason, text, "
        "verified_ms, duration_ms, digest, tables, packed_bytes, unpacked_bytes, needs_wal, "
        "begun_ms, judged_ms, taken_ms, time_source, format, replaced_known, was_good "
        "FROM backup_verdicts WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows,
                    [this](const db::Statement& row) { verdicts_[row.Text(0)] = ReadRow(row); });
  });
}

std::optional<BackupVerdict> BackupVerdicts::FindPath(const std::string& path) const {
  std::optional<BackupVerdict> verdict;
  {
    const std::lock_guard lock(mutex_);
    Load();
    const auto found = verdicts_.find(path);
    if (found == verdicts_.end()) return std::nullopt;
    verdict = found->second;
  }
  if (verdict->needs_wal.empty() || !find_wal_) return verdict;
  Settle(*verdict, find_wal_(verdict->needs_wal));
  const std::lock_guard lock(mutex_);
  const auto held = held_.find(path);
  if (verdict->outcome != verify::Outcome::kBroken) {
    held_[path] = verdict->fingerprint;
  } else if (held != held_.end() && held->second == verdict->fingerprint) {
    verdict->wal_patience = {};  // what was there and is gone is not on its way
  }
  return verdict;
}

std::optional<BackupVerdict> BackupVerdicts::Find(const catalog::Artefact& artefact) const {
  auto verdict = FindPath(artefact.path);
  if (verdict && verdict->fingerprint != artefact.fingerprint) return std::nullopt;
  return verdict;
}

std::unordered_map<std::string, std::uint64_t> BackupVerdicts::Broken() const {
  std::unordered_map<std::string, std::uint64_t> broken;
  std::vector<std::string> open;  // an archive decides
  {
    const std::lock_guard lock(mutex_);
    Load();
    for (const auto& [path, verdict] : verdicts_) {
      if (!verdict.needs_wal.empty()) {
        open.push_back(path);
      } else if (verdict.outcome == verify::Outcome::kBroken) {
        broken.emplace(path, verdict.fingerprint);
      }
    }
  }
  for (const std::string& path : open) {
    const auto verdict = FindPath(path);
    if (verdict && verdict->outcome == verify::Outcome::kBroken) {
      broken.emplace(path, verdict->fingerprint);
    }
  }
  return broken;
}

bool BackupVerdicts::AnyDoubtful() const {
  const std::lock_guard lock(mutex_);
  Load();
  return std::any_of(verdicts_.begin(), verdicts_.end(), [](const auto& entry) {
    return IsOfNoKnownFormat(entry.second) || MayBeNote(entry.second);
  });
}

std::unordered_map<std::string, BackupVerdict> BackupVerdicts::Spoilt() const {
  std::unordered_map<std::string, BackupVerdict> spoilt;
  const std::lock_guard lock(mutex_);
  Load();
  for (const auto& [path, verdict] : verdicts_) {
    if (verdict.was_good && verdict.outcome == verify::Outcome::kBroken) {
      spoilt.emplace(path, verdict);
    }
  }
  return spoilt;
}

std::optional<base::Timestamp> BackupVerdicts::LastVerified(base::Timestamp latest) const {
  const std::lock_guard lock(mutex_);
  Load();
  const auto latest_up_to = [this](base::Timestamp end) {
    std::optional<base::Timestamp> found;
    for (const auto& [path, verdict] : verdicts_) {
      if (verdict.judged == base::Timestamp{} || verdict.judged > end) continue;
      found = std::max(found.value_or(verdict.judged), verdict.judged);
    }
    return found;
  };
  if (!last_verified_) last_verified_ = latest_up_to(base::Timestamp::max());
  return last_verified_ <= latest ? last_verified_ : latest_up_to(latest);
}

void BackupVerdicts::Put(const std::string& path, const BackupVerdict& verdict) {
  const std::lock_guard lock(mutex_);
  Load();
  BackupVerdict& kept = verdicts_[path];
  const bool prevented = WasPrevented(verdict);
  const base::Timestamp judged = prevented ? kept.judged : verdict.verified;
  const bool replaced_known = kept.replaced_known || IsOfKnownFormat(kept);
  const bool same = kept.taken != base::Timestamp{} && kept.taken == verdict.taken;
  const bool was_good = same && (kept.was_good || IsOfKnownFormat(kept));
  std::shared_ptr<const BackupVerdict> before;
  if (prevented && WasPrevented(kept)) {
    before = kept.before;
  } else if (prevented && kept.judged != base::Timestamp{}) {
    before = std::make_shared<const BackupVerdict>(kept);
  }
  kept = verdict;
  kept.judged = judged;
  kept.replaced_known = replaced_known;
  kept.before = std::move(before);
  kept.was_good = was_good;
  if (was_good && IsOfNoKnownFormat(kept)) Condemn(kept, "what lay there before was");
  kept_.reset();
  last_verified_.reset();
  // What stands in for one that could not be read does so after a restart, too, and it is tried
  // again then.
  if (kept.before == nullptr) Store(path, kept);
  if (verdict.tables) DropOldTables();
}

void BackupVerdicts::DropOldTables() {
  std::size_t lists = 0;
  auto oldest = verdicts_.end();
  for (auto at = verdicts_.begin(); at != verdicts_.end(); ++at) {
    if (!at->second.tables) continue;
    ++lists;
    if (oldest == verdicts_.end() || at->second.verified < oldest->second.verified) oldest = at;
  }
  if (lists <= kMaxTableLists) return;
  oldest->second.tables.reset();
  Store(oldest->first, oldest->second);
}

void BackupVerdicts::Store(const std::string& path, const BackupVerdict& verdict) const {
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) {
    return database
        .Prepare(
            "INSERT OR REPLACE INTO backup_verdicts VALUES "
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .Bind(probe_)
        .Bind(path)
        .Bind(static_cast<std::int64_t>(verdict.fingerprint))
        .Bind(static_cast<std::int64_t>(verdict.checksum_stamp))
        .Bind(static_cast<std::int64_t>(verdict.outcome))
        .Bind(static_cast<std::int64_t>(verdict.level))
        .Bind(static_cast<std::int64_t>(verdict.checksum))
        .Bind(model::ReasonName(verdict.reason))
        .Bind(verdict.text)
        .Bind(base::ToUnixMillis(verdict.verified))
        .Bind(verdict.duration.count())
        .Bind(verdict.digest)
        .Bind(verdict.tables ? base::Join(*verdict.tables, "\n") : std::string())
        .Bind(verdict.packed_bytes)
        .Bind(verdict.unpacked_bytes)
        .Bind(verify::PackNeededWal(verdict.needs_wal))
        .Bind(verdict.begun ? base::ToUnixMillis(*verdict.begun) : 0)
        .Bind(base::ToUnixMillis(verdict.judged))
        .Bind(base::ToUnixMillis(verdict.taken))
        .Bind(static_cast<std::int64_t>(verdict.time_source))
        .Bind(verdict.format)
        .Bind(static_cast<std::int64_t>(verdict.replaced_known))
        .Bind(static_cast<std::int64_t>(verdict.was_good))
        .Run();
  });
}

void BackupVerdicts::Keep(const catalog::ArtefactList& listed,
                          const std::vector<catalog::Artefact>& recent) {
  const std::lock_guard lock(mutex_);
  Load();
  if (kept_ && kept_->SharedWith(listed)) return;
  kept_ = listed;
  std::unordered_set<std::string_view> paths;
  for (const catalog::Artefact& artefact : listed) {
    if (verdicts_.contains(artefact.path)) paths.insert(artefact.path);
  }
  for (const catalog::Artefact& artefact : recent) {
    if (verdicts_.contains(artefact.path)) paths.insert(artefact.path);
  }
  if (paths.size() == verdicts_.size()) return;
  std::vector<std::string> gone;
  for (const auto& [path, verdict] : verdicts_) {
    if (!paths.contains(path)) gone.push_back(path);
  }
  for (const std::string& path : gone) verdicts_.erase(path);
  last_verified_.reset();
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) -> base::Status {
    for (const std::string& path : gone) {
      const base::Status one =
          database.Prepare("DELETE FROM backup_verdicts WHERE probe = ? AND path = ?")
              .Bind(probe_)
              .Bind(path)
              .Run();
      if (!one) return one;
    }
    return {};
  });
}

}  // namespace drwatch::probes
