#include "exporter/audit_trail.h"

#include <algorithm>

#include "base/log.h"
#include "exporter/audit_events.h"

namespace drwatch::exporter {
namespace {

// In a rush, events are written together, ten times a second. It is one when so many writes
// followed each other closely; before that none waits.
constexpr base::Duration kGather = std::chrono::milliseconds(100);
constexpr int kWritesAtOnce = 20;

std::size_t SizeOf(const recovery::AuditEvent& event) {
  return sizeof event + event.type.size() + event.description.size() + event.initiated_by.size() +
         event.metrics.size() + event.notes.size();
}

}  // namespace

AuditTrail::AuditTrail(std::string path, const base::Clock& clock)
    : path_(std::move(path)), clock_(clock) {
  if (const base::Status opened = Open(); !opened) {
    base::LogError("the audit log cannot be opened; it is tried again",
                   {{"cause", opened.error().ToString()}});
    writable_ = false;
  }
  thread_ = std::thread([this] { Run(); });
}

AuditTrail::~AuditTrail() { Stop(); }

base::Status AuditTrail::Open() {
  auto opened = db::Database::Open(path_, recovery::AuditLog::Migrations());
  if (!opened) return base::Fail(opened.error());
  std::shared_ptr<db::Database> database = *std::move(opened);
  const std::optional<recovery::AuditRow> last = recovery::AuditLog(database.get()).Last();
  if (database->recovered()) {
    base::LogError("the audit log was damaged; it was moved aside and a new one begun",
                   {{"file", path_}});
  }
  const std::optional<recovery::AuditEvent> opening =
      OpeningEvent(last, database->recovered(), clock_.Now());
  {
    const std::lock_guard lock(database_mutex_);
    database_ = std::move(database);
  }
  const std::lock_guard lock(mutex_);
  if (last) written_before_ = last->event.time;
  if (!opening) return {};
  pending_bytes_ += SizeOf(*opening);
  pending_.push_front(*opening);
  return {};
}

void AuditTrail::Record(recovery::AuditEvent event) {
  bool first = false;  // of those that wait: the others need not wake anybody
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    const std::size_t bytes = SizeOf(event);
    if (pending_bytes_ + bytes > kMaxPendingBytes) {
      ++lost_;
      ++lost_unsaid_;
      return;
    }
    pending_bytes_ += bytes;
    first = pending_.empty();
    pending_.push_back(std::move(event));
  }
  if (first) wake_.notify_one();
}

void AuditTrail::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::vector<recovery::AuditEvent> AuditTrail::TakeBatch() {
  const std::lock_guard lock(mutex_);
  const std::size_t count = std::min(pending_.size(), kBatch);
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<recovery::AuditEvent> batch(std::make_move_iterator(pending_.begin()),
                                          std::make_move_iterator(end));
  pending_.erase(pending_.begin(), end);
  for (const auto& event : batch) pending_bytes_ -= SizeOf(event);
  // After everything that came before them.
  if (pending_.empty() && lost_unsaid_ > 0) {
    batch.push_back(LostEvent(std::exchange(lost_unsaid_, 0), clock_.Now()));
  }
  return batch;
}

void AuditTrail::PutBack(std::vector<recovery::AuditEvent> batch) {
  const std::lock_guard lock(mutex_);
  for (const auto& event : batch) pending_bytes_ += SizeOf(event);
  pending_.insert(pending_.begin(), std::make_move_iterator(batch.begin()),
                  std::make_move_iterator(batch.end()));
}

// Everything that waits, or as much as can be written.
base::Status AuditTrail::Write() {
  if (!database_) {
    if (base::Status opened = Open(); !opened) return opened;
  }
  while (true) {
    std::vector<recovery::AuditEvent> batch = TakeBatch();
    if (batch.empty()) return {};
    if (base::Status done = recovery::AuditLog(database_.get()).Append(batch); !done) {
      PutBack(std::move(batch));
      return done;
    }
    const std::lock_guard lock(mutex_);
    written_ += static_cast<std::int64_t>(batch.size());
  }
}

void AuditTrail::Run() {
  std::unique_lock lock(mutex_);
  base::SteadyTime written_at = clock_.Steady();
  int close_writes = 0;
  while (true) {
    const bool last = stopping_;
    lock.unlock();
    const base::Status written = Write();
    lock.lock();
    if (!written && writable_) {
      base::LogError("the audit log cannot be written, its rows wait in memory",
                     {{"cause", written.error().message}});
    }
    if (written && !writable_) base::LogInfo("the audit log can be written again");
    writable_ = written.has_value();
    if (last) break;
    const auto ready = [&] { return stopping_ || (writable_ && !pending_.empty()); };
    if (writable_) {
      const bool close = clock_.Steady() - written_at < 2 * kGather;
      close_writes = close ? close_writes + 1 : 0;
      written_at = clock_.Steady();
      if (close_writes > kWritesAtOnce) wake_.wait_for(lock, kGather, [&] { return stopping_; });
      wake_.wait(lock, ready);
    } else {
      wake_.wait_for(lock, kRetry, ready);
    }
  }
  if (!pending_.empty()) {
    base::LogError("the last rows of the audit log are lost",
                   {{"rows", std::to_string(pending_.size())}});
  }
}

base::Result<std::vector<recovery::AuditRow>> AuditTrail::Read(
    const recovery::AuditQuery& query) const {
  std::shared_ptr<db::Database> database;
  {
    const std::lock_guard lock(database_mutex_);
    database = database_;
  }
  if (!database) return base::Fail("the audit log is not open");
  return recovery::AuditLog(database.get()).Read(query);
}

std::vector<model::MetricFamily> AuditTrail::Metrics() const {
  const std::lock_guard lock(mutex_);
  model::FamilySet families;
  families.Counter("drwatch_audit_rows_total", "Rows written to the audit log.", {},
                   static_cast<double>(written_));
  families.Counter("drwatch_audit_lost_rows_total", "Rows of the audit log that were lost.", {},
                   static_cast<double>(lost_));
  families.Gauge("drwatch_audit_pending_rows", "Rows of the audit log that wait to be written.", {},
                 static_cast<double>(pending_.size()));
  families.Gauge("drwatch_audit_writable", "1 while the audit log can be written.", {},
                 writable_ ? 1 : 0);
  return families.Take();
}

}  // namespace drwatch::exporter
