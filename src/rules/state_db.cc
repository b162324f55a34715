#include "rules/state_db.h"

#include "base/strings.h"

namespace drwatch::rules {
namespace {

constexpr std::string_view kSchema = R"(
CREATE TABLE rules_alerts (
  location TEXT NOT NULL,
  rule TEXT NOT NULL,
  labels BLOB NOT NULL,
  annotations BLOB NOT NULL,
  state INTEGER NOT NULL,
  value TEXT NOT NULL,
  active_at INTEGER NOT NULL,
  fired_at INTEGER NOT NULL,
  resolved_at INTEGER NOT NULL,
  keep_firing_since INTEGER NOT NULL,
  last_sent INTEGER NOT NULL,
  owed INTEGER NOT NULL,
  reason TEXT NOT NULL,
  generator_url TEXT NOT NULL,
  PRIMARY KEY (location, rule, labels)
) WITHOUT ROWID;
)";

// "owed" column: 0 for nothing, else the change plus one.
constexpr std::int64_t kNothingOwed = 0;

// Netstrings: label values may hold any byte.
std::string Encode(const model::Labels& labels) {
  std::string bytes;
  const auto add = [&bytes](std::string_view text) {
    bytes += std::to_string(text.size()) + ":";
    bytes += text;
  };
  for (const model::LabelView label : labels) {
    add(label.name);
    add(label.value);
  }
  return bytes;
}

// Stops at what it does not understand.
model::Labels Decode(std::string_view bytes) {
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    const std::size_t colon = bytes.find(':');
    if (colon == std::string_view::npos) break;
    const auto size = base::ParseInt(bytes.substr(0, colon));
    bytes.remove_prefix(colon + 1);
    if (!size || *size < 0 || static_cast<std::size_t>(*size) > bytes.size()) break;
    texts.emplace_back(bytes.substr(0, static_cast<std::size_t>(*size)));
    bytes.remove_prefix(texts.back().size());
  }
  model::LabelsBuilder builder;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) builder.Set(texts[i], texts[i + 1]);
  return builder.Build();
}

void BindInstance(db::Statement& statement, const AlertInstance& instance) {
  const model::Alert& alert = instance.alert;
  statement.BindBlob(Encode(alert.annotations)).Bind(static_cast<std::int64_t>(alert.state));
  statement.Bind(base::FormatDouble(alert.value));
  for (const base::Timestamp time : {alert.active_at, alert.fired_at, alert.resolved_at,
                                     alert.keep_firing_since, instance.last_sent}) {
    statement.Bind(base::ToUnixMillis(time));
  }
  statement.Bind(instance.owed ? static_cast<std::int64_t>(*instance.owed) + 1 : kNothingOwed);
  statement.Bind(instance.reason).Bind(alert.generator_url);
}

base::Status Write(db::Database& database, const AlertChanges& changes) {
  db::Statement remove =
      database.Prepare("DELETE FROM rules_alerts WHERE location = ? AND rule = ? AND labels = ?");
  db::Statement insert = database.Prepare(
      "INSERT OR REPLACE INTO rules_alerts (location, rule, labels, annotations, state, value,"
      " active_at, fired_at, resolved_at, keep_firing_since, last_sent, owed, reason,"
      " generator_url) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  for (const auto& [key, instance] : changes) {
    db::Statement& statement = instance ? insert : remove;
    statement.Reset();
    statement.Bind(key.location).Bind(key.rule).BindBlob(Encode(key.labels));
    if (instance) BindInstance(statement, *instance);
    if (auto status = statement.Run(); !status) return status;
  }
  return {};
}

StoredAlert ReadRow(const db::Statement& row) {
  StoredAlert stored;
  stored.key = {row.Text(0), row.Text(1), Decode(row.Text(2))};
  AlertInstance& instance = stored.instance;
  model::Alert& alert = instance.alert;
  alert.labels = stored.key.labels;
  alert.annotations = Decode(row.Text(3));
  const std::int64_t state = row.Int(4);
  if (state == static_cast<std::int64_t>(model::AlertState::kPending)) {
    alert.state = model::AlertState::kPending;
  } else if (state == static_cast<std::int64_t>(model::AlertState::kFiring)) {
    alert.state = model::AlertState::kFiring;
  }
  alert.value = base::ParseDouble(row.Text(5)).value_or(0);
  alert.active_at = base::FromUnixMillis(row.Int(6));
  alert.fired_at = base::FromUnixMillis(row.Int(7));
  alert.resolved_at = base::FromUnixMillis(row.Int(8));
  alert.keep_firing_since = base::FromUnixMillis(row.Int(9));
  instance.last_sent = base::FromUnixMillis(row.Int(10));
  const std::int64_t owed = row.Int(11);
  if (owed > kNothingOwed && owed <= static_cast<std::int64_t>(model::AlertChange::kResolved) + 1) {
    instance.owed = static_cast<model::AlertChange>(owed - 1);
  }
  instance.reason = row.Text(12);
  alert.generator_url = row.Text(13);
  return stored;
}

}  // namespace

std::vector<db::Migration> Migrations() { return {{"rules", 1, kSchema}}; }

base::Result<std::vector<StoredAlert>> LoadAlerts(db::Database& database) {
  std::vector<StoredAlert> alerts;
  const auto status = database.Transact([&](db::Database& open) -> base::Status {
    db::Statement rows = open.Prepare(
        "SELECT location, rule, labels, annotations, state, value, active_at, fired_at,"
        " resolved_at, keep_firing_since, last_sent, owed, reason, generator_url"
        " FROM rules_alerts ORDER BY location, rule, labels");
    while (true) {
      const auto more = rows.Step();
      if (!more) return base::Fail(more.error());
      if (!*more) return {};
      alerts.push_back(ReadRow(rows));
    }
  });
  if (!status) return base::Wrap("reading alert state", status.error());
  return alerts;
}

base::Status WriteAlerts(db::Database& database, const AlertChanges& changes) {
  return database.Transact([&](db::Database& open) { return Write(open, changes); });
}

base::Status ReplaceAlerts(db::Database& database, const AlertChanges& alerts) {
  return database.Transact([&](db::Database& open) -> base::Status {
    if (auto status = open.Prepare("DELETE FROM rules_alerts").Run(); !status) return status;
    return Write(open, alerts);
  });
}

}  // namespace drwatch::rules
