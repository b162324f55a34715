// Evaluates expressions on a store. Synchronous, no clock of its own, no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "promql/ast.h"
#include "promql/value.h"
#include "store/store.h"

namespace drwatch::promql {

struct EngineOptions {
  base::Duration lookback = std::chrono::minutes(5);
  base::Duration default_step = std::chrono::minutes(1);  // of subqueries without one
  std::int64_t max_samples = 50'000'000;                  // loaded by one query
};

// One message each, as Prometheus' API has them.
struct Annotations {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

enum class QueryErrorKind { kExecution, kTimeout, kCanceled, kTooManySamples, kResultTooLarge };
struct QueryError {
  QueryErrorKind kind = QueryErrorKind::kExecution;
  std::string message;
};
struct QueryOutput {
  Value value;
  Annotations annotations;
  std::int64_t samples = 0;  // read or made on the way
};
using QueryResult = tl::expected<QueryOutput, QueryError>;

// Where a run keeps what it finds out about series and labels: for the next runs (rules ask the
// same again and again), or for itself alone (what strangers ask must neither stay in memory nor
// drive out the rules').
enum class QueryCaches { kShared, kOwn };

// Limits of one run. The default never times out.
struct QueryLimits {
  base::Deadline deadline = base::Deadline(base::SteadyTime::max());
  base::StopToken stop;
  // What the expression was parsed from: annotations then say the right line and column. Without it
  // everything counts as line 1.
  std::string_view text;
  // Asked now and then, on the thread of the run; may be null.
  std::function<bool()> canceled;
  std::int64_t max_samples = 0;         // 0 = the engine's
  std::int64_t max_result_samples = 0;  // in the value that is returned; 0 = no limit
  base::Duration lookback{};            // 0 = the engine's
  QueryCaches caches = QueryCaches::kShared;
};

class SelectionCache;

// Any thread; holds no state between queries but caches that nobody sees.
class Engine {
 public:
  // The store must outlive it.
  explicit Engine(const store::Store& store, EngineOptions options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // At one time. Vectors keep the order of evaluation unless the expression sorts.
  QueryResult Instant(const Expr& expr, base::Timestamp at, const QueryLimits& limits = {}) const;
  // At start, start + step, ... up to end; the value is a Matrix sorted by labels.
  QueryResult Range(const Expr& expr, base::Timestamp start, base::Timestamp end,
                    base::Duration step, const QueryLimits& limits = {}) const;

 private:
  const EngineOptions options_;
  const std::unique_ptr<SelectionCache> selections_;
};

}  // namespace drwatch::promql
