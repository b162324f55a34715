// Copies the audit log into a PostgreSQL database, row by row in order.
//
// How far it came is what the database holds: nothing is lost or doubled by a crash of either side.
// A copy elsewhere is also what whoever owns this machine cannot rewrite, so it is compared each
// time the connection is made.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"
#include "config/audit_config.h"
#include "model/metric_family.h"
#include "net/postgres.h"
#include "recovery/audit_log.h"

namespace drwatch::exporter {

// Thread-safe. Its thread starts with the first configuration that names a database.
class AuditCopy {
 public:
  using Read =
      std::function<base::Result<std::vector<recovery::AuditRow>>(const recovery::AuditQuery&)>;
  static constexpr base::Duration kLook = std::chrono::seconds(2);  // for new rows
  static constexpr base::Duration kFirstPause = std::chrono::seconds(2);
  static constexpr base::Duration kLongestPause = std::chrono::minutes(1);
  static constexpr base::Duration kPatience = std::chrono::seconds(20);  // of one step
  static constexpr std::int64_t kBatch = 500;

  explicit AuditCopy(Read read) : read_(std::move(read)) {}
  ~AuditCopy();  // Stop()
  void Configure(const config::AuditCopyTarget& target);
  void Stop();
  // drwatch_audit_copy_*; none without a database.
  std::vector<model::MetricFamily> Metrics() const;

 private:
  struct Session;
  void Run();
  // Everything that is new. Errors: why not.
  base::Status Copy(const config::AuditCopyTarget& target, Session& session);
  base::Status Connect(const config::AuditCopyTarget& target, Session& session) const;
  base::Status Compare(Session& session) const;
  base::Status Send(Session& session, const std::vector<recovery::AuditRow>& rows) const;

  const Read read_;
  const base::StopSource stop_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  config::AuditCopyTarget target_;
  std::int64_t copied_ = 0, failures_ = 0;
  bool failing_ = false;  // and was said in the log
  bool up_ = false;       // the last attempt went well
  bool changed_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace drwatch::exporter
