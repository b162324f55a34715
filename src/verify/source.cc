#include "verify/source.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace drwatch::verify {

tl::unexpected<Fault> Broken(model::Reason reason, std::int64_t offset, std::string message) {
  return tl::unexpected(
      Fault{Outcome::kBroken, reason, "byte " + std::to_string(offset), std::move(message)});
}

tl::unexpected<Fault> Unjudged(model::Reason reason, std::string message) {
  return tl::unexpected(Fault{Outcome::kUnjudged, reason, {}, std::move(message)});
}

// Gathers at least `size` bytes in one piece, unless the stream ends before. Afterwards they are at
// the start of carry_ (if it holds any) or of chunk_.
Walked<void> Reader::Fill(std::size_t size) {
  if (size > kMaxTake) std::abort();
  if (carry_at_ == carry_.size() && chunk_.size() >= size) return {};
  if (carry_.size() - carry_at_ >= size && size > 0) return {};
  carry_.erase(0, carry_at_);
  carry_at_ = 0;
  while (carry_.size() < size) {
    if (chunk_.empty()) {
      if (ended_) break;
      auto next = source_.Next();
      if (!next) return tl::unexpected(std::move(next.error()));
      chunk_ = *next;
      ended_ = chunk_.empty();
      if (carry_.empty() && chunk_.size() >= size) return {};
      continue;
    }
    const std::size_t part = std::min(size - carry_.size(), chunk_.size());
    carry_.append(chunk_.substr(0, part));
    chunk_.remove_prefix(part);
  }
  return {};
}

Walked<std::string_view> Reader::Peek(std::size_t size) {
  if (auto filled = Fill(size); !filled) return tl::unexpected(std::move(filled.error()));
  const std::string_view all =
      carry_at_ < carry_.size() ? std::string_view(carry_).substr(carry_at_) : chunk_;
  return all.substr(0, size);
}

Walked<std::string_view> Reader::Look() {
  if (auto filled = Fill(1); !filled) return tl::unexpected(std::move(filled.error()));
  return carry_at_ < carry_.size() ? std::string_view(carry_).substr(carry_at_) : chunk_;
}

void Reader::Consume(std::size_t size) {
  offset_ += static_cast<std::int64_t>(size);
  if (carry_at_ < carry_.size()) {
    carry_at_ += size;
  } else {
    chunk_.remove_prefix(size);
  }
}

Walked<std::string_view> Reader::Take(std::size_t size, std::string_view what) {
  auto bytes = Peek(size);
  if (!bytes) return bytes;
  if (bytes->size() < size) {
    return Broken(model::Reason::kIncomplete, offset_ + static_cast<std::int64_t>(bytes->size()),
                  "ends in " + std::string(what));
  }
  Consume(size);
  return bytes;
}

Walked<std::string_view> Reader::Some(std::int64_t limit) {
  auto bytes = Look();
  if (!bytes) return bytes;
  const std::string_view part =
      bytes->substr(0, static_cast<std::size_t>(std::max<std::int64_t>(limit, 0)));
  Consume(part.size());
  return part;
}

Walked<void> Reader::Skip(std::int64_t size, std::string_view what) {
  while (size > 0) {
    auto bytes = Some(size);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) {
      return Broken(model::Reason::kIncomplete, offset_, "ends in " + std::string(what));
    }
    size -= static_cast<std::int64_t>(bytes->size());
  }
  return {};
}

Walked<bool> Reader::AtEnd() {
  auto bytes = Peek(1);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  return bytes->empty();
}

Walked<void> Reader::SkipZeros() {
  while (true) {
    if (chunk_.empty() && carry_at_ == carry_.size()) offset_ += source_.SkipHole();
    auto bytes = Look();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    const std::size_t other = FirstNonZero(*bytes);
    const bool ends = bytes->empty() || other != std::string_view::npos;
    Consume(std::min(other, bytes->size()));
    if (ends) return {};
  }
}

std::size_t FirstNonZero(std::string_view bytes) {
  constexpr std::size_t kBlockBytes = 256;
  std::size_t at = 0;
  while (bytes.size() - at >= kBlockBytes) {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < kBlockBytes; i += sizeof all) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at + i, sizeof word);
      all |= word;
    }
    if (all != 0) break;
    at += kBlockBytes;
  }
  return bytes.find_first_not_of('\0', at);
}

Walked<std::int64_t> Drain(Source& source) {
  std::int64_t total = 0;
  while (true) {
    auto bytes = source.Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return total;
    total += static_cast<std::int64_t>(bytes->size());
  }
}

}  // namespace drwatch::verify
