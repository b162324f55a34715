// What a probe type is, and how the scheduler runs it.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/stop.h"
#include "config/config.h"
#include "db/database.h"
#include "model/probe_result.h"
#include "net/s3_budget.h"

namespace drwatch::probes {

class PositionRing;  // position_ring.h: where each PostgreSQL primary was, when

// What a run may use. The deadline is the probe's timeout; a probe that is not back by then has
// failed with kTimeout.
struct RunContext {
  base::Deadline deadline;
  base::StopToken stop;
  base::Timestamp now;
  const base::Clock* clock = nullptr;
};

// One configured probe. Run() is never called twice at once, but from changing threads; it returns
// by the deadline and reports every bad state of its target as data. State from run to run (failure
// counts, remembered verdicts) is its own.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual model::ProbeResult Run(const RunContext& context) = 0;
  // What a probe says before its first run and when it could not run at all: the same families as
  // far as they must always exist (postgres_up 0, backup_success 0), with one check of the given
  // reason.
  virtual model::ProbeResult NotRun(model::Reason reason, const std::string& message) const = 0;
};

// What probes share. Outlives them.
struct ProbeServices {
  db::Database* database =
      nullptr;  // remembered verdicts and positions; nullptr = keep them in memory (--once)
  PositionRing* positions = nullptr;
  const base::Clock* clock = nullptr;
  net::S3Budgets* budgets = nullptr;  // of their days at buckets; nullptr = each begins its own
  bool only_run = false;              // --once: what a run leaves unread, no later one reads
  // A target of --once that nobody configured: backups in folders named by dates are found, too.
  bool ad_hoc = false;
};

// One line a type (probe_types.inc). `config` is copied.
std::unique_ptr<Probe> MakeProbe(const config::Probe& config, const ProbeServices& services);

}  // namespace drwatch::probes
