#include "verify/rdb_fields.h"

#include <isa-l/crc64.h>

#include <algorithm>

#include "verify/lzf.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kWhat = "the RDB file's data";

// A part of a stream as a stream.
class PartSource final : public Source {
 public:
  PartSource(Reader& reader, std::uint64_t size) : reader_(reader), left_(size) {}
  Walked<std::string_view> Next() override {
    if (left_ == 0) return "";
    auto bytes = reader_.Some(static_cast<std::int64_t>(std::min<std::uint64_t>(left_, INT64_MAX)));
    if (!bytes) return bytes;
    if (bytes->empty()) {
      return Broken(Reason::kIncomplete, reader_.offset(), "ends in " + std::string(kWhat));
    }
    left_ -= bytes->size();
    return bytes;
  }

 private:
  Reader& reader_;
  std::uint64_t left_;
};

// Remembers that the file ended inside of a container, as opposed to the container itself.
class CutOffSeer final : public Source {
 public:
  explicit CutOffSeer(Source& source) : source_(source) {}
  Walked<std::string_view> Next() override {
    auto bytes = source_.Next();
    if (!bytes) cut_off_ = bytes.error().reason == Reason::kIncomplete;
    return bytes;
  }
  bool cut_off() const { return cut_off_; }

 private:
  Source& source_;
  bool cut_off_ = false;
};

}  // namespace

std::uint64_t RedisCrc64(std::uint64_t crc, std::string_view bytes) {
  // ISA-L complements the checksum before and after.
  return ~crc64_jones_refl(~crc, reinterpret_cast<const unsigned char*>(bytes.data()),
                           bytes.size());
}

Walked<std::string_view> Crc64Source::Next() {
  crc_ = RedisCrc64(crc_, piece_);
  piece_begin_ += static_cast<std::int64_t>(piece_.size());
  piece_ = {};
  auto bytes = input_.Some(INT64_MAX);
  if (bytes) piece_ = *bytes;
  return bytes;
}

std::uint64_t Crc64Source::UpTo(std::int64_t offset) const {
  return RedisCrc64(crc_, piece_.substr(0, static_cast<std::size_t>(offset - piece_begin_)));
}

void RdbFields::Fail(std::int64_t offset, std::string message) {
  if (ok()) fault_ = Broken(Reason::kCorrupt, offset, std::move(message)).value();
}

void RdbFields::Keep(Walked<void> result) {
  if (ok() && !result) fault_ = std::move(result.error());
}

std::uint64_t RdbFields::Number(std::size_t size) {
  if (!ok()) return 0;
  auto bytes = reader_.Take(size, kWhat);
  if (!bytes) return fault_ = std::move(bytes.error()), 0;
  std::uint64_t value = 0;
  for (const char c : *bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

unsigned RdbFields::Byte() { return static_cast<unsigned>(Number(1)); }

void RdbFields::Skip(std::int64_t size) {
  if (ok()) Keep(reader_.Skip(size, kWhat));
}

// rdb.h: two bits say how long the length is, or that something else follows.
RdbFields::Begin RdbFields::ReadBegin() {
  const std::int64_t at = offset();
  const unsigned first = Byte();
  switch (first >> 6) {
    case 0:
      return {Begin::Kind::kLength, first};
    case 1:
      return {Begin::Kind::kLength, (first & 63) << 8 | Byte()};
    case 2:
      if (first == 0x80) return {Begin::Kind::kLength, Number(4)};
      if (first == 0x81) return {Begin::Kind::kLength, Number(8)};
      break;
    default:
      if (first <= 0xc2) return {Begin::Kind::kNumber, 1U << (first & 3)};
      if (first == 0xc3) return {Begin::Kind::kPacked, 0};
      break;
  }
  Fail(at, "impossible length in the RDB file");
  return {};
}

std::uint64_t RdbFields::Length() {
  const std::int64_t at = offset();
  const Begin begin = ReadBegin();
  if (begin.kind != Begin::Kind::kLength) Fail(at, "impossible length in the RDB file");
  return ok() ? begin.length : 0;
}

void RdbFields::Unpack(RedisPacking packing, std::int64_t group) {
  const std::uint64_t packed = Length();
  const std::uint64_t unpacked = Length();
  if (!ok()) return;
  LzfSource source(reader_, packed, unpacked);
  WalkContainer(source, packing, group);
}

void RdbFields::WalkContainer(Source& source, RedisPacking packing, std::int64_t group) {
  CutOffSeer seer(source);
  Reader inner(seer);
  auto walked = WalkRedisPacked(packing, group, inner);
  if (walked || walked.error().outcome != Outcome::kBroken) return Keep(std::move(walked));
  // Places inside the container mean nothing to anyone.
  walked.error().place = "byte " + std::to_string(offset());
  if (seer.cut_off()) walked.error().reason = Reason::kIncomplete;
  Keep(std::move(walked));
}

void RdbFields::Text(RedisPacking packing, std::int64_t group) {
  const std::int64_t at = offset();
  const Begin begin = ReadBegin();
  if (!ok()) return;
  if (begin.kind == Begin::Kind::kPacked) return Unpack(packing, group);
  if (packing == RedisPacking::kNone) {
    return Skip(static_cast<std::int64_t>(std::min<std::uint64_t>(begin.length, INT64_MAX)));
  }
  if (begin.kind == Begin::Kind::kNumber) return Fail(at, "a number in place of a container");
  PartSource source(reader_, begin.length);
  WalkContainer(source, packing, group);
}

std::string RdbFields::ShortText() {
  const Begin begin = ReadBegin();
  if (!ok()) return {};
  switch (begin.kind) {
    case Begin::Kind::kPacked:
      Unpack(RedisPacking::kNone, 1);
      return {};
    case Begin::Kind::kNumber: {
      // Little-endian, unlike the lengths.
      const unsigned bits = 8 * static_cast<unsigned>(begin.length);
      const std::uint64_t raw = Number(begin.length);
      std::uint64_t value = 0;
      for (unsigned i = 0; i < begin.length; ++i) value = value << 8 | (raw >> (8 * i) & 0xff);
      const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
      return std::to_string(static_cast<std::int64_t>((value ^ sign) - sign));
    }
    case Begin::Kind::kLength:
      break;
  }
  const std::uint64_t kept = std::min(begin.length, kKeptBytes);
  auto text = reader_.Take(kept, kWhat);
  if (!text) return fault_ = std::move(text.error()), std::string();
  std::string result(*text);
  Skip(static_cast<std::int64_t>(std::min<std::uint64_t>(begin.length - kept, INT64_MAX)));
  return result;
}

}  // namespace drwatch::verify
