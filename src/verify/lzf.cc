#include "verify/lzf.h"

#include <algorithm>

namespace drwatch::verify {
namespace {

using model::Reason;

// Back references reach 13 bits of distance.
constexpr std::size_t kWindowBytes = 8 << 10;
constexpr std::size_t kOutputBytes = 32 << 10;
constexpr std::string_view kWhat = "a packed text";

}  // namespace

LzfSource::LzfSource(Reader& input, std::uint64_t packed_bytes, std::uint64_t unpacked_bytes)
    : input_(input), packed_left_(packed_bytes), unpacked_left_(unpacked_bytes) {}

tl::unexpected<Fault> LzfSource::Damaged() const {
  return Broken(Reason::kCorrupt, input_.offset(), "damaged LZF data");
}

Walked<unsigned> LzfSource::Byte() {
  if (packed_left_ == 0) return Damaged();
  --packed_left_;
  auto byte = input_.Take(1, kWhat);
  if (!byte) return tl::unexpected(std::move(byte.error()));
  return static_cast<unsigned char>((*byte)[0]);
}

Walked<void> LzfSource::CopyLiteral(std::uint64_t size) {
  if (size > packed_left_ || size > unpacked_left_) return Damaged();
  auto bytes = input_.Take(size, kWhat);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  output_ += *bytes;
  packed_left_ -= size;
  unpacked_left_ -= size;
  return {};
}

Walked<void> LzfSource::CopyBack(unsigned control) {
  constexpr unsigned kLongLength = 7;
  unsigned length = control >> 5;
  if (length == kLongLength) {
    auto more = Byte();
    if (!more) return tl::unexpected(std::move(more.error()));
    length += *more;
  }
  length += 2;
  auto low = Byte();
  if (!low) return tl::unexpected(std::move(low.error()));
  const std::size_t distance = ((control & 0x1f) << 8 | *low) + 1;
  if (distance > output_.size() || length > unpacked_left_) return Damaged();
  unpacked_left_ -= length;
  // The copy may overlap what it makes.
  for (std::size_t from = output_.size() - distance; length > 0; --length) {
    output_ += output_[from++];
  }
  return {};
}

Walked<void> LzfSource::Step() {
  auto control = Byte();
  if (!control) return tl::unexpected(std::move(control.error()));
  return *control < 32 ? CopyLiteral(*control + 1) : CopyBack(*control);
}

Walked<std::string_view> LzfSource::Next() {
  output_.erase(0, output_.size() - std::min(output_.size(), kWindowBytes));
  const std::size_t made_from = output_.size();
  while (unpacked_left_ > 0 && output_.size() < kOutputBytes) {
    if (auto step = Step(); !step) return tl::unexpected(std::move(step.error()));
  }
  if (unpacked_left_ == 0 && packed_left_ > 0) return Damaged();
  return std::string_view(output_).substr(made_from);
}

}  // namespace drwatch::verify
