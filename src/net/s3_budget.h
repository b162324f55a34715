// What one probe may still ask of its bucket within a day (UTC). It outlives the client that uses
// it, so that another configuration of the same probe goes on with the same day.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "config/backup_probe_config.h"

namespace drwatch::net {

// Thread-safe. `limits` are max_requests_per_day and max_bytes_per_day; 0 = unlimited.
class S3Budget {
 public:
  // Of max_bytes_per_day, the share that reading objects to their end may use: what is left is for
  // lists and headers, so that a probe whose reading has to wait still sees what is there.
  static constexpr std::int64_t kReadEighths = 7;

  // Counts one request, whose answer may have `wanted` bytes. How many it may have is what is
  // returned: less than wanted if the day has no more. They count until End(). 0 wanted: the
  // length of the answer is not known beforehand, and not limited.
  // Errors: a limit is used up, which the message names.
  base::Result<std::int64_t> Begin(const config::S3& limits, base::Timestamp now,
                                   std::int64_t wanted);
  // It had `received` bytes. `granted` is what Begin() returned.
  void End(std::int64_t granted, std::int64_t received);

  // Why so many bytes cannot be read to their end today; nullopt: they can.
  std::optional<std::string> TooMuch(const config::S3& limits, base::Timestamp now,
                                     std::int64_t bytes);

 private:
  void EnterDay(base::Timestamp now);

  std::mutex mutex_;
  std::int64_t day_ = 0;  // since 1970, of the counts below
  std::int64_t requests_ = 0;
  std::int64_t bytes_ = 0;
};

// The budgets of all probes, by their names. Thread-safe.
class S3Budgets {
 public:
  std::shared_ptr<S3Budget> Of(const std::string& probe);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<S3Budget>> budgets_;
};

}  // namespace drwatch::net
