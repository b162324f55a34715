// Drills: disasters that were rehearsed, how long it took until the service was back, and whether
// it came back at all. What they measure is the recovery time; all else is an estimate.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "db/database.h"
#include "model/metric_family.h"
#include "recovery/audit_log.h"
#include "recovery/recovery_points.h"

namespace drwatch::recovery {

// What took longer was no drill: somebody forgot to stop it.
inline constexpr base::Duration kMaxDrillTime = std::chrono::hours(30 * 24);
// The audit log has room for as much.
inline constexpr std::size_t kMaxDrillNameBytes = kMaxAuditActorBytes;
inline constexpr std::size_t kMaxDrillNoteBytes = kMaxAuditTextBytes;
// How the message of an error begins that is nobody's mistake: the state cannot be written.
inline constexpr std::string_view kDrillNotKept = "the drill could not be kept: ";

enum class DrillResult { kPass, kFail };
inline constexpr std::array kDrillResults = {DrillResult::kPass, DrillResult::kFail};
// "pass", "fail": the label `result`.
std::string_view DrillResultName(DrillResult result);

struct Drill {
  std::int64_t id = 0;  // grows
  std::string service;
  Scenario scenario = Scenario::kServerLost;
  base::Timestamp started{};
  std::optional<base::Timestamp> ended;  // nullopt: it is running, and has no result
  DrillResult result = DrillResult::kFail;
  std::string by;
  std::string note;

  // Of one that is over.
  base::Duration Took() const { return ended ? *ended - started : base::Duration(0); }
};

// What somebody says of a drill.
struct DrillRequest {
  enum class Action {
    kStart,   // it begins now
    kStop,    // the one that was started ends now; needs `result`
    kRecord,  // it is over; needs `result` and `took`
  } action = Action::kStart;
  std::string service;
  Scenario scenario = Scenario::kServerLost;
  std::optional<DrillResult> result{};
  std::optional<base::Duration> took{};
  std::optional<base::Timestamp> at{};  // when a recorded one ended; default: now
  std::string by;
  std::string note;  // of one that is stopped: takes the place of the one it was started with
};

// Kept in the database; in memory is only what the metrics need. Thread-safe.
class DrillLog {
 public:
  static std::vector<db::Migration> Migrations();
  // `database` outlives it. What cannot be read is logged, and missing until the next start.
  explicit DrillLog(db::Database& database);

  // The drill as it is now, on disk. Errors: it runs already; none runs; its time is not above 0,
  // above kMaxDrillTime or in the future; a text is too long; kDrillNotKept.
  base::Result<Drill> Apply(const DrillRequest& request, base::Timestamp now);
  // The latest `limit` ones by their start, newest first. Errors: why SQLite could not read.
  base::Result<std::vector<Drill>> List(std::int64_t limit) const;
  // Sets what was measured in the last drill of each scenario that passed.
  void AddMeasured(std::vector<ServiceReport>& reports) const;
  // dr_rto_measured_seconds, dr_drill_last_timestamp_seconds, dr_drill_last_success and
  // dr_drills_total, of the services in `config`; the counters from the first start of a drill on.
  std::vector<model::MetricFamily> Families(const config::Config& config) const;

 private:
  // The drills of one scenario of one service.
  struct Course {
    std::optional<Drill> running, last, last_passed;
    std::array<std::int64_t, kDrillResults.size()> count{};
    void Add(const Drill& drill);
  };
  using Key = std::pair<std::string, Scenario>;

  base::Status Load();
  base::Result<Drill> Begin(const DrillRequest& request, base::Timestamp now);
  base::Result<Drill> End(const DrillRequest& request, base::Timestamp now);
  base::Result<Drill> Record(const DrillRequest& request, base::Timestamp now);
  base::Result<Drill> Keep(Drill drill);

  db::Database& database_;
  mutable std::mutex mutex_;  // of the courses
  std::map<Key, Course> courses_;
};

}  // namespace drwatch::recovery
