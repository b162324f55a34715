#include "probes/wal_verifier.h"

#include <algorithm>

#include "catalog/folder_catalog.h"
#include "probes/low_priority.h"

namespace drwatch::probes {
namespace {

using model::Reason;

// Whether a segment that cannot be judged is so by its content: neither a stop nor a deadline, an
// error of the network or of the storage, nor a file that vanished says anything about that.
bool SaysAnything(Reason reason) {
  return reason == Reason::kUnverified || reason == Reason::kWrongFormat ||
         reason == Reason::kCorrupt || reason == Reason::kIncomplete;
}

// Whether none can be read now, nor could this one.
bool StopsAll(Reason reason) {
  return reason == Reason::kTimeout || reason == Reason::kDns || reason == Reason::kAuth ||
         reason == Reason::kConnectionRefused || reason == Reason::kConnectionReset ||
         reason == Reason::kTls || reason == Reason::kCertificateExpired;
}

}  // namespace

WalVerifier::WalVerifier(catalog::Place& place, const config::WalArchiveProbe& spec,
                         WalVerdicts& verdicts, ReadSpeeds& speeds, const base::Clock& clock,
                         bool only_run)
    : place_(place),
      read_rate_bytes_(spec.read_rate_bytes),
      only_run_(only_run),
      verdicts_(verdicts),
      speeds_(speeds),
      clock_(clock) {}

WalVerifier::~WalVerifier() {
  stop_.RequestStop();
  if (thread_.joinable()) thread_.join();
}

// The clock that dates a file may differ from this machine's: one that would be broken counts from
// when it was first read, too, unless it is too old for that. Where nobody reads again the date
// must do.
bool WalVerifier::MayBeBeingWritten(const WalWork& one, bool broken) {
  const base::Duration age = clock_.Now() - one.object.modified;
  if (age >= base::Duration{} && age < kQuietTime) return true;
  const bool dated = only_run_ || !broken || age >= catalog::FolderCatalog::kClockSkew;
  if (age >= base::Duration{} && dated) return false;
  const base::SteadyTime now = clock_.Steady();
  FirstRead& first = unsettled_[one.key];
  if (first.at == base::SteadyTime{} || first.fingerprint != one.object.fingerprint) {
    first = {one.object.fingerprint, now};
  }
  if (now - first.at < kQuietTime) return true;
  unsettled_.erase(one.key);
  return false;
}

bool WalVerifier::VerifyOne(const WalWork& one, const verify::VerifyOptions& options,
                            model::Reading& reading) {
  const std::pair<WalSegmentKey, std::uint64_t> here(one.key, one.object.fingerprint);
  if (one.role == WalWork::Role::kLead && last_ == here) return true;
  const bool start_only = one.role == WalWork::Role::kFollow;
  verify::ReadBudget budget(options);
  const base::SteadyTime began = clock_.Steady();
  const catalog::WalCheck check =
      start_only ? checker_->CheckStart(one.object, budget) : checker_->Check(one.object, budget);
  bytes_read_.fetch_add(budget.bytes_read(), std::memory_order_relaxed);
  const bool whole = check.outcome == verify::Outcome::kIntact;
  last_.reset();
  if (whole && !start_only) {
    last_ = here;
    const model::Reading read =
        ReadingOf(budget.bytes_read(), clock_.Steady() - began, budget.paced().count());
    reading.bytes += read.bytes;
    reading.took += read.took;
  }
  if (start_only) checker_->Forget();
  const bool refused = check.outcome == verify::Outcome::kUnjudged && !SaysAnything(check.reason);
  if (refused && StopsAll(check.reason)) return false;
  if (refused && (start_only || check.reason == Reason::kNotFound)) return true;
  if (one.role == WalWork::Role::kLead || (start_only && whole)) return true;
  // One that was whole before is not being written.
  const bool broken = check.outcome == verify::Outcome::kBroken;
  if (!whole && !start_only && MayBeBeingWritten(one, broken)) return true;
  WalVerdict verdict{one.object.fingerprint, check.outcome, check.reason, check.text, {}, {}};
  if (whole) verdict.last_commit = check.facts.last_commit;
  if (refused) verdict.again = clock_.Now() + WalVerdicts::kTryAgain;
  verdicts_.Put(one.key, verdict);
  return true;
}

bool WalVerifier::VerifyNow(const std::vector<WalWork>& work, std::uint64_t system_identifier,
                            base::Deadline deadline, const base::StopToken& stop) {
  const std::lock_guard lock(work_mutex_);
  if (!checker_ || checker_system_ != system_identifier) {
    checker_.emplace(place_, system_identifier);
    checker_system_ = system_identifier;
    last_.reset();
  }
  verify::VerifyOptions options;
  options.read_rate_bytes = read_rate_bytes_;
  options.deadline = deadline;
  options.stop = stop;
  model::Reading reading;
  const bool done = std::all_of(work.begin(), work.end(), [&](const WalWork& one) {
    return VerifyOne(one, options, reading);
  });
  speeds_.Add("", reading, clock_.Now());
  return done || !deadline.Expired();
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
