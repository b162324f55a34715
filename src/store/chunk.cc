#include "store/chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace drwatch::store {
namespace {

// Widths of the delta-of-delta classes, told apart by a prefix of ones: 0, 10, 110, 1110, 1111.
// The first holds the jitter of a scheduler in milliseconds, the third a missed round.
constexpr int kTimeBits[] = {7, 12, 20, 64};
constexpr int kLeadingBits = 5;
constexpr int kMaxLeading = (1 << kLeadingBits) - 1;
constexpr int kLengthBits = 6;  // stores length - 1

// Values are told apart by: 0 the same, 10 a decimal, 110 an XOR in the last window, 1110 an XOR in
// a new one, 1111 a decimal of another scale.
constexpr int kDecimalPrefix = 2;
constexpr int kRescalePrefix = 4;
constexpr int kMaxScale = 6;  // microseconds, the finest that clocks give
constexpr double kPowers[kMaxScale + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
constexpr int kScaleBits = 3;
// Widths of a decimal's difference, chosen by an index.
constexpr int kDecimalWidths = 8;
constexpr int kDecimalBits[kDecimalWidths] = {4, 7, 10, 14, 18, 24, 32, 48};
constexpr int kWidthBits = 3;

// The integer n with n / 10^scale == value to the bit, if there is one.
bool ToDecimal(double value, int scale, std::int64_t& integer) {
  const double scaled = value * kPowers[scale];
  if (!(std::fabs(scaled) < 4e15)) return false;
  integer = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double back = static_cast<double>(integer) / kPowers[scale];
  return std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(value);
}

// What a difference counts from: the last value, or 0 if it has more decimals.
std::int64_t DecimalBase(std::uint64_t last_value, int scale) {
  std::int64_t base = 0;
  return ToDecimal(std::bit_cast<double>(last_value), scale, base) ? base : 0;
}

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
  BitReader(const std::uint64_t* words, std::uint32_t bits)
      : words_(words), last_word_(bits == 0 ? 0 : (bits - 1) >> 6) {}

  // The bits that come next, highest first; zeros after the end.
  std::uint64_t Peek() const {
    const std::uint32_t word = at_ >> 6;
    const int used = static_cast<int>(at_ & 63);
    std::uint64_t bits = words_[word] << used;
    if (used != 0 && word < last_word_) bits |= words_[word + 1] >> (64 - used);
    return bits;
  }
  void Skip(int count) { at_ += static_cast<std::uint32_t>(count); }
  // 1 to 64 bits.
  std::uint64_t Bits(int count) {
    const std::uint64_t bits = Peek() >> (64 - count);
    Skip(count);
    return bits;
  }
  std::int64_t Signed(int count) { return TopSigned(Peek(), count, 0); }

  std::int64_t Time() {
    const std::uint64_t bits = Peek();
    const int ones = std::min(std::countl_one(bits), 4);
    if (ones == 0) {
      Skip(1);
      return 0;
    }
    const int prefix = std::min(ones + 1, 4);
    const int width = kTimeBits[ones - 1];
    if (width < 64) return TopSigned(bits << prefix, width, prefix);
    Skip(prefix);
    return Signed(width);
  }

 private:
  // The highest `count` of `bits`; skips them and `before`.
  std::int64_t TopSigned(std::uint64_t bits, int count, int before) {
    Skip(before + count);
    return static_cast<std::int64_t>(bits) >> (64 - count);
  }

  const std::uint64_t* words_;
  const std::uint32_t last_word_;
  std::uint32_t at_ = 0;
};

class ValueReader {
 public:
  explicit ValueReader(BitReader& reader) : reader_(reader), value_(reader.Bits(64)) {}
  std::uint64_t value() const { return value_; }

  void Next() {
    const std::uint64_t bits = reader_.Peek();
    switch (std::min(std::countl_one(bits), 4)) {
      case 0:
        return reader_.Skip(1);
      case 1:
        reader_.Skip(2);
        return ReadDecimal();
      case 2:
        reader_.Skip(3);
        return ReadXor();
      case 3:
        reader_.Skip(4);
        leading_ = static_cast<int>(reader_.Bits(kLeadingBits));
        length_ = static_cast<int>(reader_.Bits(kLengthBits)) + 1;
        return ReadXor();
      case 4:
        reader_.Skip(4);
        scale_ = static_cast<int>(reader_.Bits(kScaleBits));
        based_ = false;
        return ReadDecimal();
    }
  }

 private:
  void ReadXor() {
    value_ ^= reader_.Bits(length_) << (64 - leading_ - length_);
    based_ = false;
  }
  void ReadDecimal() {
    if (!based_) base_ = DecimalBase(value_, scale_);
    const std::uint64_t bits = reader_.Peek();
    const int width = kDecimalBits[bits >> (64 - kWidthBits)];
    reader_.Skip(kWidthBits + width);
    base_ += static_cast<std::int64_t>(bits << kWidthBits) >> (64 - width);
    based_ = true;
    const double value = static_cast<double>(base_) / kPowers[scale_];
    value_ = std::bit_cast<std::uint64_t>(value);
  }

  BitReader& reader_;
  std::uint64_t value_;
  int leading_ = 0;
  int length_ = 0;
  int scale_ = 0;
  std::int64_t base_ = 0;  // the last value as an integer of `scale_`, if based_
  bool based_ = false;
};

}  // namespace

void Chunk::Resize(std::uint16_t words) {
  if (words == capacity_) return;
  auto resized = std::make_unique<std::uint64_t[]>(words);
  std::copy_n(words_.get(), UsedWords(), resized.get());
  words_ = std::move(resized);
  capacity_ = words;
}

std::shared_ptr<const Chunk> Chunk::Copy() const {
  auto copy = std::make_shared<Chunk>();
  copy->first_time_ = first_time_;
  copy->last_time_ = last_time_;
  copy->count_ = count_;
  copy->bits_ = bits_;
  copy->words_ = std::make_unique<std::uint64_t[]>(UsedWords());
  copy->capacity_ = UsedWords();
  std::copy_n(words_.get(), UsedWords(), copy->words_.get());
  return copy;
}

std::shared_ptr<Chunk> Chunk::Shifted(std::int64_t millis) const {
  auto shifted = std::make_shared<Chunk>();
  shifted->first_time_ = first_time_ + millis;
  shifted->last_time_ = last_time_ + millis;
  shifted->last_delta_ = last_delta_;
  shifted->last_value_ = last_value_;
  shifted->words_ = std::make_unique<std::uint64_t[]>(capacity_);
  std::copy_n(words_.get(), UsedWords(), shifted->words_.get());
  shifted->capacity_ = capacity_;
  shifted->bits_ = bits_;
  shifted->leading_ = leading_;
  shifted->length_ = length_;
  shifted->count_ = count_;
  shifted->scale_ = scale_;
  return shifted;
}

void Chunk::WriteBits(std::uint64_t bits, int count) {
  const int used = bits_ & 63;
  std::size_t word = bits_ >> 6;
  // By an eighth: few bytes are unused at any time, and it happens once in many samples.
  if ((bits_ + count + 63) >> 6 > capacity_) {
    Resize(static_cast<std::uint16_t>(capacity_ + std::max(4, capacity_ / 8)));
  }
  bits <<= 64 - count;
  words_[word] |= bits >> used;
  if (used + count > 64) words_[word + 1] = bits << (64 - used);
  bits_ = static_cast<std::uint16_t>(bits_ + count);
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

int Chunk::XorBits(std::uint64_t difference) const {
  const int leading = std::min(std::countl_zero(difference), kMaxLeading);
  const int needed = 64 - leading - std::countr_zero(difference);
  const int fresh = 4 + kLeadingBits + kLengthBits + needed;
  const bool fits = length_ != 0 && leading >= leading_ &&
                    std::countr_zero(difference) >= 64 - leading_ - length_;
  return fits ? std::min(fresh, 3 + length_) : fresh;
}

void Chunk::WriteXor(std::uint64_t difference) {
  const int leading = std::min(std::countl_zero(difference), kMaxLeading);
  const int trailing = std::countr_zero(difference);
  const int needed = 64 - leading - trailing;
  const bool fits = length_ != 0 && leading >= leading_ && trailing >= 64 - leading_ - length_;
  // A window much too wide is worth the bits that describe a new one.
  if (fits && 3 + length_ <= 4 + kLeadingBits + kLengthBits + needed) {
    WriteBits(0b110, 3);
    WriteBits(difference >> (64 - leading_ - length_), length_);
    return;
  }
  leading_ = static_cast<std::uint8_t>(leading);
  length_ = static_cast<std::uint8_t>(needed);
  WriteBits(0b1110, 4);
  WriteBits(static_cast<std::uint64_t>(leading), kLeadingBits);
  WriteBits(static_cast<std::uint64_t>(needed - 1), kLengthBits);
  WriteBits(difference >> trailing, needed);
}

bool Chunk::WriteDecimal(double value, int limit) {
  int scale = scale_;
  std::int64_t integer = 0;
  while (!ToDecimal(value, scale, integer)) {
    if (++scale > kMaxScale) return false;
  }
  const std::int64_t difference = integer - DecimalBase(last_value_, scale);
  int width = 0;
  while (!Fits(difference, kDecimalBits[width])) {
    if (++width == kDecimalWidths) return false;
  }
  const bool rescaled = scale != scale_;
  const int prefix = rescaled ? kRescalePrefix + kScaleBits : kDecimalPrefix;
  if (prefix + kWidthBits + kDecimalBits[width] >= limit) return false;
  WriteBits(rescaled ? 0b1111 : 0b10, rescaled ? kRescalePrefix : kDecimalPrefix);
  if (rescaled) WriteBits(static_cast<std::uint64_t>(scale), kScaleBits);
  WriteBits(static_cast<std::uint64_t>(width), kWidthBits);
  const auto raw = static_cast<std::uint64_t>(difference);
  WriteBits(raw & ((std::uint64_t{1} << kDecimalBits[width]) - 1), kDecimalBits[width]);
  scale_ = static_cast<std::uint8_t>(scale);
  return true;
}

void Chunk::WriteValue(std::uint64_t bits) {
  const std::uint64_t difference = bits ^ last_value_;
  if (difference == 0) return WriteBits(0, 1);
  if (!WriteDecimal(std::bit_cast<double>(bits), XorBits(difference))) WriteXor(difference);
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
  BitReader reader(words_.get(), bits_);
  std::int64_t time = first_time_;
  std::int64_t delta = 0;
  ValueReader values(reader);
  for (int i = 0;;) {
    if (time > from) {
      out.push_back({base::FromUnixMillis(time), std::bit_cast<double>(values.value())});
    }
    if (++i == count_) return;
    delta = Plus(delta, reader.Time());
    time = Plus(time, delta);
    if (time > to) return;
    values.Next();
  }
}

}  // namespace drwatch::store
