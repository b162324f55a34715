// Compressed samples of one series: delta-of-delta times; values as differences of short decimals
// (20.3 to 20.5 is 2 tenths) or XORed (the scheme of Facebook's "Gorilla" paper, 2015), whichever
// is shorter. Every bit pattern of a value survives, stale markers included.
//
// A chunk is written by one thread and then shared read-only: whoever shares one must not append to
// it any more, or hands out Copy().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/sample.h"

namespace drwatch::store {

class Chunk {
 public:
  // An hour at one sample in 15 s: long enough that the header does not matter, short enough that
  // decoding from the start (2 us) is cheap.
  static constexpr int kMaxSamples = 240;

  // `millis` rises from call to call. At most kMaxSamples times.
  void Append(std::int64_t millis, double value);
  bool full() const { return count_ >= kMaxSamples; }
  int count() const { return count_; }
  // Of the first and last sample; meaningless while empty.
  std::int64_t min_time() const { return first_time_; }
  std::int64_t max_time() const { return last_time_; }
  // Adds the samples in (from, to] to `out`.
  void Read(std::int64_t from, std::int64_t to, std::vector<model::Sample>& out) const;
  std::shared_ptr<const Chunk> Copy() const;
  // The same samples, all of them later by as many milliseconds; to be appended to like this one.
  std::shared_ptr<Chunk> Shifted(std::int64_t millis) const;
  // Gives spare memory back, once it is full.
  void Shrink() { Resize(UsedWords()); }
  std::int64_t memory_bytes() const {
    return static_cast<std::int64_t>(sizeof(Chunk) + capacity_ * sizeof(std::uint64_t));
  }

 private:
  std::uint16_t UsedWords() const { return static_cast<std::uint16_t>((bits_ + 63) / 64); }
  void Resize(std::uint16_t words);
  void WriteBits(std::uint64_t bits, int count);
  void WriteTime(std::int64_t delta_of_delta);
  void WriteValue(std::uint64_t bits);
  void WriteXor(std::uint64_t difference);
  // False, with nothing written, if it would not be shorter than `limit` bits.
  bool WriteDecimal(double value, int limit);
  int XorBits(std::uint64_t difference) const;

  std::int64_t first_time_ = 0;
  std::int64_t last_time_ = 0;
  std::int64_t last_delta_ = 0;
  std::uint64_t last_value_ = 0;
  std::unique_ptr<std::uint64_t[]> words_;  // filled from the high bit down
  std::uint16_t capacity_ = 0;              // in words
  std::uint16_t bits_ = 0;                  // used; a sample takes at most 147
  std::uint8_t leading_ = 0;  // zeros before and bits in the window that the last XOR used
  std::uint8_t length_ = 0;
  std::uint8_t count_ = 0;
  std::uint8_t scale_ = 0;  // decimals of the last decimal
};

}  // namespace drwatch::store
