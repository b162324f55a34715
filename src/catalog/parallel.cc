#include "catalog/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace drwatch::catalog {

std::int64_t ForEachPart(
    std::size_t count, verify::ReadBudget& budget,
    const std::function<bool(std::size_t index, verify::ReadBudget& budget)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  const auto run = [&](verify::ReadBudget& own) {
    for (std::size_t i = next++; i < count && !stopped; i = next++) {
      if (!work(i, own)) stopped = true;
    }
  };
  const verify::VerifyOptions& options = budget.options();
  const std::size_t jobs = std::min(count, static_cast<std::size_t>(std::max(options.jobs, 1)));
  if (jobs <= 1) {
    run(budget);
    return 0;
  }
  verify::VerifyOptions share = options;
  if (share.read_rate_bytes > 0) {
    share.read_rate_bytes =
        std::max<std::int64_t>(1, share.read_rate_bytes / static_cast<std::int64_t>(jobs));
  }
  std::atomic<std::int64_t> bytes_read{0};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < jobs; ++i) {
    threads.emplace_back([&run, &share, &bytes_read] {
      verify::ReadBudget own(share);
      run(own);
      bytes_read += own.bytes_read();
    });
  }
  threads.clear();  // waits for them
  return bytes_read;
}

}  // namespace drwatch::catalog
