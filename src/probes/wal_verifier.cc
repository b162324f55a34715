#include "probes/wal_verifier.h"

#include "probes/low_priority.h"

namespace drwatch::probes {

WalVerifier::WalVerifier(catalog::Place& place, const config::WalArchiveProbe& spec,
                         WalVerdicts& verdicts, const base::Clock& clock)
    : place_(place), read_rate_bytes_(spec.read_rate_bytes), verdicts_(verdicts), clock_(clock) {}

WalVerifier::~WalVerifier() {
  stop_.RequestStop();
  if (thread_.joinable()) thread_.join();
}

void WalVerifier::VerifyNow(const std::vector<WalWork>& work, std::uint64_t system_identifier,
                            base::Deadline deadline, const base::StopToken& stop) {
  const std::lock_guard lock(work_mutex_);
  if (!checker_ || checker_system_ != system_identifier) {
    checker_.emplace(place_, system_identifier);
    checker_system_ = system_identifier;
  }
  verify::VerifyOptions options;
  options.read_rate_bytes = read_rate_bytes_;
  options.deadline = deadline;
  options.stop = stop;
  for (const WalWork& one : work) {
    verify::ReadBudget budget(options);
    const catalog::WalCheck check = checker_->Check(one.object, budget);
    bytes_read_.fetch_add(budget.bytes_read(), std::memory_order_relaxed);
    // Neither a stop nor a deadline nor a file that vanished says anything about its content.
    const bool unread = check.reason == model::Reason::kTimeout ||
                        check.reason == model::Reason::kNotFound ||
                        check.reason == model::Reason::kStorage;
    if (unread) return;
    const bool whole = check.outcome == verify::Outcome::kIntact;
    if (!whole && clock_.Now() - one.object.modified < kQuietTime) continue;
    verdicts_.Put(one.key, {one.object.fingerprint, check.outcome, check.reason, check.text,
                            whole ? check.facts.last_commit : std::nullopt});
  }
}

void WalVerifier::Start(std::vector<WalWork> work, std::uint64_t system_identifier) {
  const std::lock_guard lock(mutex_);
  if (running_) return;
  if (thread_.joinable()) thread_.join();  // it has ended
  running_ = true;
  thread_ = std::thread([this, work = std::move(work), system_identifier] {
    LowerPriority();
    VerifyNow(work, system_identifier, base::Deadline(base::SteadyTime::max()), stop_.token());
    const std::lock_guard done(mutex_);
    running_ = false;
    changed_.notify_all();
  });
}

bool WalVerifier::idle() const {
  const std::lock_guard lock(mutex_);
  return !running_;
}

bool WalVerifier::WaitIdle(base::Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [this] { return !running_; });
}

}  // namespace drwatch::probes
