#include "store/chunk.h"

#include <algorithm>
#include <bit>

namespace drwatch::store {
namespace {

// Widths of the delta-of-delta classes, told apart by a prefix of ones: 0, 10, 110, 1110, 1111.
// The first holds the jitter of a scheduler in milliseconds, the third a missed round.
constexpr int kTimeBits[] = {7, 12, 20, 64};
constexpr int kLeadingBits = 5;
constexpr int kMaxLeading = (1 << kLeadingBits) - 1;
constexpr int kLengthBits = 6;  // stores length - 1

bool Fits(std::int64_t value, int bits) {
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return value >= -half && value < half;
}

// Wrap around instead of overflowing: what one takes off the other puts back, whatever the times.
std::int64_t Minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t Plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

class BitReader {
 public:
  explicit BitReader(const std::vector<std::uint64_t>& words) : words_(words.data()) {}

  bool Bit() {
    const bool bit = (words_[at_ >> 6] >> (63 - (at_ & 63))) & 1;
    ++at_;
    return bit;
  }
  // 1 to 64 bits.
  std::uint64_t Bits(int count) {
    const std::uint32_t word = at_ >> 6;
    const int used = static_cast<int>(at_ & 63);
    at_ += static_cast<std::uint32_t>(count);
    std::uint64_t bits = words_[word] << used;
    if (used + count > 64) bits |= words_[word + 1] >> (64 - used);
    return bits >> (64 - count);
  }
  std::int64_t Signed(int count) {
    return static_cast<std::int64_t>(Bits(count) << (64 - count)) >> (64 - count);
  }
  std::int64_t Time() {
    if (!Bit()) return 0;
    int width = 0;
    while (width < 3 && Bit()) ++width;
    return Signed(kTimeBits[width]);
  }

 private:
  const std::uint64_t* words_;
  std::uint32_t at_ = 0;
};

}  // namespace

void Chunk::WriteBits(std::uint64_t bits, int count) {
  const int used = static_cast<int>(bits_ & 63);
  if (used == 0) words_.push_back(0);
  bits <<= 64 - count;
  words_.back() |= bits >> used;
  if (used + count > 64) words_.push_back(bits << (64 - used));
  bits_ += static_cast<std::uint32_t>(count);
}

void Chunk::WriteTime(std::int64_t delta_of_delta) {
  if (delta_of_delta == 0) return WriteBits(0, 1);
  int width = 0;
  while (width < 3 && !Fits(delta_of_delta, kTimeBits[width])) ++width;
  if (width == 3) {
    WriteBits(0b1111, 4);
  } else {
    WriteBits((std::uint64_t{1} << (width + 2)) - 2, width + 2);
  }
  const int bits = kTimeBits[width];
  const auto raw = static_cast<std::uint64_t>(delta_of_delta);
  WriteBits(bits == 64 ? raw : raw & ((std::uint64_t{1} << bits) - 1), bits);
}

void Chunk::WriteValue(std::uint64_t bits) {
  const std::uint64_t difference = bits ^ last_value_;
  if (difference == 0) return WriteBits(0, 1);
  const int leading = std::min(std::countl_zero(difference), kMaxLeading);
  const int trailing = std::countr_zero(difference);
  const int needed = 64 - leading - trailing;
  const bool fits = length_ != 0 && leading >= leading_ && trailing >= 64 - leading_ - length_;
  // A window much too wide is worth the bits that describe a new one.
  if (fits && length_ <= needed + kLeadingBits + kLengthBits) {
    WriteBits(0b10, 2);
    WriteBits(difference >> (64 - leading_ - length_), length_);
    return;
  }
  leading_ = static_cast<std::uint8_t>(leading);
  length_ = static_cast<std::uint8_t>(needed);
  WriteBits(0b11, 2);
  WriteBits(static_cast<std::uint64_t>(leading), kLeadingBits);
  WriteBits(static_cast<std::uint64_t>(needed - 1), kLengthBits);
  WriteBits(difference >> trailing, needed);
}

void Chunk::Append(std::int64_t millis, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if (count_ == 0) {
    first_time_ = millis;
    WriteBits(bits, 64);
  } else {
    const std::int64_t delta = Minus(millis, last_time_);
    WriteTime(Minus(delta, last_delta_));
    WriteValue(bits);
    last_delta_ = delta;
  }
  last_time_ = millis;
  last_value_ = bits;
  ++count_;
}

void Chunk::Read(std::int64_t from, std::int64_t to, std::vector<model::Sample>& out) const {
  if (count_ == 0 || from >= last_time_ || to < first_time_) return;
  BitReader reader(words_);
  std::int64_t time = first_time_;
  std::int64_t delta = 0;
  std::uint64_t value = reader.Bits(64);
  int leading = 0;
  int length = 0;
  for (int i = 0;;) {
    if (time > from) {
      out.push_back({base::FromUnixMillis(time), std::bit_cast<double>(value)});
    }
    if (++i == count_) return;
    delta = Plus(delta, reader.Time());
    time = Plus(time, delta);
    if (time > to) return;
    if (!reader.Bit()) continue;
    if (reader.Bit()) {
      leading = static_cast<int>(reader.Bits(kLeadingBits));
      length = static_cast<int>(reader.Bits(kLengthBits)) + 1;
    }
    value ^= reader.Bits(length) << (64 - leading - length);
  }
}

}  // namespace drwatch::store
