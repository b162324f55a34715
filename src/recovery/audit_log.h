// The audit log: what happened, who began it and what came of it, as a chain of rows that can only
// grow.
//
// Each row has the SHA-256 of the row before it and of its own content, so that a row that was
// changed, removed or slipped in is found (docs/audit.md says how to compute it without drwatch).
// The table refuses UPDATE and DELETE. Whoever owns the file can write a new chain; what they
// cannot do is to make it end in a digest that somebody has kept elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/database.h"

namespace drwatch::recovery {

// Longer texts are cut at a character.
inline constexpr std::size_t kMaxAuditTypeBytes = 50;
inline constexpr std::size_t kMaxAuditActorBytes = 100;
inline constexpr std::size_t kMaxAuditTextBytes = 4000;      // description, notes
inline constexpr std::size_t kMaxAuditMetricsBytes = 64000;  // a longer object is left out

struct AuditEvent {
  std::string type;         // "ALERT_FIRING"
  std::string description;  // for people
  std::string initiated_by;
  base::Timestamp time{};
  std::optional<base::Duration> duration;
  std::optional<bool> success;
  std::string metrics;  // a JSON object; empty = none
  std::string notes;
  bool operator==(const AuditEvent&) const = default;
};

struct AuditRow {
  std::int64_t id = 0;  // 1, 2, 3 ... without holes
  AuditEvent event;
  std::string digest;  // 64 hex digits
};

struct AuditQuery {
  base::Timestamp from = base::Timestamp::min();
  base::Timestamp to = base::Timestamp::max();  // not included
  std::int64_t after_id = 0;
  std::optional<std::int64_t> limit;  // the first so many
};

struct AuditChain {
  std::int64_t rows = 0;
  std::int64_t last_id = 0;
  std::string head;                   // digest of the last row; empty without one
  std::vector<std::string> problems;  // the first kMaxProblems; empty = the chain holds
  static constexpr std::size_t kMaxProblems = 20;
};

// As thread-safe as the database; two logs of one file must not append at once.
class AuditLog {
 public:
  // The one table; give it to db::Database::Open.
  static std::vector<db::Migration> Migrations();
  explicit AuditLog(db::Database* database) : database_(database) {}

  // All of them, in order and on disk when it returns, or none. Errors: why SQLite could not write.
  base::Status Append(const std::vector<AuditEvent>& events);
  // In the order of their ids. Errors: why SQLite could not read.
  base::Result<std::vector<AuditRow>> Read(const AuditQuery& query) const;
  std::optional<AuditRow> Last() const;
  // Reads everything. Errors: as Read.
  base::Result<AuditChain> Verify() const;

 private:
  db::Database* database_;
};

}  // namespace drwatch::recovery
