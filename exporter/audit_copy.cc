#include "exporter/audit_copy.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "probes/http_request.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCreate =
    "CREATE TABLE IF NOT EXISTS public.dr_audit_log ("
    "chain text NOT NULL, id bigint NOT NULL, event_type varchar(50) NOT NULL,"
    " event_description text NOT NULL, initiated_by varchar(100) NOT NULL,"
    " timestamp timestamptz NOT NULL, duration_minutes double precision, success boolean,"
    " metrics json, notes text, digest text NOT NULL, PRIMARY KEY (chain, id))";

constexpr std::string_view kNewest =
    "SELECT id, digest FROM public.dr_audit_log WHERE chain = $1 ORDER BY id DESC LIMIT 1";

constexpr std::string_view kInsert =
    "INSERT INTO public.dr_audit_log SELECT $1, r.id, r.event_type, r.event_description, "
    "r.initiated_by,"
    " r.timestamp::timestamptz, r.duration_minutes, r.success, r.metrics::json, r.notes, r.digest"
    " FROM json_to_recordset($2::json) AS r(id bigint, event_type text, event_description text,"
    " initiated_by text, timestamp text, duration_minutes double precision, success boolean,"
    " metrics text, notes text, digest text) ON CONFLICT DO NOTHING";

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string RowsJson(const std::vector<recovery::AuditRow>& rows) {
  Json list = Json::array();
  for (const recovery::AuditRow& row : rows) {
    const recovery::AuditEvent& event = row.event;
    list.push_back({{"id", row.id},
                    {"event_type", event.type},
                    {"event_description", event.description},
                    {"initiated_by", event.initiated_by},
                    {"timestamp", base::FormatRfc3339(event.time)},
                    {"duration_minutes",
                     event.duration ? Json(base::ToSeconds(*event.duration) / 60) : Json(nullptr)},
                    {"success", event.success ? Json(*event.success) : Json(nullptr)},
                    {"metrics", TextOrNull(event.metrics)},
                    {"notes", TextOrNull(event.notes)},
                    {"digest", row.digest}});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

// A connection, and where the copy stands.
struct AuditCopy::Session {
  std::optional<net::PostgresConnection> connection;
  std::string chain;  // digest of the log's first row: tells one log from the next
  std::int64_t copied_id = 0;
  const base::StopToken stop;

  explicit Session(base::StopToken token) : stop(std::move(token)) {}
  base::Result<net::PostgresRows> Ask(std::string_view sql,
                                      const std::vector<std::string>& parameters) {
    auto rows =
        connection->Query(std::string(sql), parameters, base::Deadline::After(kPatience), stop);
    if (rows) return *std::move(rows);
    return base::Fail(rows.error().message);
  }
};

AuditCopy::~AuditCopy() { Stop(); }

void AuditCopy::Configure(const config::AuditCopyTarget& target) {
  {
    const std::lock_guard lock(mutex_);
    if (target == target_ || stopping_) return;
    target_ = target;
    changed_ = true;
    failing_ = up_ = false;
    if (!target_.dsn.empty() && !thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  wake_.notify_one();
}

void AuditCopy::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.RequestStop();
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void AuditCopy::Run() {
  Session session(stop_.token());
  base::Duration pause = kFirstPause;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (std::exchange(changed_, false)) session.connection.reset();
    const config::AuditCopyTarget target = target_;
    if (target.dsn.empty()) {
      wake_.wait(lock, [this] { return stopping_ || changed_; });
      continue;
    }
    lock.unlock();
    const base::Status done = Copy(target, session);
    lock.lock();
    if (stopping_) break;
    if (done) {
      if (failing_) base::LogInfo("the audit log is copied again");
      failing_ = false;
      up_ = true;
      pause = kFirstPause;
      wake_.wait_for(lock, kLook, [this] { return stopping_ || changed_; });
      continue;
    }
    session.connection.reset();
    ++failures_;
    if (!failing_) {
      base::LogError("the audit log cannot be copied to PostgreSQL",
                     {{"cause", done.error().message}});
    }
    failing_ = true;
    up_ = false;
    wake_.wait_for(lock, pause, [this] { return stopping_ || changed_; });
    pause = std::min(2 * pause, kLongestPause);
  }
}

base::Status AuditCopy::Connect(const config::AuditCopyTarget& target, Session& session) const {
  recovery::AuditQuery query;
  query.limit = 1;
  const auto first = read_(query);
  if (!first) return base::Fail(first.error());
  if (first->empty()) return {};
  session.chain = first->front().digest;
  const base::Result<base::Secret> password = config::ReadSecret(target.password);
  if (!password) return base::Fail(password.error());
  net::PostgresOptions options;
  options.dsn = target.dsn;
  options.password = *password;
  options.tls = probes::ToTlsOptions(target.tls);
  auto connection =
      net::PostgresConnection::Connect(options, base::Deadline::After(kPatience), session.stop);
  if (!connection) return base::Fail(connection.error().message);
  session.connection = *std::move(connection);
  if (auto writes = session.Ask("SET default_transaction_read_only = off", {}); !writes) {
    return base::Fail(writes.error());
  }
  return Compare(session);
}

// Finds where the copy stands, and that it is one of this log.
base::Status AuditCopy::Compare(Session& session) const {
  auto newest = session.Ask(kNewest, {session.chain});
  if (!newest) {
    // Most likely there is no table yet; if that was not it, this says so again.
    if (auto made = session.Ask(kCreate, {}); !made) return base::Fail(made.error());
    newest = session.Ask(kNewest, {session.chain});
    if (!newest) return base::Fail(newest.error());
  }
  session.copied_id = newest->size() == 0 ? 0 : newest->Int(0, "id").value_or(0);
  if (session.copied_id == 0) return {};
  recovery::AuditQuery query;
  query.after_id = session.copied_id - 1;
  query.limit = 1;
  const auto own = read_(query);
  if (!own) return base::Fail(own.error());
  if (own->empty() || own->front().id != session.copied_id ||
      own->front().digest != newest->Text(0, "digest")) {
    return base::Fail("row " + std::to_string(session.copied_id) +
                      " of the log is not what was copied: one of the two was changed");
  }
  return {};
}

base::Status AuditCopy::Send(Session& session, const std::vector<recovery::AuditRow>& rows) const {
  const auto sent = session.Ask(kInsert, {session.chain, RowsJson(rows)});
  if (!sent) return base::Fail(sent.error());
  session.copied_id = rows.back().id;
  return {};
}

base::Status AuditCopy::Copy(const config::AuditCopyTarget& target, Session& session) {
  if (!session.connection || !session.connection->usable()) {
    if (base::Status connected = Connect(target, session); !connected) return connected;
    if (!session.connection) return {};  // the log is empty
  }
  while (!session.stop.stopped()) {
    recovery::AuditQuery query;
    query.after_id = session.copied_id;
    query.limit = kBatch;
    const auto rows = read_(query);
    if (!rows) return base::Fail(rows.error());
    if (rows->empty()) return {};
    if (base::Status sent = Send(session, *rows); !sent) return sent;
    const std::lock_guard lock(mutex_);
    copied_ += static_cast<std::int64_t>(rows->size());
  }
  return {};
}

std::vector<model::MetricFamily> AuditCopy::Metrics() const {
  const std::lock_guard lock(mutex_);
  model::FamilySet families;
  if (target_.dsn.empty()) return {};
  families.Gauge("drwatch_audit_copy_up", "1 while the audit log is copied to PostgreSQL.", {},
                 up_ ? 1 : 0);
  families.Counter("drwatch_audit_copied_rows_total", "Rows of the audit log copied to PostgreSQL.",
                   {}, static_cast<double>(copied_));
  families.Counter("drwatch_audit_copy_failures_total",
                   "Attempts to copy the audit log that failed.", {},
                   static_cast<double>(failures_));
  return families.Take();
}

}  // namespace drwatch::exporter
