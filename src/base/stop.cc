#include "base/stop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace drwatch::base {

Deadline Deadline::After(Duration timeout) {
  return Deadline(std::chrono::steady_clock::now() + timeout);
}

Duration Deadline::Remaining() const {
  const auto left = std::chrono::ceil<Duration>(at_ - std::chrono::steady_clock::now());
  return left.count() > 0 ? left : Duration(0);
}

struct StopToken::State {
  int fd = -1;
  std::atomic<bool> stopped{false};
  ~State() {
    if (fd >= 0) ::close(fd);
  }
};

bool StopToken::stopped() const {
  return state_ && state_->stopped.load(std::memory_order_acquire);
}

int StopToken::fd() const { return state_ ? state_->fd : -1; }

bool StopToken::Wait(Deadline deadline) const {
  std::vector<pollfd> none;
  return PollUntil(none, deadline, *this) == WaitResult::kStopped;
}

StopSource::StopSource() : state_(std::make_shared<StopToken::State>()) {
  state_->fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state_->fd < 0) std::abort();
}

void StopSource::RequestStop() const {
  state_->stopped.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(state_->fd, &one, sizeof one);
}

WaitResult PollUntil(std::vector<pollfd>& fds, Deadline deadline, const StopToken& stop) {
  constexpr std::int64_t kLongestPollMillis = 1'000'000;
  fds.push_back(pollfd{stop.fd(), POLLIN, 0});
  WaitResult result = WaitResult::kTimeout;
  while (true) {
    if (stop.stopped()) {
      result = WaitResult::kStopped;
      break;
    }
    const std::int64_t left =
        std::min<std::int64_t>(deadline.Remaining().count(), kLongestPollMillis);
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left));
    if (ready > 0 && !stop.stopped()) {
      result = WaitResult::kReady;
      break;
    }
    if (ready == 0 && deadline.Expired()) break;
  }
  fds.pop_back();
  return result;
}

}  // namespace drwatch::base
