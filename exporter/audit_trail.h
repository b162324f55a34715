// Writes the audit log: takes events from every thread at once and puts them on disk in order.
//
// The log has a file and a thread of its own, so that nobody waits for it: a page goes out whether
// it can be written or not. While it cannot, events are kept in memory up to a limit and written
// later; what is lost beyond that is counted, and said in the log itself.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/database.h"
#include "model/metric_family.h"
#include "recovery/audit_log.h"

namespace drwatch::exporter {

// The file's name below storage.path.
inline constexpr std::string_view kAuditFile = "audit.db";

// Thread-safe.
class AuditTrail {
 public:
  static constexpr base::Duration kRetry = std::chrono::seconds(5);
  static constexpr std::size_t kMaxPendingBytes = 16 << 20;
  // One transaction holds at most so many.
  static constexpr std::size_t kBatch = 1000;

  // Opens the file, or tries again until it can. Says whether the program that wrote it last came
  // to a regular end; Start() records the present start.
  AuditTrail(std::string path, const base::Clock& clock);
  ~AuditTrail();  // Stop()

  // Never waits for the disk.
  void Record(recovery::AuditEvent event);
  // Writes what waits; nothing is recorded afterwards.
  void Stop();

  // Errors: the log cannot be opened or read.
  base::Result<std::vector<recovery::AuditRow>> Read(const recovery::AuditQuery& query) const;
  // When the last row was written before this program opened the file; the epoch without one.
  base::Timestamp written_before() const { return written_before_; }
  // drwatch_audit_*.
  std::vector<model::MetricFamily> Metrics() const;

 private:
  void Run();
  base::Status Open();
  void RecordOpening(const std::optional<recovery::AuditRow>& last);
  std::vector<recovery::AuditEvent> TakeBatch();
  void PutBack(std::vector<recovery::AuditEvent> batch);
  base::Status Write();

  const std::string path_;
  const base::Clock& clock_;
  base::Timestamp written_before_{};
  mutable std::mutex database_mutex_;  // of the pointer
  std::shared_ptr<db::Database> database_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<recovery::AuditEvent> pending_;
  std::size_t pending_bytes_ = 0;
  std::int64_t written_ = 0, lost_ = 0;
  std::int64_t lost_unsaid_ = 0;  // not in the log yet
  bool writable_ = true;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace drwatch::exporter
