// Reads the segments of a WAL archive, each once: a few within the probe's run, more of them on a
// background thread of the lowest priority.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/stop.h"
#include "catalog/wal_check.h"
#include "config/config.h"
#include "probes/read_speeds.h"
#include "probes/wal_verdicts.h"

namespace drwatch::probes {

struct WalWork {
  catalog::PlaceObject object;
  WalSegmentKey key;
  enum class Role {
    kJudge,   // is read and gets a verdict
    kLead,    // is read for where its last record ends, if that is not known any more
    kFollow,  // was found intact: whether it still goes on where the one before it ends now
  } role = Role::kJudge;
};

// Thread-safe. The destructor stops a running verification within one read.
class WalVerifier {
 public:
  // A file that changed more recently and is not whole is still being written: no verdict yet.
  static constexpr base::Duration kQuietTime{15'000};

  // All but `spec` outlive this. `only_run`: nobody reads again. `speeds` is told how quickly whole
  // segments are read, under the path "".
  WalVerifier(catalog::Place& place, const config::WalArchiveProbe& spec, WalVerdicts& verdicts,
              ReadSpeeds& speeds, const base::Clock& clock, bool only_run);
  ~WalVerifier();

  // Reads `work`, segments that follow each other, on the caller's thread. `system_identifier` is
  // the cluster they must belong to, 0 = any. False: the time was too short for all of it.
  bool VerifyNow(const std::vector<WalWork>& work, std::uint64_t system_identifier,
                 base::Deadline deadline, const base::StopToken& stop);
  // The same on the background thread; does nothing while one runs.
  void Start(std::vector<WalWork> work, std::uint64_t system_identifier);
  bool idle() const;
  // Waits until no background verification runs. False if the deadline came first.
  bool WaitIdle(base::Deadline deadline) const;
  // Bytes read so far.
  std::int64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }

 private:
  catalog::Place& place_;
  const std::int64_t read_rate_bytes_;
  const bool only_run_;
  WalVerdicts& verdicts_;
  ReadSpeeds& speeds_;
  const base::Clock& clock_;
  base::StopSource stop_;
  std::atomic<std::int64_t> bytes_read_{0};
  std::mutex work_mutex_;  // held while reading; guards checker_, last_ and unsettled_
  std::optional<catalog::WalChecker> checker_;
  std::uint64_t checker_system_ = 0;
  // The segment after which the checker can go on, and its fingerprint.
  std::optional<std::pair<WalSegmentKey, std::uint64_t>> last_;
  // False: nothing can be read any more. What a whole segment took is added to `reading`.
  bool VerifyOne(const WalWork& one, const verify::VerifyOptions& options, model::Reading& reading);
  bool MayBeBeingWritten(const WalWork& one, bool broken);
  // Broken ones that may be being written.
  struct FirstRead {
    std::uint64_t fingerprint = 0;
    base::SteadyTime at{};
  };
  std::map<WalSegmentKey, FirstRead> unsettled_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace drwatch::probes
