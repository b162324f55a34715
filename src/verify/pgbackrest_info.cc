#include "verify/pgbackrest_info.h"

#include "base/strings.h"
#include "verify/pgbackrest_ini.h"
#include "verify/pgbackrest_json.h"

namespace drwatch::verify {
namespace {

using model::Reason;
using pgbackrest::Flag;
using pgbackrest::Number;
using pgbackrest::Text;

constexpr std::size_t kMaxBackups = 100'000;
constexpr std::size_t kMaxDatabases = 1'000;
// Of a label; it becomes a part of names of objects.
constexpr std::size_t kMaxLabelBytes = 100;

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelBytes &&
         text.find_first_not_of("0123456789-_FDI") == text.npos;
}

tl::unexpected<Fault> Strange(std::string_view what) {
  return Broken(Reason::kCorrupt, 0,
                "no backup as pgBackRest writes it: " + base::Quote(base::Truncate(what, 200)));
}

base::Timestamp TimeOf(const nlohmann::json& value, const char* key) {
  // The year 9999: what lies behind it overflows elsewhere.
  constexpr std::int64_t kLatest = 253'402'300'799;
  const std::int64_t seconds = Number(value, key).value_or(0);
  return base::Timestamp(std::chrono::seconds(std::min(seconds, kLatest)));
}

// Sums of them must not overflow.
std::int64_t SizeOf(const nlohmann::json& value, const char* key) {
  constexpr std::int64_t kMost = std::int64_t{1} << 46;
  return std::min(Number(value, key).value_or(0), kMost);
}

Walked<PgBackRestBackup> BackupOf(const IniLine& line) {
  const nlohmann::json value = pgbackrest::Parse(line.value);
  PgBackRestBackup backup;
  backup.label = std::string(line.key);
  backup.kind = Text(value, "backup-type");
  const bool known = backup.kind == "full" || backup.kind == "diff" || backup.kind == "incr";
  if (!IsLabel(backup.label) || !known) return Strange(line.key);
  backup.prior = Text(value, "backup-prior");
  if (!backup.prior.empty() && !IsLabel(backup.prior)) return Strange(line.key);
  if (const auto* references = pgbackrest::Find(value, "backup-reference")) {
    if (!references->is_array() || references->size() > kMaxBackups) return Strange(line.key);
    for (const nlohmann::json& one : *references) {
      if (!one.is_string() || !IsLabel(one.get_ref<const std::string&>())) return Strange(line.key);
      backup.references.push_back(one.get<std::string>());
    }
  }
  backup.started = TimeOf(value, "backup-timestamp-start");
  backup.stopped = TimeOf(value, "backup-timestamp-stop");
  if (backup.stopped == base::Timestamp()) return Strange(line.key);
  backup.wal_start = Text(value, "backup-archive-start");
  backup.wal_stop = Text(value, "backup-archive-stop");
  backup.lsn_start = ParseLsn(Text(value, "backup-lsn-start")).value_or(0);
  backup.lsn_stop = ParseLsn(Text(value, "backup-lsn-stop")).value_or(0);
  backup.error = Flag(value, "backup-error");
  backup.holds_wal = Flag(value, "option-archive-copy");
  backup.original_bytes = SizeOf(value, "backup-info-size");
  backup.stored_bytes = SizeOf(value, "backup-info-repo-size");
  backup.own_bytes = SizeOf(value, "backup-info-repo-size-delta");
  backup.database = Number(value, "db-id").value_or(0);
  return backup;
}

Walked<PgBackRestDatabase> DatabaseOf(const IniLine& line) {
  const nlohmann::json value = pgbackrest::Parse(line.value);
  PgBackRestDatabase database;
  database.id = base::ParseInt(line.key).value_or(0);
  database.version = Text(value, "db-version");
  // backup.info and archive.info call it differently.
  const char* const key = pgbackrest::Find(value, "db-id") != nullptr ? "db-id" : "db-system-id";
  database.system_identifier = static_cast<std::uint64_t>(Number(value, key).value_or(0));
  if (database.id <= 0 || database.version.empty() || database.version.size() > 10 ||
      database.version.find_first_not_of("0123456789.") != database.version.npos) {
    return Broken(Reason::kCorrupt, 0, "no database as pgBackRest writes it");
  }
  return database;
}

}  // namespace

Walked<PgBackRestInfo> ReadPgBackRestInfo(Reader& reader) {
  PgBackRestInfo info;
  const auto take = [&info](const IniLine& line) -> Walked<void> {
    if (line.section == "backup:current") {
      auto backup = BackupOf(line);
      if (!backup) return tl::unexpected(std::move(backup.error()));
      info.backups.push_back(std::move(*backup));
    } else if (line.section == "db:history") {
      auto database = DatabaseOf(line);
      if (!database) return tl::unexpected(std::move(database.error()));
      info.databases.push_back(std::move(*database));
    }
    if (info.backups.size() > kMaxBackups || info.databases.size() > kMaxDatabases) {
      return Unjudged(Reason::kLimit, "more backups or databases than anybody has");
    }
    return {};
  };
  if (auto read = ReadPgBackRestIni(reader, take); !read) {
    return tl::unexpected(std::move(read.error()));
  }
  return info;
}

}  // namespace drwatch::verify
