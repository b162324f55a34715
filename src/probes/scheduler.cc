#include "probes/scheduler.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/duration.h"
#include "probes/thread_pool.h"

namespace drwatch::probes {
namespace {

constexpr base::Duration kLongestWait = std::chrono::hours(1);
// After how many timeouts a run that has not returned is reported without it.
constexpr int kOverdueTimeouts = 2;

model::ProbeResult OverdueResult(const ScheduledProbe& scheduled) {
  return scheduled.probe->NotRun(model::Reason::kTimeout,
                                 "no answer within " + base::FormatDuration(scheduled.timeout) +
                                     "; the run has not returned either");
}

// How late a run may start on a busy machine.
constexpr base::Duration kLongestRoom = std::chrono::milliseconds(50);

// Second runs are spread over the interval, so that probes of one rate do not all run in the same
// moment.
base::Duration Spread(const ScheduledProbe& scheduled) {
  const auto interval =
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, scheduled.interval.count()));
  return base::Duration(1 + std::hash<std::string>()(scheduled.name) % interval);
}

}  // namespace

base::Duration Pace(base::Duration interval, base::Duration last_run) {
  const base::Duration room = std::min(interval / 50, kLongestRoom);
  return interval - std::min(last_run + room, interval / 20);
}

struct Scheduler::State {
  // One probe of the set, shared with its flight.
  struct Entry {
    ScheduledProbe scheduled;
    base::SteadyTime due{};
    base::SteadyTime flight_began{};
    base::SteadyTime overdue{};  // when its flight is reported as not back, next
    base::Duration last_flight{};
    bool in_flight = false;
    bool reported = false;
    bool removed = false;
    int reporting = 0;  // calls of the sink under way
    ProbeStats stats;
  };

  State(int max_concurrent, const base::Clock& the_clock, ResultSink the_sink)
      : clock(the_clock),
        sink(std::move(the_sink)),
        pool({max_concurrent, std::chrono::seconds(30)}) {}

  const base::Clock& clock;
  ResultSink sink;
  ThreadPool pool;
  base::StopSource stop;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable reports_done;  // of a removed probe
  std::vector<std::shared_ptr<Entry>> entries;
  bool stopping = false;
  std::thread timer;

  void Loop(const std::shared_ptr<State>& self);
  void Launch(const std::shared_ptr<State>& self, const std::shared_ptr<Entry>& entry);
  static void Fly(State& state, Entry& entry);
  void Report(std::unique_lock<std::mutex>& lock, Entry& entry, const model::ProbeResult& result);
};

void Scheduler::State::Report(std::unique_lock<std::mutex>& lock, Entry& entry,
                              const model::ProbeResult& result) {
  if (entry.removed || stopping) return;
  ++entry.reporting;
  lock.unlock();
  sink(result);
  lock.lock();
  --entry.reporting;
  entry.reported = true;
  if (entry.removed) reports_done.notify_all();
}

// One run, on a thread of the pool.
void Scheduler::State::Fly(State& state, Entry& entry) {
  const RunContext context{base::Deadline::After(entry.scheduled.timeout), state.stop.token(),
                           state.clock.Now(), &state.clock};
  const model::ProbeResult result = entry.scheduled.probe->Run(context);
  std::unique_lock lock(state.mutex);
  ++entry.stats.runs;
  entry.stats.last_run = state.clock.Now();
  state.Report(lock, entry, result);
  entry.last_flight =
      std::chrono::duration_cast<base::Duration>(state.clock.Steady() - entry.flight_began);
  entry.in_flight = false;
}

void Scheduler::State::Launch(const std::shared_ptr<State>& self,
                              const std::shared_ptr<Entry>& entry) {
  entry->in_flight = true;
  entry->flight_began = clock.Steady();
  entry->overdue = entry->flight_began + kOverdueTimeouts * entry->scheduled.timeout;
  pool.Run([self, entry] { Fly(*self, *entry); });
}

// The timer thread: launches what is due, reports what is overdue, waits for the next of both.
void Scheduler::State::Loop(const std::shared_ptr<State>& self) {
  std::unique_lock lock(mutex);
  while (!stopping) {
    const base::SteadyTime now = clock.Steady();
    base::SteadyTime next = now + kLongestWait;
    const std::vector<std::shared_ptr<Entry>> current = entries;
    for (const auto& entry : current) {
      if (entry->due <= now) {
        if (entry->in_flight) {
          ++entry->stats.skipped;
        } else {
          Launch(self, entry);
        }
        const auto rate = Pace(entry->scheduled.interval, entry->last_flight);
        entry->due = entry->stats.runs == 0 && entry->stats.skipped == 0
                         ? now + Spread(entry->scheduled)
                         : entry->due + rate;
        if (entry->due <= now) entry->due = now + rate;
      }
      next = std::min(next, entry->due);
      if (!entry->in_flight) continue;
      if (entry->overdue <= now) {
        entry->overdue = now + Pace(entry->scheduled.interval, {});
        Report(lock, *entry, OverdueResult(entry->scheduled));
      }
      next = std::min(next, entry->overdue);
    }
    if (!stopping && entries == current) changed.wait_until(lock, next);
  }
}

Scheduler::Scheduler(int max_concurrent, const base::Clock& clock, ResultSink sink)
    : state_(std::make_shared<State>(max_concurrent, clock, std::move(sink))) {}

Scheduler::~Scheduler() { Stop(base::Deadline::After(std::chrono::seconds(5))); }

void Scheduler::SetProbes(std::vector<ScheduledProbe> probes) {
  std::unique_lock lock(state_->mutex);
  std::vector<std::shared_ptr<State::Entry>> next;
  for (ScheduledProbe& scheduled : probes) {
    const auto kept =
        std::find_if(state_->entries.begin(), state_->entries.end(),
                     [&](const auto& entry) { return entry->scheduled.probe == scheduled.probe; });
    if (kept != state_->entries.end()) {
      next.push_back(*kept);
      continue;
    }
    auto entry = std::make_shared<State::Entry>();
    entry->stats.probe = scheduled.name;
    entry->stats.interval = scheduled.interval;
    entry->due = state_->clock.Steady();
    entry->scheduled = std::move(scheduled);
    next.push_back(std::move(entry));
  }
  std::vector<std::shared_ptr<State::Entry>> removed;
  for (const auto& entry : state_->entries) {
    if (std::find(next.begin(), next.end(), entry) != next.end()) continue;
    entry->removed = true;
    removed.push_back(entry);
  }
  state_->entries = std::move(next);
  state_->changed.notify_all();
  state_->reports_done.wait(lock, [&] {
    return std::all_of(removed.begin(), removed.end(),
                       [](const auto& entry) { return entry->reporting == 0; });
  });
}

void Scheduler::Start() {
  state_->timer = std::thread([state = state_] { state->Loop(state); });
}

void Scheduler::Stop(base::Deadline deadline) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->stop.RequestStop();
  if (state_->timer.joinable()) state_->timer.join();
  state_->pool.WaitIdle(deadline);
}

bool Scheduler::AllRanOnce() const {
  const std::lock_guard lock(state_->mutex);
  return std::all_of(state_->entries.begin(), state_->entries.end(),
                     [](const auto& entry) { return entry->reported; });
}

std::vector<ProbeStats> Scheduler::Stats() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<ProbeStats> stats;
  stats.reserve(state_->entries.size());
  for (const auto& entry : state_->entries) stats.push_back(entry->stats);
  return stats;
}

std::vector<model::ProbeResult> RunAll(const std::vector<ScheduledProbe>& probes,
                                       int max_concurrent, const base::Clock& clock,
                                       base::Deadline deadline) {
  // Shared with the flights, which may outlive this call.
  struct Shared {
    std::mutex mutex;
    std::vector<std::optional<model::ProbeResult>> results;
  };
  const auto shared = std::make_shared<Shared>();
  shared->results.resize(probes.size());
  const base::StopSource stop;
  ThreadPool pool({max_concurrent, base::Duration(0)});
  for (std::size_t i = 0; i < probes.size(); ++i) {
    pool.Run([shared, i, scheduled = probes[i], &clock, deadline, token = stop.token()] {
      const base::Deadline own = base::Deadline::After(scheduled.timeout).Min(deadline);
      model::ProbeResult result = scheduled.probe->Run({own, token, clock.Now(), &clock});
      const std::lock_guard lock(shared->mutex);
      shared->results[i] = std::move(result);
    });
  }
  // None that hangs is waited for longer than its own timeout, unless others wait for its thread.
  base::Duration longest{0};
  for (const ScheduledProbe& probe : probes) longest = std::max(longest, probe.timeout);
  const bool at_once = probes.size() <= static_cast<std::size_t>(max_concurrent);
  constexpr base::Duration kLateStart{700};
  const base::Deadline last =
      at_once ? deadline.Min(base::Deadline::After(longest + kLateStart)) : deadline;
  // A probe that ends by itself at the deadline says more than one that is cut off.
  constexpr base::Duration kGrace{300};
  const bool all_back = pool.WaitIdle(base::Deadline(last.at() + kGrace));
  const std::lock_guard lock(shared->mutex);
  // What a probe says once it is stopped is not what it found: it waits for the lock.
  if (!all_back) stop.RequestStop();
  std::vector<model::ProbeResult> results;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    results.push_back(shared->results[i] ? *shared->results[i] : OverdueResult(probes[i]));
  }
  return results;
}

}  // namespace drwatch::probes
