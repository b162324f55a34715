// SQLite: the embedded state. One file, WAL mode, synchronous=FULL, one writer at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace drwatch::db {

// A prepared statement: Bind() in order, then Step() until false. One thread, and only inside
// Database::Transact or Read.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept;
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
  sqlite3_stmt* handle_ = nullptr;
  int next_parameter_ = 1;
  int error_ = 0;
};

// What a folder keeps in the database: its tables, made or upgraded in order. A migration runs
// once, in a transaction.
struct Migration {
  std::string_view component;  // "notify", "rules", "probes"
  int version = 1;             // 1, 2, ... without holes
  std::string_view sql;
};

// Thread-safe: calls take turns.
class Database {
 public:
  // Opens or creates `path` and applies what is missing of `migrations`. A file that is damaged is
  // moved aside to `path`.corrupt-<unix time> and a new one is made (recovered() says so). Errors:
  // the folder is not writable, another process holds the lock, a schema newer than this program.
  static base::Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                      const std::vector<Migration>& migrations);
  // In memory, for tests and --once.
  static base::Result<std::unique_ptr<Database>> OpenInMemory(
      const std::vector<Migration>& migrations);
  ~Database();

  // Runs `body` in one transaction: committed (and on disk) if it returns success, rolled back
  // otherwise.
  base::Status Transact(const std::function<base::Status(Database&)>& body);
  // Only inside a transaction body.
  Statement Prepare(std::string_view sql) { return Statement(handle_, sql); }
  bool recovered() const { return recovered_; }

 private:
  Database() = default;
  std::mutex mutex_;
  sqlite3* handle_ = nullptr;
  int lock_fd_ = -1;
  bool recovered_ = false;
};

}  // namespace drwatch::db
