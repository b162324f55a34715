#include "verify/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "verify/digest_lanes.h"

namespace drwatch::verify {
namespace {

std::size_t JobsOf(const VerifyOptions& options) {
  return static_cast<std::size_t>(std::max(options.jobs, 1));
}

std::size_t StreamsOf(const VerifyOptions& options) {
  if (options.streams <= 1 || options.read_rate_bytes > 0 || !HasShaInstructions()) return 1;
  return std::min(static_cast<std::size_t>(options.streams), UsefulShaStreams());
}

class Parts {
 public:
  Parts(std::size_t count, ReadBudget& budget,
        const std::function<bool(std::size_t, ReadBudget&)>& work)
      : count_(count), budget_(budget), work_(work), share_(budget.options()) {
    share_.paced = nullptr;  // told once, of all
  }

  void Run();

 private:
  // With one budget until all are begun.
  void Work(ReadBudget& budget) {
    for (std::size_t i = next_++; i < count_ && !stopped_; i = next_++) {
      if (!work_(i, budget)) stopped_ = true;
    }
  }
  void WorkApart(DigestLane* lane) {
    ReadBudget own(share_, lane);
    Work(own);
    bytes_read_ += own.bytes_read();
    const std::lock_guard lock(mutex_);
    longest_paced_ = std::max(longest_paced_, own.paced());
  }
  // What one thread does.
  void WorkInLanes(std::size_t streams) {
    if (streams == 1) return WorkApart(nullptr);
    DigestLanes().Run(streams, [this](DigestLane& lane) { WorkApart(&lane); });
  }
  // How many of `wanted` threads there are now. The system may have no more of them.
  std::size_t Begin(std::size_t wanted, std::size_t streams);

  const std::size_t count_;
  ReadBudget& budget_;
  const std::function<bool(std::size_t, ReadBudget&)>& work_;
  VerifyOptions share_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<std::int64_t> bytes_read_{0};
  std::mutex mutex_;  // guards the next
  std::chrono::nanoseconds longest_paced_{0};
  std::vector<std::jthread> threads_;
};

std::size_t Parts::Begin(std::size_t wanted, std::size_t streams) {
  for (std::size_t i = 0; i < wanted; ++i) {
    try {
      threads_.emplace_back([this, streams] { WorkInLanes(streams); });
    } catch (const std::system_error&) {
      return i;
    }
  }
  return wanted;
}

void Parts::Run() {
  const std::size_t jobs = std::min(count_, JobsOf(share_));
  const std::size_t streams =
      jobs == 0 ? 1 : std::min(StreamsOf(share_), (count_ + jobs - 1) / jobs);
  if (jobs <= 1 && streams == 1) return Work(budget_);
  if (jobs > 1 && share_.read_rate_bytes > 0) {
    share_.read_rate_bytes =
        std::max<std::int64_t>(1, share_.read_rate_bytes / static_cast<std::int64_t>(jobs));
  }
  if (jobs <= 1 || Begin(jobs, streams) == 0) WorkInLanes(streams);
  threads_.clear();  // waits for them
  budget_.Add(bytes_read_, longest_paced_);
}

}  // namespace

void ForEachPart(std::size_t count, ReadBudget& budget,
                 const std::function<bool(std::size_t index, ReadBudget& budget)>& work) {
  Parts(count, budget, work).Run();
}

std::size_t PartsAtATime(const VerifyOptions& options) {
  return JobsOf(options) * StreamsOf(options);
}

}  // namespace drwatch::verify
