// What all nodes of one query share: the store, the limits, the first error and the annotations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "promql/column.h"
#include "promql/engine.h"
#include "store/reader.h"

namespace drwatch::promql {

// A selector's series and their labels, as the engine keeps them between queries.
struct CachedSelection {
  std::shared_ptr<const store::Selection> series;
  ColumnPtr labels;
};

// Selections by the text of their matchers: those of late, which are the ones of the rules. Any
// thread.
class SelectionCache {
 public:
  explicit SelectionCache(const store::Reader& reader) : reader_(reader) {}
  const store::Reader& reader() const { return reader_; }
  // Up to date when it returns.
  CachedSelection Get(const std::vector<model::Matcher>& matchers);

 private:
  // Of the younger half: beyond either, the older half is forgotten and the halves change places.
  static constexpr std::size_t kMaxSelections = 20'000;
  static constexpr std::size_t kMaxRows = 2'000'000;
  using Map = std::unordered_map<std::string, CachedSelection>;

  CachedSelection Find(const std::string& key);
  void Keep(std::string key, const CachedSelection& selection);

  const store::Reader reader_;
  std::mutex mutex_;
  Map young_;
  Map old_;
  std::size_t young_rows_ = 0;
};

// One thread, one query. The first failure sticks: nodes may then go on with empty values, which
// nobody will see.
class Session {
 public:
  Session(SelectionCache& cache, const EngineOptions& engine_options,
          const QueryLimits& query_limits)
      : selections(cache), options(engine_options), limits_(query_limits) {}

  SelectionCache& selections;
  const EngineOptions& options;
  std::int64_t query_start = 0;  // of the whole query: what @ start() and @ end() mean
  std::int64_t query_end = 0;

  bool failed() const { return error_.has_value(); }
  const std::optional<QueryError>& error() const { return error_; }
  void Fail(std::string message) { Fail(QueryErrorKind::kExecution, std::move(message)); }
  void Fail(QueryErrorKind kind, std::string message);
  // Counts samples that were read or made. False (and an error) if it is too much, too late or
  // stopped.
  bool Spend(std::size_t samples);
  // The same for text that was made, in bytes.
  bool SpendBytes(std::size_t bytes) { return Spend(bytes / sizeof(double) + 1); }
  // False (and an error) if it is too late or stopped. Spend() looks only now and then.
  bool CheckTime();
  std::int64_t samples() const { return static_cast<std::int64_t>(samples_); }

  // Repeated ones are kept once. `where` says what they are about.
  void Warn(const std::string& message, const TextRange& where);
  void Inform(const std::string& message, const TextRange& where);
  // As they are to be shown.
  Annotations TakeAnnotations();
  // Decreases of bucket counts that histogram_quantile has straightened.
  void InformForcedMonotonicity(const TextRange& where, std::int64_t at, double min_bucket,
                                double max_bucket, double max_difference);

 private:
  struct Forced {
    TextRange where;
    std::int64_t first = 0, last = 0;
    double min_bucket = 0, max_bucket = 0, max_difference = 0;
    std::int64_t count = 0;
  };

  std::string Place(const TextRange& where) const;

  const QueryLimits& limits_;
  std::optional<QueryError> error_;
  std::size_t samples_ = 0;
  std::size_t next_check_ = 0;  // of the clock, in samples
  Annotations annotations_;
  std::vector<Forced> forced_;
};

}  // namespace drwatch::promql
