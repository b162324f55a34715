// SQLite: the embedded state. One file, WAL mode, on the disk when a transaction ends unless it is
// told otherwise, one writer at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace drwatch::db {

// A prepared statement: Bind() in order, then Step() until false. One thread, and only inside
// Database::Transact. SQL that does not compile is reported by the first Step() or Run().
class Statement {
 public:
  // With a `cache` it comes from there, if it is there, and goes there when it ends.
  Statement(sqlite3* database, std::string_view sql, class StatementCache* cache = nullptr);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement& Bind(std::int64_t value);
  Statement& Bind(double value);
  Statement& Bind(std::string_view text);
  Statement& BindBlob(std::string_view bytes);
  Statement& BindNull();
  // True while there is a row. Errors: SQLite's message.
  base::Result<bool> Step();
  // For statements without rows.
  base::Status Run();
  std::int64_t Int(int column) const;
  double Double(int column) const;
  std::string Text(int column) const;  // also blobs
  bool IsNull(int column) const;
  // Ready for new values.
  void Reset();

 private:
  sqlite3* database_;
  class StatementCache* cache_;
  sqlite3_stmt* handle_ = nullptr;
  int next_parameter_ = 1;
  std::string error_;  // the first failure since the last Reset(); reported by Step()
  void Check(int code);
};

// Compiled statements between their uses, by their text: to compile one costs more than to run it.
class StatementCache {
 public:
  static constexpr std::size_t kMaxStatements = 64;
  // nullptr: none with this text is idle.
  sqlite3_stmt* Take(std::string_view sql);
  void Give(sqlite3_stmt* handle);
  void Clear();

 private:
  std::map<std::string, sqlite3_stmt*, std::less<>> idle_;
};

// What a transaction outlasts when Transact returns.
enum class Durability {
  kSynced,   // a power cut: it is on the disk, and so are all before it
  kWritten,  // the end of the process: on the disk it is with the next synced one at the latest
};

// What a folder keeps in the database: its tables, made or upgraded in order. A migration runs
// once, in a transaction.
struct Migration {
  std::string_view component;  // "notify", "rules", "probes"
  int version = 1;             // 1, 2, ... without holes
  std::string_view sql;
};

// Thread-safe: calls take turns. The lock on `path`.lock is held as long as the object lives, so
// that a second program on the same folder cannot start.
class Database {
 public:
  // A file larger than this is not read whole at start to look for damage; SQLite then reports
  // damage where it meets it.
  static constexpr std::int64_t kMaxCheckedBytes = 64 << 20;

  // Opens or creates `path` (and its folder) and applies what is missing of `migrations`. A file
  // that is damaged is moved aside to `path`.corrupt-<unix time> and a new one is made
  // (recovered() says so). Errors: the folder is not writable, another process holds the lock, a
  // schema newer than this program.
  static base::Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                      const std::vector<Migration>& migrations);
  // A second view of a file that another process may be writing to: takes no lock, changes nothing.
  // Transact() then only reads. Errors: there is no such file, it cannot be read, or it is none.
  static base::Result<std::unique_ptr<Database>> OpenForReading(const std::string& path);
  // In memory, for tests and --once.
  static base::Result<std::unique_ptr<Database>> OpenInMemory(
      const std::vector<Migration>& migrations);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body` in one transaction: committed if it returns success, rolled back otherwise. Not to
  // be called from inside a body. A synced one that changes nothing does not sync. Errors: the
  // body's, or why SQLite could not write (disk full, read-only, I/O error), or that the file is
  // not there any more: what is written to one that was removed no restart finds.
  base::Status Transact(const std::function<base::Status(Database&)>& body,
                        Durability durability = Durability::kSynced);
  // Only inside a transaction body.
  Statement Prepare(std::string_view sql) { return Statement(handle_, sql, &cache_); }
  // Only inside a transaction body: the row id of its last INSERT, and how many rows the last
  // INSERT, UPDATE or DELETE changed.
  std::int64_t LastInsertId() const;
  std::int64_t ChangedRows() const;
  bool recovered() const { return recovered_; }
  // True after OpenForReading().
  bool for_reading() const { return for_reading_; }
  // Whether a file of this name is one that was moved aside; its journals do not count.
  static bool IsAside(std::string_view file_name);

 private:
  Database() = default;
  enum class OpenResult { kOk, kDamaged };
  base::Status Lock(const std::string& path);
  base::Result<OpenResult> OpenFile(const std::string& path);
  base::Status MoveAside(const std::string& path);
  base::Status Configure();
  base::Status Migrate(const std::vector<Migration>& migrations);
  base::Status Begin(Durability durability);
  bool moved() const;
  void Close();

  std::mutex mutex_;
  sqlite3* handle_ = nullptr;
  StatementCache cache_;
  Durability durability_ = Durability::kSynced;  // what the connection is set to
  base::UniqueFd lock_;
  bool recovered_ = false;
  bool for_reading_ = false;
  bool damaged_ = false;  // SQLite met damage in a transaction
};

}  // namespace drwatch::db
