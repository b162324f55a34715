// Runs every probe at its own rate on a bounded pool: one flight a probe, a deadline for each,
// nobody delays another.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "model/probe_result.h"
#include "probes/probe.h"

namespace drwatch::probes {

// A probe as the scheduler needs it. The same `probe` object given again keeps its flight, its
// counts and its rhythm.
struct ScheduledProbe {
  std::string name;
  std::string type;
  base::Duration interval{};
  base::Duration timeout{};
  std::shared_ptr<Probe> probe;
};

struct ProbeStats {
  std::string probe;
  base::Duration interval{};
  std::int64_t runs = 0;
  std::int64_t skipped = 0;                 // times it was due while its last run was still going
  std::optional<base::Timestamp> last_run;  // end of the last one
};

// From one start of a probe to the next, so that what is known of its target is never older than
// the interval: shorter than that by what a run takes (`last_run`) and some room for a late start,
// together at most a twentieth.
base::Duration Pace(base::Duration interval, base::Duration last_run);

// Called with each result on the pool's threads, for different probes at the same time.
using ResultSink = std::function<void(const model::ProbeResult&)>;

// Owns its threads. A probe that is not back after twice its timeout is reported as timed out, then
// and at its rate for as long as that lasts: rules forget what they do not hear of again, and what
// was seen last ages. Its flight stays taken until it returns, and what it then brings is reported
// like any other result.
class Scheduler {
 public:
  Scheduler(int max_concurrent, const base::Clock& clock, ResultSink sink);
  ~Scheduler();

  // Replaces the set at once; new probes run immediately. When it returns, no result of a removed
  // one comes any more. Not to be called from the sink.
  void SetProbes(std::vector<ScheduledProbe> probes);
  void Start();
  // Stops running probes through their tokens and waits for them until the deadline. No result
  // comes afterwards.
  void Stop(base::Deadline deadline);

  // True once every probe of the present set has reported at least once.
  bool AllRanOnce() const;
  std::vector<ProbeStats> Stats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Every probe once, at the same time, for --once. Those that are not back by the deadline, or a
// second after the longest of their own timeouts where all run at once, are reported as NotRun
// with kTimeout. In the order given. `clock` outlives the program's threads: a probe that is cut
// off ends some time after this returned.
std::vector<model::ProbeResult> RunAll(const std::vector<ScheduledProbe>& probes,
                                       int max_concurrent, const base::Clock& clock,
                                       base::Deadline deadline);

}  // namespace drwatch::probes
