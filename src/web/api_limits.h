// Every limit of the HTTP API in one place, and how often each one bit. docs/api.md says for people
// what is answered then.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace drwatch::web {

// The first four are flags of the program. promql/parser.h has those of an expression's shape.
struct ApiLimits {
  base::Duration query_timeout = std::chrono::minutes(2);  // a smaller `timeout` parameter wins
  std::int64_t max_samples = 10'000'000;  // one query may read or make; 8 bytes each at the least
  int max_concurrency = 4;                // queries that run at the same time
  std::string cors_origin = ".*";         // RE2; whose pages may read the API in a browser

  int max_waiting = 16;                         // for one of them to end; more are turned away
  std::size_t max_query_bytes = 128 << 10;      // of one expression or selector
  std::size_t max_selectors = 100;              // match[] parameters of one request
  std::int64_t max_points = 11'000;             // of one series in a range query, as Prometheus
  std::int64_t max_result_samples = 2'000'000;  // in one answer
  std::size_t max_answer_bytes = 32 << 20;      // of JSON, before compression
  std::size_t max_unread_bytes = 256 << 20;     // of all answers that clients are still reading
};

enum class Limit {
  kTimeout,
  kCanceled,
  kSamples,
  kResultSamples,
  kWaiting,
  kQueryBytes,
  kSelectors,
  kPoints,
  kAnswerBytes,
  kUnreadBytes
};
inline constexpr std::size_t kLimitCount = 10;
// As the label `limit` has it: "timeout", "answer_bytes".
std::string_view LimitName(Limit limit);

// Any thread.
class LimitHits {
 public:
  void Count(Limit limit) { hits_[static_cast<std::size_t>(limit)].fetch_add(1); }
  std::int64_t Of(Limit limit) const { return hits_[static_cast<std::size_t>(limit)].load(); }

 private:
  std::array<std::atomic<std::int64_t>, kLimitCount> hits_{};
};

}  // namespace drwatch::web
