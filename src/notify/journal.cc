#include "notify/journal.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "notify/journal_escalation.h"
#include "notify/limits.h"
#include "notify/receiver.h"
#include "notify/target_settings.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

// --- single values --------------------------------------------------------------------------

// Length and bytes of each name and value: any byte may occur in them.
std::string EncodeLabels(const model::Labels& labels) {
  std::string text;
  const auto add = [&](std::string_view part) {
    text += std::to_string(part.size()) + ":";
    text += part;
  };
  for (const model::LabelView label : labels) {
    add(label.name);
    add(label.value);
  }
  return text;
}

model::Labels DecodeLabels(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const auto size = base::ParseInt(text.substr(0, colon));
    if (colon == std::string_view::npos || !size || *size < 0) break;
    text.remove_prefix(colon + 1);
    if (static_cast<std::size_t>(*size) > text.size()) break;
    parts.emplace_back(text.substr(0, static_cast<std::size_t>(*size)));
    text.remove_prefix(static_cast<std::size_t>(*size));
  }
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    pairs.emplace_back(std::move(parts[i]), std::move(parts[i + 1]));
  }
  return model::Labels(std::move(pairs));
}

std::string EncodeIds(const IdSet& ids) {
  std::string text;
  for (const AlertId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

IdSet DecodeIds(std::string_view text) {
  IdSet ids;
  for (const std::string_view part : base::Split(text, ',')) {
    if (const auto id = base::ParseInt(part)) ids.insert(*id);
  }
  return ids;
}

// [["=~", "job", "a|b"], ...]
std::string EncodeMatchers(const std::vector<model::Matcher>& matchers) {
  Json json = Json::array();
  for (const model::Matcher& matcher : matchers) {
    json.push_back({model::MatchOperator(matcher.type()), matcher.name(), matcher.value()});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Empty if any of them cannot be read: a silence with fewer matchers would take more alerts.
std::vector<model::Matcher> DecodeMatchers(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  std::vector<model::Matcher> matchers;
  if (!json.is_array()) return {};
  for (const Json& item : json) {
    const bool strings = item.is_array() && item.size() == 3 && item[0].is_string() &&
                         item[1].is_string() && item[2].is_string();
    if (!strings) return {};
    constexpr std::array kTypes = {model::MatchType::kEqual, model::MatchType::kNotEqual,
                                   model::MatchType::kRegex, model::MatchType::kNotRegex};
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](model::MatchType candidate) {
      return model::MatchOperator(candidate) == item[0].get<std::string>();
    });
    if (type == kTypes.end()) return {};
    base::Result<model::Matcher> matcher =
        model::Matcher::Make(*type, item[1].get<std::string>(), item[2].get<std::string>());
    if (!matcher) return {};
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

std::int64_t Millis(base::Timestamp time) { return base::ToUnixMillis(time); }

Occasion ToOccasion(std::int64_t number) {
  return number >= 0 && number <= static_cast<int>(Occasion::kAcknowledge)
             ? static_cast<Occasion>(number)
             : Occasion::kTrigger;
}

// --- reading --------------------------------------------------------------------------------

// Calls `row` for each row of `sql`.
template <typename Row>
base::Status ForEachRow(db::Database& database, std::string_view sql, Row row) {
  db::Statement statement = database.Prepare(sql);
  while (true) {
    const base::Result<bool> more = statement.Step();
    if (!more) return base::Fail(more.error());
    if (!*more) return {};
    row(statement);
  }
}

class Loader {
 public:
  explicit Loader(base::Timestamp now) : now_(now) {}

  base::Status Load(db::Database& database) {
    const auto read = [&](std::string_view sql, void (Loader::*row)(const db::Statement&)) {
      return ForEachRow(database, sql, [&](const db::Statement& at) { (this->*row)(at); });
    };
    base::Status status = read(
        "SELECT id, labels, annotations, value, active_at, fired_at, resolved_at, generator_url,"
        " reason, changed_at, expires_at, ack_by, ack_comment, ack_at, ack_until"
        " FROM notify_alerts",
        &Loader::ReadAlert);
    if (status) {
      status = read("SELECT id, created_at, last_flush FROM notify_groups", &Loader::ReadGroup);
    }
    if (status) {
      status = read("SELECT id, receiver, settings FROM notify_targets", &Loader::ReadTarget);
    }
    if (status) {
      status = read(
          "SELECT target, incident, alert, group_id, group_key, group_labels, dedup_key, fallback,"
          " note, confirmed, maybe, refused, last_notified, pending, version, queued_at,"
          " changed_at, attempts, last_attempt, form, fell_back, last_error, acknowledged"
          " FROM notify_deliveries",
          &Loader::ReadDelivery);
    }
    if (status) {
      status = read(
          "SELECT time, receiver, integration, occasion, group_key, summary, outcome, detail,"
          " duration, attempt FROM notify_attempts ORDER BY id",
          &Loader::ReadAttempt);
    }
    if (status) {
      status = read(
          "SELECT id, matchers, starts_at, ends_at, updated_at, created_by, comment"
          " FROM notify_silences",
          &Loader::ReadSilence);
    }
    if (status) status = LoadEscalations(database, state_, now_);
    while (state_.attempts.size() > kKeptAttempts) state_.attempts.pop_front();
    return status;
  }
  Records Take() { return std::move(state_); }

 private:
  base::Timestamp Instant(const db::Statement& row, int column) const {
    return std::min(base::FromUnixMillis(row.Int(column)), now_);
  }
  void ReadAlert(const db::Statement& row) {
    AlertRecord& record = state_.alerts[row.Int(0)];
    record.id = row.Int(0);
    state_.last_id = std::max(state_.last_id, record.id);
    record.alert.labels = DecodeLabels(row.Text(1));
    record.alert.annotations = DecodeLabels(row.Text(2));
    record.alert.value = row.Double(3);
    // Instants of the alert are compared with those the rules send, so they stay as they were.
    record.alert.active_at = base::FromUnixMillis(row.Int(4));
    record.alert.fired_at = base::FromUnixMillis(row.Int(5));
    record.alert.resolved_at = base::FromUnixMillis(row.Int(6));
    record.alert.state =
        record.alert.resolved() ? model::AlertState::kInactive : model::AlertState::kFiring;
    record.alert.generator_url = row.Text(7);
    record.reason = row.Text(8);
    record.changed_at = Instant(row, 9);
    record.expires_at = base::FromUnixMillis(row.Int(10));
    if (row.Text(11).empty()) return;
    record.acknowledged = Acknowledgement{row.Text(11), row.Text(12), Instant(row, 13),
                                          base::FromUnixMillis(row.Int(14))};
  }
  void ReadGroup(const db::Statement& row) {
    Group& group = state_.groups[row.Text(0)];
    group.id = row.Text(0);
    group.created_at = Instant(row, 1);
    group.last_flush = Instant(row, 2);
  }
  void ReadTarget(const db::Statement& row) {
    Target& target = state_.targets[row.Text(0)];
    target.id = row.Text(0);
    target.receiver = row.Text(1);
    target.integration = DecodeIntegration(row.Text(2));
  }
  void ReadDelivery(const db::Statement& row) {
    const DeliveryKey key(row.Text(0), row.Text(1));
    Delivery& delivery = state_.deliveries[key];
    delivery.key = key;
    delivery.alert = row.Int(2);
    delivery.group_id = row.Text(3);
    delivery.group_key = row.Text(4);
    delivery.group_labels = DecodeLabels(row.Text(5));
    delivery.dedup_key = row.Text(6);
    delivery.fallback = row.Int(7) != 0;
    delivery.note = row.Text(8);
    delivery.confirmed = DecodeIds(row.Text(9));
    delivery.maybe = DecodeIds(row.Text(10));
    delivery.refused = DecodeIds(row.Text(11));
    delivery.last_notified = Instant(row, 12);
    if (!row.IsNull(13)) delivery.pending = ToOccasion(row.Int(13));
    delivery.version = row.Int(14);
    delivery.queued_at = Instant(row, 15);
    delivery.changed_at = Instant(row, 16);
    delivery.attempts = static_cast<int>(std::clamp<std::int64_t>(row.Int(17), 0, 1'000'000));
    delivery.last_attempt = Instant(row, 18);
    delivery.form = row.Int(19) != 0 ? Form::kMinimal : Form::kFull;
    delivery.fell_back = row.Int(20) != 0;
    delivery.last_error = row.Text(21);
    delivery.acknowledged = row.Int(22) != 0;
  }
  void ReadAttempt(const db::Statement& row) {
    state_.attempts.push_back({Instant(row, 0), row.Text(1), row.Text(2), ToOccasion(row.Int(3)),
                               row.Text(4), row.Text(5), row.Text(6), row.Text(7),
                               base::Duration(row.Int(8)), static_cast<int>(row.Int(9))});
  }

  // One whose matchers cannot be read takes nothing and is left out.
  void ReadSilence(const db::Statement& row) {
    Silence silence;
    silence.id = row.Text(0);
    silence.matchers = DecodeMatchers(row.Text(1));
    silence.starts_at = base::FromUnixMillis(row.Int(2));
    silence.ends_at = base::FromUnixMillis(row.Int(3));
    silence.updated_at = Instant(row, 4);
    silence.created_by = row.Text(5);
    silence.comment = row.Text(6);
    if (!silence.matchers.empty()) state_.silences[silence.id] = std::move(silence);
  }

  base::Timestamp now_;
  Records state_;
};

// --- writing --------------------------------------------------------------------------------

base::Status SaveAlerts(db::Database& database, const Records& records, const Changes& changes) {
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

void BindDelivery(db::Statement& statement, const Delivery& delivery) {
  statement.Bind(delivery.alert)
      .BindBlob(delivery.group_id)
      .BindBlob(delivery.group_key)
      .BindBlob(EncodeLabels(delivery.group_labels))
      .Bind(delivery.dedup_key)
      .Bind(std::int64_t{delivery.fallback})
      .Bind(delivery.note)
      .Bind(EncodeIds(delivery.confirmed))
      .Bind(EncodeIds(delivery.maybe))
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
      .Bind(std::int64_t{delivery.attempts})
      .Bind(Millis(delivery.last_attempt))
      .Bind(std::int64_t{delivery.form == Form::kMinimal})
      .Bind(std::int64_t{delivery.fell_back})
      .Bind(delivery.last_error)
      .Bind(std::int64_t{delivery.acknowledged});
}

base::Status SaveDeliveries(db::Database& database, const Records& records,
                            const Changes& changes) {
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
    if (found != records.deliveries.end()) BindDelivery(statement, found->second);
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

base::Result<Records> LoadState(db::Database& database, base::Timestamp now) {
  Loader loader(now);
  const base::Status read =
      database.Transact([&](db::Database& inside) { return loader.Load(inside); });
  if (!read) return base::Wrap("reading the state of delivery", read.error());
  return loader.Take();
}

base::Status SaveChanges(db::Database& database, const Ledger& ledger, const Changes& changes) {
  const Records& records = ledger.records();
  return database.Transact([&](db::Database& inside) -> base::Status {
    base::Status status = SaveAlerts(inside, records, changes);
    if (status) status = SaveGroups(inside, records, changes);
    if (status) status = SaveTargets(inside, records, changes);
    if (status) status = SaveDeliveries(inside, records, changes);
    if (status) status = SaveSilences(inside, records, changes);
    if (status) status = SaveEscalations(inside, records, changes);
    if (status) status = SaveAttempts(inside, changes);
    return status;
  });
}

}  // namespace drwatch::notify
