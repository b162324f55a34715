#include "net/s3_budget.h"

#include <algorithm>

#include "base/sizes.h"

namespace drwatch::net {
namespace {

std::string UsedUp(const char* limit, std::int64_t value) {
  return std::string(limit) + " (" + std::to_string(value) + ") is used up until 00:00 UTC";
}

}  // namespace

void S3Budget::EnterDay(base::Timestamp now) {
  const std::int64_t today = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  if (day_ == today) return;
  day_ = today;
  requests_ = bytes_ = 0;
}

base::Result<std::int64_t> S3Budget::Begin(const config::S3& limits, base::Timestamp now,
                                           std::int64_t wanted) {
  const std::lock_guard lock(mutex_);
  EnterDay(now);
  if (limits.max_requests_per_day > 0 && requests_ >= limits.max_requests_per_day) {
    return base::Fail(UsedUp("max_requests_per_day", limits.max_requests_per_day));
  }
  const std::int64_t most = limits.max_bytes_per_day;
  if (most > 0 && bytes_ >= most) return base::Fail(UsedUp("max_bytes_per_day", most));
  const std::int64_t granted = most > 0 ? std::min(wanted, most - bytes_) : wanted;
  ++requests_;
  bytes_ += granted;
  return granted;
}

void S3Budget::End(std::int64_t granted, std::int64_t received) {
  const std::lock_guard lock(mutex_);
  // A day may have begun meanwhile.
  bytes_ = std::max<std::int64_t>(0, bytes_ + received - granted);
}

std::optional<std::string> S3Budget::TooMuch(const config::S3& limits, base::Timestamp now,
                                             std::int64_t bytes) {
  if (limits.max_bytes_per_day <= 0) return std::nullopt;
  const std::string limit = "max_bytes_per_day " + base::FormatSize(limits.max_bytes_per_day);
  const std::int64_t for_reading = limits.max_bytes_per_day / 8 * kReadEighths;
  const std::string size = base::FormatSize(bytes) + " do not fit: ";
  if (bytes > for_reading) {
    return size + limit + " allows " + base::FormatSize(for_reading) +
           " a day for reading, the rest is for lists: raise it";
  }
  const std::lock_guard lock(mutex_);
  EnterDay(now);
  const std::int64_t left = std::max<std::int64_t>(0, for_reading - bytes_);
  if (bytes <= left) return std::nullopt;
  return size + "of " + limit + ", " + base::FormatSize(left) +
         " are left for reading until 00:00 UTC";
}

std::shared_ptr<S3Budget> S3Budgets::Of(const std::string& probe) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<S3Budget>& budget = budgets_[probe];
  if (budget == nullptr) budget = std::make_shared<S3Budget>();
  return budget;
}

}  // namespace drwatch::net
