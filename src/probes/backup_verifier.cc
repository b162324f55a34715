#include "probes/backup_verifier.h"

#include <memory>
#include <string>
#include <vector>

#include "catalog/make_place.h"
#include "probes/low_priority.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::probes {

bool IsReadWithin(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                  base::Duration budget) {
  if (spec.verify.read_rate_bytes <= 0) return true;
  const double seconds =
      static_cast<double>(artefact.size_bytes) / static_cast<double>(spec.verify.read_rate_bytes);
  return seconds < base::ToSeconds(budget);
}

bool FitsInRun(const config::BackupProbe& spec, const catalog::Artefact& artefact,
               base::Duration budget) {
  const bool bucket = catalog::IsS3(spec.place);
  return artefact.size_bytes <= (bucket ? kInlineBucketBytes : kInlineBytes) &&
         IsReadWithin(spec, artefact, budget);
}

BackupVerifier::BackupVerifier(const config::BackupProbe::Verify& options,
                               catalog::ArtefactCatalog& catalog, BackupVerdicts& verdicts,
                               ReadSpeeds& speeds, const base::Clock& clock)
    : options_(options), catalog_(catalog), verdicts_(verdicts), speeds_(speeds), clock_(clock) {}

BackupVerifier::~BackupVerifier() {
  stop_.RequestStop();
  if (thread_.joinable()) thread_.join();
}

void BackupVerifier::Start(const catalog::Artefact& artefact) {
  const std::lock_guard lock(mutex_);
  if (running_) return;
  if (thread_.joinable()) thread_.join();  // it has ended
  running_ = true;
  thread_ = std::thread([this, artefact] {
    LowerPriority();
    const auto verdict = Read(artefact, base::Deadline::After(options_.timeout), stop_.token());
    if (verdict) verdicts_.Put(artefact.path, *verdict);
    const std::lock_guard done(mutex_);
    running_ = false;
    changed_.notify_all();
  });
}

bool BackupVerifier::VerifyNow(const catalog::Artefact& artefact, base::Deadline deadline,
                               const base::StopToken& stop) {
  const auto verdict = Read(artefact, deadline, stop);
  if (!verdict || verdict->reason == model::Reason::kTimeout) return false;
  verdicts_.Put(artefact.path, *verdict);
  return true;
}

void BackupVerifier::Refuse(const catalog::Artefact& artefact, model::Reason reason,
                            const std::string& why) {
  BackupVerdict verdict;
  verdict.fingerprint = artefact.fingerprint;
  verdict.checksum_stamp = artefact.checksum_stamp;
  verdict.reason = reason;
  verdict.text = why;
  verdict.taken = artefact.time;
  verdict.time_source = artefact.time_source;
  verdict.verified = clock_.Now();
  verdicts_.Put(artefact.path, verdict);
}

bool BackupVerifier::idle() const {
  const std::lock_guard lock(mutex_);
  return !running_;
}

bool BackupVerifier::WaitIdle(base::Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [this] { return !running_; });
}

std::optional<BackupVerdict> BackupVerifier::Read(const catalog::Artefact& artefact,
                                                  base::Deadline deadline,
                                                  const base::StopToken& stop) {
  verify::VerifyOptions options;
  options.read_rate_bytes = options_.read_rate_bytes;
  options.deadline = deadline;
  options.reuse = options_.every;
  options.jobs = options_.jobs;
  options.stop = stop;
  options.digest = true;
  std::atomic<std::int64_t> paced{0};
  options.paced = &paced;
  const base::SteadyTime began = clock_.Steady();
  const verify::Verdict found = catalog_.Verify(artefact, options);
  const base::SteadyTime::duration took = clock_.Steady() - began;
  bytes_read_.fetch_add(found.bytes_read, std::memory_order_relaxed);
  if (stop.stopped()) return std::nullopt;
  const auto after = catalog_.CurrentFingerprint(artefact, deadline, stop);
  if (after && *after != artefact.fingerprint) return std::nullopt;
  speeds_.Put(artefact.path, ReadingOf(found.bytes_read, took, paced), RestoreBytes(artefact),
              clock_.Now());
  BackupVerdict verdict;
  verdict.fingerprint = artefact.fingerprint;
  verdict.checksum_stamp = artefact.checksum_stamp;
  verdict.outcome = found.outcome;
  verdict.level = found.level;
  verdict.checksum = found.checksum;
  verdict.reason = found.reason;
  verdict.text = found.ToString();
  for (const std::string& detail : found.details) {
    if (detail == verify::kNoRowsText) verdict.text += ", " + detail;
  }
  verdict.format = found.format;
  verdict.digest = found.digest;
  verdict.SetTables(found.contents.tables);
  verdict.packed_bytes = found.contents.packed_bytes;
  verdict.unpacked_bytes = found.contents.unpacked_bytes;
  verdict.begun = found.contents.begun;
  verdict.needs_wal = found.needs_wal;
  verdict.taken = artefact.time;
  verdict.time_source = artefact.time_source;
  verdict.verified = clock_.Now();
  verdict.duration = std::chrono::duration_cast<base::Duration>(took);
  return verdict;
}

}  // namespace drwatch::probes
