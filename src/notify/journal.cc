#include "notify/journal.h"

#include <algorithm>

#include "notify/journal_escalation.h"
#include "notify/journal_values.h"
#include "notify/limits.h"
#include "notify/target_settings.h"

namespace drwatch::notify {
namespace {

std::int64_t Millis(base::Timestamp time) { return base::ToUnixMillis(time); }

base::Status SaveAlerts(db::Database& database, const Records& records, const Changes& changes) {
  if (changes.alerts.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_alerts (id, labels, annotations, value, active_at, fired_at,"
      " resolved_at, generator_url, reason, changed_at, expires_at, ack_by, ack_comment, ack_at,"
      " ack_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_alerts WHERE id = ?");
  for (const AlertId id : changes.alerts) {
    const auto found = records.alerts.find(id);
    db::Statement& statement = found == records.alerts.end() ? drop : put;
    statement.Reset();
    statement.Bind(id);
    if (found != records.alerts.end()) {
      const AlertRecord& record = found->second;
      statement.BindBlob(EncodeLabels(record.alert.labels))
          .BindBlob(EncodeLabels(record.alert.annotations))
          .Bind(record.alert.value)
          .Bind(Millis(record.alert.active_at))
          .Bind(Millis(record.alert.fired_at))
          .Bind(Millis(record.alert.resolved_at))
          .Bind(record.alert.generator_url)
          .Bind(record.reason)
          .Bind(Millis(record.changed_at))
          .Bind(Millis(record.expires_at));
      const Acknowledgement none;
      const Acknowledgement& ack = record.acknowledged ? *record.acknowledged : none;
      statement.Bind(ack.by).Bind(ack.comment).Bind(Millis(ack.at)).Bind(Millis(ack.until));
    }
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

base::Status SaveGroups(db::Database& database, const Records& records, const Changes& changes) {
  if (changes.groups.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_groups (id, created_at, last_flush) VALUES (?, ?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_groups WHERE id = ?");
  for (const std::string& id : changes.groups) {
    const auto found = records.groups.find(id);
    db::Statement& statement = found == records.groups.end() ? drop : put;
    statement.Reset();
    statement.BindBlob(id);
    if (found != records.groups.end()) {
      statement.Bind(Millis(found->second.created_at)).Bind(Millis(found->second.last_flush));
    }
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

base::Status SaveTargets(db::Database& database, const Records& records, const Changes& changes) {
  if (changes.targets.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_targets (id, receiver, settings) VALUES (?, ?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_targets WHERE id = ?");
  for (const std::string& id : changes.targets) {
    const auto found = records.targets.find(id);
    db::Statement& statement = found == records.targets.end() ? drop : put;
    statement.Reset();
    statement.Bind(id);
    if (found != records.targets.end()) {
      const Target& target = found->second;
      statement.Bind(target.receiver)
          .Bind(target.integration ? EncodeIntegration(*target.integration) : "");
    }
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

// As it would be if it were under way: its next request may leave without another write.
IdSet Maybe(const Delivery& delivery, const Changes& changes) {
  IdSet maybe = delivery.maybe;
  const bool tells = delivery.pending && *delivery.pending != Occasion::kResolve;
  if (delivery.alert != 0 && tells && !changes.at_rest) maybe.insert(delivery.alert);
  return maybe;
}

int Attempts(const Delivery& delivery, const Changes& changes) {
  const bool may_leave = delivery.alert != 0 && delivery.pending && !changes.at_rest;
  return may_leave ? std::max(delivery.attempts, 1) : delivery.attempts;
}

void BindDelivery(db::Statement& statement, const Delivery& delivery, const Changes& changes) {
  statement.Bind(delivery.alert)
      .BindBlob(delivery.group_id)
      .BindBlob(delivery.group_key)
      .BindBlob(EncodeLabels(delivery.group_labels))
      .Bind(delivery.dedup_key)
      .Bind(std::int64_t{delivery.fallback})
      .Bind(delivery.note)
      .Bind(EncodeIds(delivery.confirmed))
      .Bind(EncodeIds(Maybe(delivery, changes)))
      .Bind(EncodeIds(delivery.refused))
      .Bind(Millis(delivery.last_notified));
  if (delivery.pending) {
    statement.Bind(static_cast<std::int64_t>(*delivery.pending));
  } else {
    statement.BindNull();
  }
  statement.Bind(delivery.version)
      .Bind(Millis(delivery.queued_at))
      .Bind(Millis(delivery.changed_at))
      .Bind(std::int64_t{Attempts(delivery, changes)})
      .Bind(Millis(delivery.last_attempt))
      .Bind(std::int64_t{delivery.form == Form::kMinimal})
      .Bind(std::int64_t{delivery.fell_back})
      .Bind(delivery.last_error)
      .Bind(std::int64_t{delivery.acknowledged});
}

base::Status SaveDeliveries(db::Database& database, const Records& records,
                            const Changes& changes) {
  if (changes.deliveries.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_deliveries (target, incident, alert, group_id, group_key,"
      " group_labels, dedup_key, fallback, note, confirmed, maybe, refused, last_notified, pending,"
      " version, queued_at, changed_at, attempts, last_attempt, form, fell_back, last_error,"
      " acknowledged) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?)");
  db::Statement drop =
      database.Prepare("DELETE FROM notify_deliveries WHERE target = ? AND incident = ?");
  for (const DeliveryKey& key : changes.deliveries) {
    const auto found = records.deliveries.find(key);
    db::Statement& statement = found == records.deliveries.end() ? drop : put;
    statement.Reset();
    statement.Bind(key.first).BindBlob(key.second);
    if (found != records.deliveries.end()) BindDelivery(statement, found->second, changes);
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

base::Status SaveSilences(db::Database& database, const Records& records, const Changes& changes) {
  if (changes.silences.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_silences (id, matchers, starts_at, ends_at, updated_at,"
      " created_by, comment) VALUES (?, ?, ?, ?, ?, ?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_silences WHERE id = ?");
  for (const std::string& id : changes.silences) {
    const auto found = records.silences.find(id);
    db::Statement& statement = found == records.silences.end() ? drop : put;
    statement.Reset();
    statement.Bind(id);
    if (found != records.silences.end()) {
      const Silence& silence = found->second;
      statement.Bind(EncodeMatchers(silence.matchers))
          .Bind(Millis(silence.starts_at))
          .Bind(Millis(silence.ends_at))
          .Bind(Millis(silence.updated_at))
          .Bind(silence.created_by)
          .Bind(silence.comment);
    }
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

base::Status SaveAttempts(db::Database& database, const Changes& changes) {
  if (changes.attempts.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT INTO notify_attempts (time, receiver, integration, occasion, group_key, summary,"
      " outcome, detail, duration, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const AttemptRecord& attempt : changes.attempts) {
    put.Reset();
    put.Bind(Millis(attempt.time))
        .Bind(attempt.receiver)
        .Bind(attempt.integration)
        .Bind(static_cast<std::int64_t>(attempt.occasion))
        .BindBlob(attempt.group_key)
        .Bind(attempt.summary)
        .Bind(attempt.outcome)
        .Bind(attempt.detail)
        .Bind(attempt.duration.count())
        .Bind(std::int64_t{attempt.attempt});
    if (const base::Status done = put.Run(); !done) return done;
  }
  return database.Prepare("DELETE FROM notify_attempts WHERE id <= ?")
      .Bind(database.LastInsertId() - static_cast<std::int64_t>(kKeptAttempts))
      .Run();
}

}  // namespace

std::vector<db::Migration> Migrations() {
  return {{"notify", 1, R"(
    CREATE TABLE notify_alerts (
      id INTEGER PRIMARY KEY, labels BLOB NOT NULL, annotations BLOB NOT NULL, value REAL,
      active_at INTEGER NOT NULL, fired_at INTEGER NOT NULL, resolved_at INTEGER NOT NULL,
      generator_url TEXT NOT NULL, reason TEXT NOT NULL, changed_at INTEGER NOT NULL);
    CREATE TABLE notify_groups (
      id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, last_flush INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE notify_targets (
      id TEXT PRIMARY KEY, receiver TEXT NOT NULL, settings TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE notify_deliveries (
      target TEXT NOT NULL, incident BLOB NOT NULL, alert INTEGER NOT NULL, group_id BLOB NOT NULL,
      group_key BLOB NOT NULL, group_labels BLOB NOT NULL, dedup_key TEXT NOT NULL,
      fallback INTEGER NOT NULL, note TEXT NOT NULL, confirmed TEXT NOT NULL, maybe TEXT NOT NULL,
      refused TEXT NOT NULL, last_notified INTEGER NOT NULL, pending INTEGER,
      version INTEGER NOT NULL, queued_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL, last_attempt INTEGER NOT NULL, form INTEGER NOT NULL,
      fell_back INTEGER NOT NULL, last_error TEXT NOT NULL,
      PRIMARY KEY (target, incident)) WITHOUT ROWID;
    CREATE TABLE notify_attempts (
      id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, receiver TEXT NOT NULL,
      integration TEXT NOT NULL, occasion INTEGER NOT NULL, group_key BLOB NOT NULL,
      summary TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
      duration INTEGER NOT NULL, attempt INTEGER NOT NULL);)"},
          {"notify", 2, R"(
    ALTER TABLE notify_alerts ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE notify_silences (
      id TEXT PRIMARY KEY, matchers TEXT NOT NULL, starts_at INTEGER NOT NULL,
      ends_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, created_by TEXT NOT NULL,
      comment TEXT NOT NULL) WITHOUT ROWID;)"},
          {"notify", 3, kEscalationTables}};
}

base::Status SaveChanges(db::Database& database, const Ledger& ledger, const Changes& changes,
                         db::Durability durability) {
  const Records& records = ledger.records();
  const auto save = [&](db::Database& inside) -> base::Status {
    base::Status status = SaveAlerts(inside, records, changes);
    if (status) status = SaveGroups(inside, records, changes);
    if (status) status = SaveTargets(inside, records, changes);
    if (status) status = SaveDeliveries(inside, records, changes);
    if (status) status = SaveSilences(inside, records, changes);
    if (status) status = SaveEscalations(inside, records, changes);
    if (status) status = SaveAttempts(inside, changes);
    return status;
  };
  return database.Transact(save, durability);
}

}  // namespace drwatch::notify
