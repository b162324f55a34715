#include "store/series_data.h"

#include <algorithm>
#include <bit>

namespace drwatch::store {
namespace {

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// A shared_ptr's block beside the object, and the pointer in the vector.
constexpr std::int64_t kChunkOverhead = 16 + sizeof(std::shared_ptr<Chunk>);

}  // namespace

AppendResult SeriesRecord::Append(std::int64_t millis, double value, MemoryUsage& usage) {
  if (millis <= last_time_) {
    if (millis != last_time_) return AppendResult::kOutOfOrder;
    if (SameBits(value, last_value_) || model::IsStaleNan(value)) return AppendResult::kDuplicate;
    if (!model::IsStaleNan(last_value_)) return AppendResult::kOutOfOrder;
    head_.values[head_count_ - 1] = value;
    last_value_ = value;
    return AppendResult::kAppended;
  }
  const std::uint64_t offset =
      static_cast<std::uint64_t>(millis) - static_cast<std::uint64_t>(head_base_);
  const bool far = head_count_ > 0 && offset > std::numeric_limits<std::int32_t>::max();
  if (far) Seal(static_cast<int>(head_count_), usage);
  if (head_count_ == kMaxHead) Seal(kMaxHead - kMinHead, usage);
  if (head_count_ == 0) head_base_ = millis;
  head_.values[head_count_] = value;
  head_.offsets[head_count_] = static_cast<std::int32_t>(millis - head_base_);
  ++head_count_;
  last_time_ = millis;
  last_value_ = value;
  return AppendResult::kAppended;
}

void SeriesRecord::Seal(int samples, MemoryUsage& usage) {
  for (int i = 0; i < samples; ++i) {
    if (chunks_.empty() || chunks_.back()->full()) {
      chunks_.push_back(std::make_shared<Chunk>());
      usage.bytes += chunks_.back()->memory_bytes() + kChunkOverhead;
      ++usage.chunks;
    }
    Chunk& open = *chunks_.back();
    usage.bytes -= open.memory_bytes();
    open.Append(head_base_ + head_.offsets[i], head_.values[i]);
    if (open.full()) open.Shrink();  // before anybody shares it
    usage.bytes += open.memory_bytes();
  }
  sealed_time_ = head_base_ + head_.offsets[samples - 1];
  std::copy(head_.values.begin() + samples, head_.values.begin() + head_count_,
            head_.values.begin());
  std::copy(head_.offsets.begin() + samples, head_.offsets.begin() + head_count_,
            head_.offsets.begin());
  head_count_ -= static_cast<std::uint32_t>(samples);
}

const double* SeriesRecord::NewestInHead(std::int64_t from, std::int64_t to,
                                         std::int64_t& millis) const {
  for (std::uint32_t i = head_count_; i-- > 0;) {
    millis = head_base_ + head_.offsets[i];
    if (millis <= to) return millis > from ? &head_.values[i] : nullptr;
  }
  return nullptr;
}

int SeriesRecord::ReadHead(std::int64_t from, std::int64_t to, model::Sample* out) const {
  int count = 0;
  for (std::uint32_t i = 0; i < head_count_; ++i) {
    const std::int64_t time = head_base_ + head_.offsets[i];
    if (time > to) break;
    if (time > from) out[count++] = {base::FromUnixMillis(time), head_.values[i]};
  }
  return count;
}

void SeriesRecord::CollectChunks(std::int64_t from, std::int64_t to,
                                 std::vector<std::shared_ptr<const Chunk>>& out) const {
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    if (chunk->max_time() <= from || chunk->min_time() > to) continue;
    const bool shared = chunk->full();
    out.push_back(shared ? chunk : chunk->Copy());
  }
}

MemoryUsage SeriesRecord::DropChunks(std::int64_t cutoff) {
  MemoryUsage freed;
  auto kept = chunks_.begin();
  while (kept != chunks_.end() && (*kept)->max_time() < cutoff) {
    freed.bytes += (*kept)->memory_bytes() + kChunkOverhead;
    ++freed.chunks;
    ++kept;
  }
  chunks_.erase(chunks_.begin(), kept);
  return freed;
}

void SeriesRecord::Shift(std::int64_t millis) {
  if (last_time_ == kNever) return;
  last_time_ += millis;
  head_base_ += millis;
  if (sealed_time_ != kNever) sealed_time_ += millis;
  for (std::shared_ptr<Chunk>& chunk : chunks_) chunk = chunk->Shifted(millis);
}

MemoryUsage SeriesRecord::usage() const {
  MemoryUsage usage;
  usage.bytes = sizeof(SeriesRecord);
  usage.chunks = static_cast<std::int64_t>(chunks_.size());
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    usage.bytes += chunk->memory_bytes() + kChunkOverhead;
  }
  return usage;
}

}  // namespace drwatch::store
