// Reads artefacts to their end, beside the probe's runs: one background thread per probe while
// there is something to read, at the lowest priority.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/stop.h"
#include "catalog/artefact_catalog.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"
#include "probes/read_speeds.h"

namespace drwatch::probes {

// Artefacts of up to so many bytes are verified within a run, and so many of them; larger ones in
// the background. Out of a bucket less: the network is slower than a disk.
inline constexpr std::int64_t kInlineBytes = 64 << 20;
inline constexpr std::int64_t kInlineBucketBytes = 8 << 20;
inline constexpr int kMaxInline = 3;

// Whether so much time suffices at the configured rate.
bool IsReadWithin(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                  base::Duration budget);
// Whether one run of many verifies it itself, when it has so much time for it.
bool FitsInRun(const config::BackupProbe& spec, const catalog::Artefact& artefact,
               base::Duration budget);

// Thread-safe. The destructor stops a running verification within one read.
class BackupVerifier {
 public:
  // All but `options` outlive this. `speeds` is told how quickly each artefact was read.
  BackupVerifier(const config::BackupProbe::Verify& options, catalog::ArtefactCatalog& catalog,
                 BackupVerdicts& verdicts, ReadSpeeds& speeds, const base::Clock& clock);
  ~BackupVerifier();

  // Starts a background verification of `artefact`; does nothing while one is running.
  void Start(const catalog::Artefact& artefact);
  // Verifies on the caller's thread and keeps nothing. nullopt: stopped, or it changed meanwhile.
  std::optional<BackupVerdict> Read(const catalog::Artefact& artefact, base::Deadline deadline,
                                    const base::StopToken& stop);
  // Verifies on the caller's thread, until the deadline at most. False if there is no verdict by
  // then: read it in the background.
  bool VerifyNow(const catalog::Artefact& artefact, base::Deadline deadline,
                 const base::StopToken& stop);
  // It is not to be read, for that reason.
  void Refuse(const catalog::Artefact& artefact, model::Reason reason, const std::string& why);
  bool idle() const;
  // Waits until no background verification runs. False if the deadline came first.
  bool WaitIdle(base::Deadline deadline) const;
  // Bytes read so far.
  std::int64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }

 private:
  const config::BackupProbe::Verify options_;
  catalog::ArtefactCatalog& catalog_;
  BackupVerdicts& verdicts_;
  ReadSpeeds& speeds_;
  const base::Clock& clock_;
  base::StopSource stop_;
  std::atomic<std::int64_t> bytes_read_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace drwatch::probes
