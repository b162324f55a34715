// The dead man's switch: tells somebody outside, again and again, that drwatch is well. Who is not
// told any more pages.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "config/config.h"
#include "model/metric_family.h"
#include "net/http_client.h"

namespace drwatch::exporter {

// Thread-safe. Its thread starts with the first configuration that names a URL.
class DeadMan {
 public:
  using Fetch = std::function<net::HttpOutcome(const net::HttpRequest&, base::Deadline,
                                               const base::StopToken&)>;
  // A call that failed is made again after so long, or after the interval if that is shorter.
  static constexpr base::Duration kRetry = std::chrono::seconds(10);

  explicit DeadMan(const base::Clock& clock, Fetch fetch = net::Fetch);
  ~DeadMan();  // Stop()

  void Configure(const config::DeadMan& config);
  // True if a ping may be sent now: only then need the caller find out whether all is well.
  bool Due() const;
  // A good cycle ended. Returns at once.
  void Beat();
  void Stop();

  // drwatch_deadman_*; none without a URL.
  std::vector<model::MetricFamily> Metrics() const;

 private:
  void Run();
  void Note(const config::DeadMan& config, const std::string& failure);
  bool DueLocked() const;

  const base::Clock& clock_;
  const Fetch fetch_;
  const base::StopSource stop_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  config::DeadMan config_;
  base::Timestamp since_{};  // when it was configured
  base::SteadyTime next_{};
  std::optional<base::Timestamp> last_;  // ping that was accepted
  std::int64_t pings_ = 0, failures_ = 0;
  bool beaten_ = false, busy_ = false, failing_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace drwatch::exporter
