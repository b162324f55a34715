// Reading the records back.
#include <algorithm>
#include <limits>

#include "notify/journal.h"
#include "notify/journal_escalation.h"
#include "notify/journal_values.h"
#include "notify/limits.h"
#include "notify/target_settings.h"

namespace drwatch::notify {
namespace {

Occasion ToOccasion(std::int64_t number) {
  return number >= 0 && number <= static_cast<int>(Occasion::kAcknowledge)
             ? static_cast<Occasion>(number)
             : Occasion::kTrigger;
}

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
    // But one that ended must not look later than the next time it fires: the clock was set back.
    if (record.alert.resolved()) record.alert.fired_at = std::min(record.alert.fired_at, now_);
    record.alert.state =
        record.alert.resolved() ? model::AlertState::kInactive : model::AlertState::kFiring;
    record.alert.generator_url = row.Text(7);
    record.reason = row.Text(8);
    record.changed_at = Instant(row, 9);
    record.expires_at = base::FromUnixMillis(row.Int(10));
    // Somebody posted it, and no value with it.
    if (record.expires_at != base::Timestamp{}) {
      record.alert.value = std::numeric_limits<double>::quiet_NaN();
    }
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

}  // namespace

base::Result<Records> LoadState(db::Database& database, base::Timestamp now) {
  Loader loader(now);
  const base::Status read =
      database.Transact([&](db::Database& inside) { return loader.Load(inside); });
  if (!read) return base::Wrap("reading the state of delivery", read.error());
  return loader.Take();
}

}  // namespace drwatch::notify
