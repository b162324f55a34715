// The bytes of an RDB file as its fields: lengths, texts (packed or not), fixed numbers, and the
// CRC-64 of all of them.
#pragma once

#include <optional>
#include <string>

#include "verify/redis_packed.h"
#include "verify/source.h"

namespace drwatch::verify {

// CRC-64 of Redis (polynomial of D. Jones, reflected, starting at 0) of more bytes after those of
// `crc`.
std::uint64_t RedisCrc64(std::uint64_t crc, std::string_view bytes);

// Passes a stream on and computes the checksum of what was consumed.
class Crc64Source final : public Source {
 public:
  explicit Crc64Source(Reader& input) : input_(input) {}
  Walked<std::string_view> Next() override;
  // Of all bytes before `offset`, which must lie in the piece returned last, or at its end.
  std::uint64_t UpTo(std::int64_t offset) const;

 private:
  Reader& input_;
  std::string_view piece_;
  std::int64_t piece_begin_ = 0;
  std::uint64_t crc_ = 0;  // of everything before the piece
};

// Reads fields one after the other. The first fault stays; from then on everything is 0 and empty.
class RdbFields {
 public:
  explicit RdbFields(Reader& reader) : reader_(reader) {}

  bool ok() const { return !fault_; }
  std::int64_t offset() const { return reader_.offset(); }
  unsigned Byte();
  // A length, as rdbSaveLen writes it.
  std::uint64_t Length();
  // A text: of any kind, or one packed container whose number of elements is a multiple of `group`.
  void Text(RedisPacking packing = RedisPacking::kNone, std::int64_t group = 1);
  // The text itself, which is cut to kKeptBytes; numbers as decimals. "" if it is packed.
  std::string ShortText();
  void Skip(std::int64_t size);
  void Fail(std::int64_t offset, std::string message);
  Fault TakeFault() { return std::move(*fault_); }

  static constexpr std::uint64_t kKeptBytes = 256;

 private:
  // What begins a text: a length, or that a number or packed bytes follow.
  struct Begin {
    enum class Kind { kLength, kNumber, kPacked } kind = Kind::kLength;
    std::uint64_t length = 0;  // of a number: 1, 2 or 4 bytes
  };
  Begin ReadBegin();
  std::uint64_t Number(std::size_t size);
  void Unpack(RedisPacking packing, std::int64_t group);
  void WalkContainer(Source& source, RedisPacking packing, std::int64_t group);
  void Keep(Walked<void> result);

  Reader& reader_;
  std::optional<Fault> fault_;
};

}  // namespace drwatch::verify
