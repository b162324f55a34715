#include "recovery/audit_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::recovery {
namespace {

constexpr std::string_view kSchema = R"(
CREATE TABLE dr_audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_type TEXT NOT NULL,
  event_description TEXT NOT NULL,
  initiated_by TEXT NOT NULL,
  timestamp TEXT NOT NULL,
  duration_minutes REAL,
  success INTEGER CHECK (success IN (0, 1)),
  metrics TEXT,
  notes TEXT,
  digest TEXT NOT NULL
) STRICT;
CREATE INDEX dr_audit_log_timestamp ON dr_audit_log (timestamp);
CREATE TRIGGER dr_audit_log_no_update BEFORE UPDATE ON dr_audit_log
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER dr_audit_log_no_delete BEFORE DELETE ON dr_audit_log
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER dr_audit_log_no_replace BEFORE INSERT ON dr_audit_log
  WHEN EXISTS (SELECT 1 FROM dr_audit_log WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)";

constexpr std::string_view kColumns =
    "id, event_type, event_description, initiated_by, timestamp, duration_minutes, success, "
    "metrics, notes, digest";

constexpr base::Timestamp kFirstTime{};
constexpr base::Timestamp kLastTime = base::FromUnixMillis(253'402'300'799'999);  // year 9999

// With milliseconds always, so that texts are in the order of time.
std::string TimeText(base::Timestamp time) {
  std::string text = base::FormatRfc3339(std::clamp(time, kFirstTime, kLastTime));
  if (text.find('.') == std::string::npos) text.insert(text.size() - 1, ".000");
  return text;
}

double Minutes(base::Duration duration) { return base::ToSeconds(duration) / 60; }

// As a row holds it, before it has a place in the chain.
struct Stored {
  std::string type, description, actor, time;
  std::optional<double> minutes;
  std::optional<bool> success;
  std::optional<std::string> metrics, notes;
};

std::optional<std::string> NotEmpty(std::string text) {
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

// Text that SQLite and JSON hand back as it went in.
std::string Clean(std::string_view text, std::size_t limit) {
  std::string clean(base::Truncate(text, limit));
  if (!base::IsValidUtf8(clean)) clean = base::Truncate(base::Quote(clean), limit);
  std::replace(clean.begin(), clean.end(), '\0', ' ');
  return clean;
}

Stored ToStored(const AuditEvent& event) {
  Stored stored;
  stored.type = Clean(event.type, kMaxAuditTypeBytes);
  stored.description = Clean(event.description, kMaxAuditTextBytes);
  stored.actor = Clean(event.initiated_by, kMaxAuditActorBytes);
  stored.time = TimeText(event.time);
  if (event.duration) stored.minutes = Minutes(*event.duration);
  stored.success = event.success;
  if (event.metrics.size() <= kMaxAuditMetricsBytes) stored.metrics = NotEmpty(event.metrics);
  stored.notes = NotEmpty(Clean(event.notes, kMaxAuditTextBytes));
  return stored;
}

void AddField(std::string& fields, const std::optional<std::string>& text) {
  if (!text) {
    fields += "-;";
    return;
  }
  fields += std::to_string(text->size()) + ":";
  fields += *text;
  fields += ";";
}

// As any language prints it.
std::string SixDecimals(double value) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.6f", value);
  return text.data();
}

std::string DigestOf(std::string_view previous, std::int64_t id, const Stored& row) {
  std::string fields;
  AddField(fields, std::string(previous));
  AddField(fields, std::to_string(id));
  AddField(fields, row.type);
  AddField(fields, row.description);
  AddField(fields, row.actor);
  AddField(fields, row.time);
  AddField(fields, row.minutes ? std::optional(SixDecimals(*row.minutes)) : std::nullopt);
  AddField(fields,
           row.success ? std::optional<std::string>(*row.success ? "1" : "0") : std::nullopt);
  AddField(fields, row.metrics);
  AddField(fields, row.notes);
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, fields));
}

Stored ReadStored(const db::Statement& row) {
  Stored stored;
  stored.type = row.Text(1);
  stored.description = row.Text(2);
  stored.actor = row.Text(3);
  stored.time = row.Text(4);
  if (!row.IsNull(5)) stored.minutes = row.Double(5);
  if (!row.IsNull(6)) stored.success = row.Int(6) != 0;
  if (!row.IsNull(7)) stored.metrics = row.Text(7);
  if (!row.IsNull(8)) stored.notes = row.Text(8);
  return stored;
}

// "2026-11-21T10:56:49.123Z", as TimeText writes it; the year is at most 9999.
std::optional<base::Timestamp> ParseTime(const std::string& text) {
  if (text.size() != 24) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    return base::ParseInt(text.substr(at, digits)).value_or(-1);
  };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2))));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(number(11, 2)) +
         std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)) +
         std::chrono::milliseconds(number(20, 3));
}

AuditRow ToRow(const db::Statement& statement) {
  AuditRow row;
  row.id = statement.Int(0);
  Stored stored = ReadStored(statement);
  row.event.type = std::move(stored.type);
  row.event.description = std::move(stored.description);
  row.event.initiated_by = std::move(stored.actor);
  row.event.time = ParseTime(stored.time).value_or(base::Timestamp{});
  if (stored.minutes) row.event.duration = base::Duration(std::llround(*stored.minutes * 60000));
  row.event.success = stored.success;
  row.event.metrics = stored.metrics.value_or("");
  row.event.notes = stored.notes.value_or("");
  row.digest = statement.Text(9);
  return row;
}

struct Head {
  std::int64_t id = 0;
  std::string digest;
};

base::Result<Head> ReadHead(db::Database& database) {
  db::Statement last =
      database.Prepare("SELECT id, digest FROM dr_audit_log ORDER BY id DESC LIMIT 1");
  const base::Result<bool> found = last.Step();
  if (!found) return base::Fail(found.error());
  if (!*found) return Head{};
  return Head{last.Int(0), last.Text(1)};
}

void BindOptional(db::Statement& statement, const std::optional<std::string>& text) {
  if (text) {
    statement.Bind(*text);
  } else {
    statement.BindNull();
  }
}

base::Status Insert(db::Database& database, std::int64_t id, const Stored& row,
                    const std::string& digest) {
  db::Statement insert = database.Prepare("INSERT INTO dr_audit_log (" + std::string(kColumns) +
                                          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(id).Bind(row.type).Bind(row.description).Bind(row.actor).Bind(row.time);
  if (row.minutes) {
    insert.Bind(*row.minutes);
  } else {
    insert.BindNull();
  }
  if (row.success) {
    insert.Bind(std::int64_t{*row.success});
  } else {
    insert.BindNull();
  }
  BindOptional(insert, row.metrics);
  BindOptional(insert, row.notes);
  return insert.Bind(digest).Run();
}

// The highest id that was ever given out, as SQLite remembers it.
base::Result<std::int64_t> HighestId(db::Database& database) {
  db::Statement sequence =
      database.Prepare("SELECT seq FROM sqlite_sequence WHERE name = 'dr_audit_log'");
  const base::Result<bool> found = sequence.Step();
  if (!found) return base::Fail(found.error());
  return *found ? sequence.Int(0) : 0;
}

void AddProblem(AuditChain& chain, std::string text) {
  if (chain.problems.size() < AuditChain::kMaxProblems) chain.problems.push_back(std::move(text));
}

std::string RowName(std::int64_t id) { return "row " + std::to_string(id); }

void CheckRow(AuditChain& chain, const db::Statement& row) {
  const std::int64_t id = row.Int(0);
  const std::int64_t wanted = chain.last_id + 1;
  if (id > wanted) {
    AddProblem(chain, id == wanted + 1 ? RowName(wanted) + " is missing"
                                       : "rows " + std::to_string(wanted) + " to " +
                                             std::to_string(id - 1) + " are missing");
  }
  const std::string digest = row.Text(9);
  if (DigestOf(chain.head, id, ReadStored(row)) != digest && id == wanted) {
    AddProblem(chain, RowName(id) + " is not what was written, or not what followed " +
                          (wanted == 1 ? "the start" : RowName(chain.last_id)));
  }
  ++chain.rows;
  chain.last_id = id;
  chain.head = digest;
}

}  // namespace

std::vector<db::Migration> AuditLog::Migrations() { return {{"audit", 1, kSchema}}; }

base::Status AuditLog::Append(const std::vector<AuditEvent>& events) {
  return database_->Transact([&](db::Database& database) -> base::Status {
    base::Result<Head> head = ReadHead(database);
    if (!head) return base::Fail(head.error());
    for (const AuditEvent& event : events) {
      const Stored stored = ToStored(event);
      ++head->id;
      head->digest = DigestOf(head->digest, head->id, stored);
      if (auto inserted = Insert(database, head->id, stored, head->digest); !inserted) {
        return inserted;
      }
    }
    return {};
  });
}

base::Result<std::vector<AuditRow>> AuditLog::Read(const AuditQuery& query) const {
  std::vector<AuditRow> rows;
  const base::Status read = database_->Transact([&](db::Database& database) -> base::Status {
    db::Statement select = database.Prepare(
        "SELECT " + std::string(kColumns) +
        " FROM dr_audit_log WHERE id > ? AND timestamp >= ? AND timestamp < ? ORDER BY id LIMIT ?");
    select.Bind(query.after_id).Bind(TimeText(query.from));
    // Later than any: the comparison leaves its argument out.
    select.Bind(query.to > kLastTime ? std::string("~") : TimeText(query.to));
    select.Bind(query.limit.value_or(-1));
    while (true) {
      const base::Result<bool> row = select.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) return {};
      rows.push_back(ToRow(select));
    }
  });
  if (!read) return base::Wrap("reading the audit log", read.error());
  return rows;
}

std::optional<AuditRow> AuditLog::Last() const {
  std::optional<AuditRow> last;
  const base::Status read = database_->Transact([&](db::Database& database) -> base::Status {
    db::Statement select = database.Prepare("SELECT " + std::string(kColumns) +
                                            " FROM dr_audit_log ORDER BY id DESC LIMIT 1");
    const base::Result<bool> row = select.Step();
    if (!row) return base::Fail(row.error());
    if (*row) last = ToRow(select);
    return {};
  });
  return read ? last : std::nullopt;
}

base::Result<AuditChain> AuditLog::Verify() const {
  AuditChain chain;
  const base::Status read = database_->Transact([&](db::Database& database) -> base::Status {
    db::Statement select =
        database.Prepare("SELECT " + std::string(kColumns) + " FROM dr_audit_log ORDER BY id");
    while (true) {
      const base::Result<bool> row = select.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) break;
      CheckRow(chain, select);
    }
    const base::Result<std::int64_t> highest = HighestId(database);
    if (!highest) return base::Fail(highest.error());
    if (*highest > chain.last_id) {
      AddProblem(chain, "the log went on to " + RowName(*highest) + " and ends at " +
                            RowName(chain.last_id) + " now");
    }
    return {};
  });
  if (!read) return base::Wrap("reading the audit log", read.error());
  return chain;
}

}  // namespace drwatch::recovery
