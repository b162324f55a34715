#include "exporter/dead_man.h"

#include <algorithm>

#include "base/log.h"

namespace drwatch::exporter {
namespace {

constexpr std::int64_t kMaxAnswerBytes = 64 << 10;

// Why the call did not work; empty if it did. Names no part of the URL: it is a secret.
std::string Failure(const net::HttpOutcome& outcome) {
  if (!outcome.response) return outcome.error ? outcome.error->message : "no answer";
  const int status = outcome.response->status;
  return status / 100 == 2 ? "" : "status " + std::to_string(status);
}

}  // namespace

DeadMan::DeadMan(const base::Clock& clock, Fetch fetch) : clock_(clock), fetch_(std::move(fetch)) {}

DeadMan::~DeadMan() { Stop(); }

void DeadMan::Configure(const config::DeadMan& config) {
  const std::lock_guard lock(mutex_);
  if (config == config_ || stopping_) return;
  config_ = config;
  since_ = clock_.Now();
  last_.reset();
  next_ = clock_.Steady();
  beaten_ = false;
  if (!config_.url.empty() && !thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

bool DeadMan::DueLocked() const {
  return !config_.url.empty() && !busy_ && !stopping_ && clock_.Steady() >= next_;
}

bool DeadMan::Due() const {
  const std::lock_guard lock(mutex_);
  return DueLocked();
}

void DeadMan::Beat() {
  {
    const std::lock_guard lock(mutex_);
    if (!DueLocked()) return;
    beaten_ = true;
  }
  wake_.notify_one();
}

void DeadMan::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.RequestStop();
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void DeadMan::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || beaten_; });
    if (stopping_) return;
    beaten_ = false;
    busy_ = true;
    const config::DeadMan config = config_;
    next_ = clock_.Steady() + config.interval;
    lock.unlock();
    const base::Result<base::Secret> url = config::ReadSecret(config.url);
    std::string failure;
    if (url) {
      net::HttpRequest request;
      request.method = config.method;
      request.url = *url;
      request.headers = {{"User-Agent", base::Secret("drwatch")}};
      request.max_body_bytes = kMaxAnswerBytes;
      failure = Failure(fetch_(request, base::Deadline::After(config.timeout), stop_.token()));
    } else {
      failure = url.error().message;
    }
    lock.lock();
    busy_ = false;
    if (stopping_) return;
    Note(config, failure);
  }
}

// Expects the lock to be held.
void DeadMan::Note(const config::DeadMan& config, const std::string& failure) {
  if (config != config_) return;  // another one is called now
  ++pings_;
  if (failure.empty()) {
    if (failing_) base::LogInfo("the dead man's switch is told again that drwatch is well");
    failing_ = false;
    last_ = clock_.Now();
    return;
  }
  ++failures_;
  next_ = std::min(next_, clock_.Steady() + std::min(config.interval, kRetry));
  if (!failing_) {
    base::LogError("the dead man's switch cannot be told that drwatch is well",
                   {{"cause", failure}});
  }
  failing_ = true;
}

std::vector<model::MetricFamily> DeadMan::Metrics() const {
  const std::lock_guard lock(mutex_);
  model::FamilySet families;
  if (config_.url.empty()) return {};
  families.Counter("drwatch_deadman_pings_total", "Calls of the dead man's switch.", {},
                   static_cast<double>(pings_));
  families.Counter("drwatch_deadman_failures_total",
                   "Calls of the dead man's switch that it did not accept.", {},
                   static_cast<double>(failures_));
  families.Gauge("drwatch_deadman_interval_seconds", "Least time between two calls.", {},
                 base::ToSeconds(config_.interval));
  families.Gauge("drwatch_deadman_last_ping_timestamp_seconds",
                 "Last call that was accepted; before the first one, when it was configured.", {},
                 base::ToUnixSeconds(last_.value_or(since_)));
  return families.Take();
}

}  // namespace drwatch::exporter
