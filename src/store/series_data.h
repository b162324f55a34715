// One series: its newest samples plain, the older ones in chunks. Guarded by the store's data lock.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"
#include "store/chunk.h"

namespace drwatch::store {

enum class AppendResult { kAppended, kDuplicate, kOutOfOrder };

struct MemoryUsage {
  std::int64_t bytes = 0;
  std::int64_t chunks = 0;
};

// The newest samples stay plain because almost every read wants them: kMinHead is five minutes at
// one sample in 15 s, the usual window of a rule.
class SeriesRecord {
 public:
  static constexpr int kMinHead = 20;
  static constexpr int kMaxHead = 21;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

  explicit SeriesRecord(model::Labels series_labels) : labels(std::move(series_labels)) {}

  const model::Labels labels;

  // A sample must be newer than the last one. The same one again is a duplicate, and a value
  // replaces a stale marker of the same time: the series moved to another source.
  // Adds to `usage` what the call took.
  AppendResult Append(std::int64_t millis, double value, MemoryUsage& usage);

  std::int64_t last_time() const { return last_time_; }  // kNever while empty
  double last_value() const { return last_value_; }
  // True if all samples after `from` are plain.
  bool HeadCovers(std::int64_t from) const { return sealed_time_ <= from; }
  // The newest plain sample in (from, to]; nullptr if there is none. Its time goes to `millis`.
  const double* NewestInHead(std::int64_t from, std::int64_t to, std::int64_t& millis) const;
  // Adds the plain samples in (from, to] to `out`, which has room for kMaxHead; returns how many.
  int ReadHead(std::int64_t from, std::int64_t to, model::Sample* out) const;
  // Adds the chunks that overlap (from, to]; the one still written to is copied.
  void CollectChunks(std::int64_t from, std::int64_t to,
                     std::vector<std::shared_ptr<const Chunk>>& out) const;
  // Drops chunks whose samples are all before `cutoff`; returns what they took.
  MemoryUsage DropChunks(std::int64_t cutoff);
  // The clock was set: its samples are later by so much, in milliseconds. Readers that hold chunks
  // keep the old ones. What the chunks take does not change.
  void Shift(std::int64_t millis);
  // Of this object and all it holds but the labels.
  MemoryUsage usage() const;

  // Set while a batch of one source is looked at: which round saw the series last.
  std::uint32_t round = 0;

 private:
  std::uint32_t head_count_ = 0;
  struct Head {
    std::array<double, kMaxHead> values;
    std::array<std::int32_t, kMaxHead> offsets;  // milliseconds after head_base_
  };

  void Seal(int samples, MemoryUsage& usage);

  std::int64_t last_time_ = kNever;
  double last_value_ = 0;
  std::int64_t head_base_ = 0;
  std::int64_t sealed_time_ = kNever;           // of the newest sample in a chunk
  std::vector<std::shared_ptr<Chunk>> chunks_;  // by time; the last may still be written to
  Head head_;                                   // the first head_count_ places are filled
};

}  // namespace drwatch::store
