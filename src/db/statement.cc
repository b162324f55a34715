#include <sqlite3.h>

#include <utility>

#include "base/strings.h"
#include "db/database.h"

namespace drwatch::db {

sqlite3_stmt* StatementCache::Take(std::string_view sql) {
  const auto found = idle_.find(sql);
  if (found == idle_.end()) return nullptr;
  sqlite3_stmt* handle = found->second;
  idle_.erase(found);
  return handle;
}

void StatementCache::Give(sqlite3_stmt* handle) {
  // The error of its last step was returned there.
  sqlite3_reset(handle);
  sqlite3_clear_bindings(handle);
  const bool room = idle_.size() < kMaxStatements;
  if (!room || !idle_.try_emplace(sqlite3_sql(handle), handle).second) sqlite3_finalize(handle);
}

void StatementCache::Clear() {
  for (const auto& [sql, handle] : idle_) sqlite3_finalize(handle);
  idle_.clear();
}

Statement::Statement(sqlite3* database, std::string_view sql, StatementCache* cache)
    // What a pragma says is settled when it is compiled.
    : database_(database), cache_(sql.starts_with("PRAGMA") ? nullptr : cache) {
  if (cache_ != nullptr) handle_ = cache_->Take(sql);
  if (handle_ != nullptr) return;
  const unsigned flags = cache_ != nullptr ? SQLITE_PREPARE_PERSISTENT : 0;
  Check(sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), flags, &handle_,
                           nullptr));
}

Statement::~Statement() {
  if (cache_ != nullptr && handle_ != nullptr) {
    cache_->Give(handle_);
  } else {
    sqlite3_finalize(handle_);
  }
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      cache_(other.cache_),
      handle_(std::exchange(other.handle_, nullptr)),
      next_parameter_(other.next_parameter_),
      error_(std::move(other.error_)) {}

void Statement::Check(int code) {
  if (code != SQLITE_OK && error_.empty()) error_ = sqlite3_errmsg(database_);
}

Statement& Statement::Bind(std::int64_t value) {
  Check(sqlite3_bind_int64(handle_, next_parameter_++, value));
  return *this;
}

Statement& Statement::Bind(double value) {
  Check(sqlite3_bind_double(handle_, next_parameter_++, value));
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  // A null pointer would bind NULL instead of the empty text.
  const char* data = text.data() == nullptr ? "" : text.data();
  Check(sqlite3_bind_text64(handle_, next_parameter_++, data, text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  Check(sqlite3_bind_blob64(handle_, next_parameter_++, data, bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::BindNull() {
  Check(sqlite3_bind_null(handle_, next_parameter_++));
  return *this;
}

base::Result<bool> Statement::Step() {
  if (!error_.empty()) return base::Fail(error_);
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  error_ = sqlite3_errmsg(database_);
  return base::Fail(error_);
}

base::Status Statement::Run() {
  while (true) {
    const base::Result<bool> row = Step();
    if (!row) return base::Fail(row.error());
    if (!*row) return {};
  }
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(handle_, column); }

double Statement::Double(int column) const { return sqlite3_column_double(handle_, column); }

std::string Statement::Text(int column) const {
  // The bytes must be fetched before their count: fetching may convert them.
  const void* bytes = sqlite3_column_blob(handle_, column);
  const int size = sqlite3_column_bytes(handle_, column);
  if (bytes == nullptr || size <= 0) return {};
  return std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

void Statement::Reset() {
  // Reset reports the error of the last Step again; it was already returned there.
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  next_parameter_ = 1;
  error_.clear();
}

}  // namespace drwatch::db
