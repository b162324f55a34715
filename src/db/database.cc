#include "db/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "db/state_lock.h"

namespace drwatch::db {
namespace {

constexpr int kBusyTimeoutMillis = 5000;
// Between the name of a damaged file and the time at which it was moved aside.
constexpr std::string_view kAside = ".corrupt-";

bool IsDamage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

int Execute(sqlite3* handle, const std::string& sql) {
  return sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
}

base::Status ExecuteOrFail(sqlite3* handle, const std::string& sql) {
  if (Execute(handle, sql) == SQLITE_OK) return {};
  return base::Fail(sqlite3_errmsg(handle));
}

// The file is made here rather than by SQLite so that its mode is 0600 and a failure has the
// system's reason. It also proves that it can be written.
base::Status MakeFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.valid()) return {};
  return base::Fail("cannot open state " + base::Quote(path) + ": " + base::ErrnoText(errno),
                    "make the folder of storage.path writable for the user drwatch runs as");
}

}  // namespace

base::Result<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                       const std::vector<Migration>& migrations) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) {
    if (const base::Status made = base::MakeFolders(folder); !made) {
      return base::Wrap("opening state " + base::Quote(path), made.error());
    }
  }
  std::unique_ptr<Database> database(new Database);
  if (const base::Status locked = database->Lock(path); !locked) return base::Fail(locked.error());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const base::Result<OpenResult> opened = database->OpenFile(path);
    if (!opened) return base::Fail(opened.error());
    if (*opened == OpenResult::kOk) {
      const base::Status migrated = database->Migrate(migrations);
      if (migrated) return database;
      if (!database->damaged_) {
        return base::Wrap("opening state " + base::Quote(path), migrated.error());
      }
    }
    if (const base::Status moved = database->MoveAside(path); !moved) {
      return base::Fail(moved.error());
    }
  }
  return base::Fail("cannot open state " + base::Quote(path) + ": a new file reads as damaged",
                    "check the disk below storage.path");
}

base::Result<std::unique_ptr<Database>> Database::OpenForReading(const std::string& path) {
  std::unique_ptr<Database> database(new Database);
  const auto fail = [&](const std::string& cause) {
    return base::Fail("cannot read state " + base::Quote(path) + ": " + cause,
                      "run it as the user drwatch runs as");
  };
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(base::ErrnoText(errno));
  const int opened = sqlite3_open_v2(path.c_str(), &database->handle_,
                                     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  if (opened != SQLITE_OK) return fail(sqlite3_errstr(opened));
  sqlite3_busy_timeout(database->handle_, kBusyTimeoutMillis);
  const base::Status readable =
      ExecuteOrFail(database->handle_,
                    "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;"
                    "PRAGMA mmap_size = 0; PRAGMA query_only = ON;"
                    "SELECT count(*) FROM sqlite_schema");
  if (!readable) return fail(readable.error().message);
  database->for_reading_ = true;
  return database;
}

base::Result<std::unique_ptr<Database>> Database::OpenInMemory(
    const std::vector<Migration>& migrations) {
  std::unique_ptr<Database> database(new Database);
  const int code =
      sqlite3_open_v2(":memory:", &database->handle_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    return base::Fail("cannot open state in memory: " + std::string(sqlite3_errstr(code)));
  }
  if (const base::Status set = database->Configure(); !set) return base::Fail(set.error());
  if (const base::Status migrated = database->Migrate(migrations); !migrated) {
    return base::Wrap("opening state in memory", migrated.error());
  }
  return database;
}

Database::~Database() { Close(); }

void Database::Close() {
  cache_.Clear();
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

base::Status Database::Lock(const std::string& path) {
  auto lock = LockState(path);
  if (!lock) return base::Fail(lock.error());
  lock_ = *std::move(lock);
  return {};
}

base::Result<Database::OpenResult> Database::OpenFile(const std::string& path) {
  if (const base::Status made = MakeFile(path); !made) return base::Fail(made.error());
  const auto fail = [&](const std::string& cause) {
    return base::Fail("cannot open state " + base::Quote(path) + ": " + cause);
  };
  const int opened =
      sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (opened != SQLITE_OK) return fail(sqlite3_errstr(opened));
  const base::Status configured = Configure();
  if (!configured) {
    if (IsDamage(sqlite3_extended_errcode(handle_))) return OpenResult::kDamaged;
    return fail(configured.error().message);
  }
  struct stat info {};
  const bool check = ::stat(path.c_str(), &info) == 0 && info.st_size <= kMaxCheckedBytes;
  Statement statement(handle_,
                      check ? "PRAGMA quick_check(1)" : "SELECT 'ok' FROM sqlite_schema LIMIT 1");
  const base::Result<bool> row = statement.Step();
  if (!row) {
    if (IsDamage(sqlite3_extended_errcode(handle_))) return OpenResult::kDamaged;
    return fail(row.error().message);
  }
  if (*row && statement.Text(0) != "ok") return OpenResult::kDamaged;
  return OpenResult::kOk;
}

bool Database::IsAside(std::string_view file_name) {
  return file_name.find(kAside) != std::string_view::npos && !file_name.ends_with("-wal") &&
         !file_name.ends_with("-shm");
}

base::Status Database::MoveAside(const std::string& path) {
  Close();
  damaged_ = false;
  const std::string suffix =
      std::string(kAside) + std::to_string(base::ToUnixMillis(base::SystemClock().Now()) / 1000);
  base::LogError("state is damaged, starting with a new one",
                 {{"file", path}, {"moved_to", path + suffix}});
  if (std::rename(path.c_str(), (path + suffix).c_str()) != 0) {
    return base::Fail("cannot move damaged state " + base::Quote(path) +
                      " aside: " + base::ErrnoText(errno));
  }
  // The journal belongs to the damaged file; a new one must not replay it.
  for (const char* journal : {"-wal", "-shm"}) {
    if (std::rename((path + journal).c_str(), (path + suffix + journal).c_str()) != 0 &&
        errno != ENOENT) {
      return base::Fail("cannot move " + base::Quote(path + journal) +
                        " aside: " + base::ErrnoText(errno));
    }
  }
  recovered_ = true;
  return {};
}

base::Status Database::Configure() {
  sqlite3_busy_timeout(handle_, kBusyTimeoutMillis);
  // 512 KiB of pages: the state is small and memory is better spent on samples. The write-ahead log
  // is folded back every 1000 pages, which costs two syncs.
  return ExecuteOrFail(handle_,
                       "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;"
                       "PRAGMA mmap_size = 0; PRAGMA cache_size = -512;"
                       "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;"
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 8388608;");
}

base::Status Database::Migrate(const std::vector<Migration>& migrations) {
  return Transact([&](Database& database) -> base::Status {
    if (const base::Status made =
            ExecuteOrFail(handle_,
                          "CREATE TABLE IF NOT EXISTS schema_versions"
                          " (component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID");
        !made) {
      return made;
    }
    std::map<std::string, std::int64_t> current;
    std::map<std::string, std::int64_t> newest;
    Statement versions = database.Prepare("SELECT component, version FROM schema_versions");
    while (true) {
      const base::Result<bool> row = versions.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) break;
      current[versions.Text(0)] = versions.Int(1);
    }
    for (const Migration& migration : migrations) {
      const std::string component(migration.component);
      newest[component] = std::max<std::int64_t>(newest[component], migration.version);
      if (migration.version <= current[component]) continue;
      if (const base::Status done = ExecuteOrFail(handle_, std::string(migration.sql)); !done) {
        return base::Wrap(
            "upgrading " + component + " to version " + std::to_string(migration.version),
            done.error());
      }
      current[component] = migration.version;
      const base::Status noted =
          database.Prepare("INSERT OR REPLACE INTO schema_versions VALUES (?, ?)")
              .Bind(component)
              .Bind(std::int64_t{migration.version})
              .Run();
      if (!noted) return noted;
    }
    for (const auto& [component, version] : newest) {
      if (current[component] <= version) continue;
      return base::Fail("the state of " + component + " has version " +
                            std::to_string(current[component]) + ", this program knows " +
                            std::to_string(version),
                        "run the newer drwatch that wrote it, or move the file away");
    }
    return {};
  });
}

base::Status Database::Begin(Durability durability) {
  if (durability != durability_) {
    const bool synced = durability == Durability::kSynced;
    const base::Status set = ExecuteOrFail(
        handle_, synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    if (!set) return set;
    durability_ = durability;
  }
  return Prepare("BEGIN").Run();
}

base::Status Database::Transact(const std::function<base::Status(Database&)>& body,
                                Durability durability) {
  const std::lock_guard lock(mutex_);
  if (const base::Status begun = Begin(durability); !begun) return begun;
  base::Status status = body(*this);
  const bool wrote = sqlite3_txn_state(handle_, "main") == SQLITE_TXN_WRITE;
  if (status && wrote && moved()) {
    status = base::Fail("the file was removed, moved or replaced while it was open",
                        "put it back, or restart drwatch, which makes a new one");
  }
  if (status) status = Prepare("COMMIT").Run();
  if (!status && IsDamage(sqlite3_errcode(handle_))) damaged_ = true;
  // Some failures (disk full) end the transaction by themselves.
  if (!status && sqlite3_get_autocommit(handle_) == 0) Execute(handle_, "ROLLBACK");
  return status;
}

bool Database::moved() const {
  int moved = 0;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

std::int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Database::ChangedRows() const { return sqlite3_changes64(handle_); }

}  // namespace drwatch::db
