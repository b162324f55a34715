#include "verify/dump_chunks.h"

#include <algorithm>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kGatheredBytes = 64 << 10;

}  // namespace

Walked<std::string_view> DumpChunks::Next() {
  while (left_ == 0 && !ended_) {
    const std::int64_t begin = archive_.offset();
    auto length = ReadDumpInt(archive_, header_, kDataBlock);
    if (!length) return tl::unexpected(std::move(length.error()));
    if (*length < 0) return Broken(Reason::kCorrupt, begin, "negative length in a data block");
    left_ = *length;
    ended_ = left_ == 0;
  }
  if (ended_) return "";
  auto bytes = archive_.Some(left_);
  if (!bytes) return bytes;
  if (bytes->empty()) {
    return Broken(Reason::kIncomplete, archive_.offset(), "ends in a data block");
  }
  left_ -= static_cast<std::int64_t>(bytes->size());
  return bytes;
}

Walked<std::string_view> GatheredChunks::Next() {
  if (fault_) return tl::unexpected(std::move(*fault_));
  bytes_.clear();
  parts_.clear();
  while (bytes_.size() < kGatheredBytes) {
    auto chunk = chunks_.Next();
    if (!chunk) {
      fault_ = std::move(chunk.error());
      break;
    }
    if (chunk->empty()) break;
    parts_.push_back({bytes_.size(), archive_.offset() - static_cast<std::int64_t>(chunk->size())});
    // Nothing is gained by copying a long one.
    if (bytes_.empty() && chunk->size() >= kGatheredBytes) return chunk;
    bytes_ += *chunk;
  }
  if (bytes_.empty() && fault_) return tl::unexpected(std::move(*fault_));
  return bytes_;
}

std::int64_t GatheredChunks::PlaceOf(std::size_t at) const {
  const auto next =
      std::upper_bound(parts_.begin(), parts_.end(), at,
                       [](std::size_t x, const Part& part) { return x < part.begin; });
  const Part& part = *(next - 1);
  return part.place + static_cast<std::int64_t>(at - part.begin);
}

}  // namespace drwatch::verify
