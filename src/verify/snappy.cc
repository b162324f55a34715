#include "verify/snappy.h"

#include <optional>

#include "verify/content_check.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// framing_format.txt, section 4.
constexpr unsigned char kPacked = 0x00;
constexpr unsigned char kPlain = 0x01;
constexpr unsigned char kIdentifier = 0xff;
constexpr unsigned char kFirstSkippable = 0x80;
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kMaxUnpackedBytes = 65536;
// Of a chunk with data: what 64 KiB can grow to, and the checksum.
constexpr std::size_t kMaxDataBytes = kMaxUnpackedBytes + kMaxUnpackedBytes / 6 + 64;
constexpr std::string_view kStreamIdentifier = "sNaPpY";

std::uint32_t LittleEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

std::uint32_t Masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; }

// One block: its unpacked length, then literals and copies (format_description.txt).
class Block {
 public:
  explicit Block(std::string_view bytes) : left_(bytes) {}

  // nullopt: damaged.
  std::optional<std::string> Unpack() {
    const auto size = Length();
    if (!size || *size > kMaxUnpackedBytes) return std::nullopt;
    out_.reserve(*size);
    while (!left_.empty()) {
      if (!Element() || out_.size() > *size) return std::nullopt;
    }
    if (out_.size() != *size) return std::nullopt;
    return std::move(out_);
  }

 private:
  std::optional<std::uint32_t> Length() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 32 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_[0]);
      left_.remove_prefix(1);
      value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }
  // A little-endian number of `size` bytes.
  std::optional<std::uint32_t> Number(std::size_t size) {
    if (left_.size() < size) return std::nullopt;
    const std::uint32_t value = LittleEndian(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  bool Element() {
    const auto tag = static_cast<unsigned char>(left_[0]);
    left_.remove_prefix(1);
    const std::uint32_t high = tag >> 2;
    if ((tag & 3) == 0) return Literal(high);
    if ((tag & 3) == 1) {
      const auto low = Number(1);
      return low && Copy((static_cast<std::uint32_t>(tag >> 5) << 8) | *low, 4 + (high & 7));
    }
    const auto offset = Number((tag & 3) == 2 ? 2 : 4);
    return offset && Copy(*offset, high + 1);
  }
  bool Literal(std::uint32_t size) {
    constexpr std::uint32_t kLongFrom = 60;
    if (size >= kLongFrom) {
      const auto longer = Number(size - kLongFrom + 1);
      if (!longer || *longer >= kMaxUnpackedBytes) return false;
      size = *longer;
    }
    ++size;
    if (left_.size() < size) return false;
    out_ += left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }
  // The source may overlap what is written: that repeats it.
  bool Copy(std::uint32_t offset, std::uint32_t size) {
    if (offset == 0 || offset > out_.size()) return false;
    for (std::uint32_t i = 0; i < size; ++i) out_ += out_[out_.size() - offset];
    return true;
  }

  std::string_view left_;
  std::string out_;
};

}  // namespace

Walked<void> SnappyDecoder::ReadChunk(unsigned char type, std::size_t size) {
  constexpr std::string_view kWhat = "snappy data";
  const std::int64_t begin = input_.offset();
  if (type == kIdentifier) {
    auto text = input_.Take(size, kWhat);
    if (!text) return tl::unexpected(std::move(text.error()));
    if (*text != kStreamIdentifier) {
      return Broken(Reason::kCorrupt, begin, "invalid snappy data: another stream identifier");
    }
    return {};
  }
  if (type != kPacked && type != kPlain) {
    if (type >= kFirstSkippable) return input_.Skip(static_cast<std::int64_t>(size), kWhat);
    return Broken(Reason::kCorrupt, begin, "invalid snappy data: a chunk of an unknown kind");
  }
  if (size < kChecksumBytes || size > kMaxDataBytes) {
    return Broken(Reason::kCorrupt, begin, "invalid snappy data: a chunk of impossible size");
  }
  auto sum = input_.Take(kChecksumBytes, kWhat);
  if (!sum) return tl::unexpected(std::move(sum.error()));
  const std::uint32_t expected = LittleEndian(*sum);
  std::string data;
  while (data.size() < size - kChecksumBytes) {
    auto bytes = input_.Some(static_cast<std::int64_t>(size - kChecksumBytes - data.size()));
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return Broken(Reason::kIncomplete, input_.offset(), "ends in snappy data");
    data += *bytes;
  }
  if (type == kPlain) {
    unpacked_ = std::move(data);
  } else {
    auto block = Block(data).Unpack();
    if (!block) return Broken(Reason::kCorrupt, begin, "invalid snappy data: a damaged block");
    unpacked_ = std::move(*block);
  }
  if (unpacked_.size() > kMaxUnpackedBytes || Masked(Crc32c(0, unpacked_)) != expected) {
    return Broken(Reason::kCorrupt, begin, "snappy checksum differs");
  }
  return {};
}

Walked<std::string_view> SnappyDecoder::Next() {
  while (true) {
    unpacked_.clear();
    auto end = input_.AtEnd();
    if (!end) return tl::unexpected(std::move(end.error()));
    if (*end) return "";
    const std::int64_t begin = input_.offset();
    auto header = input_.Take(kHeaderBytes, "snappy data");
    if (!header) return header;
    const auto type = static_cast<unsigned char>((*header)[0]);
    const std::size_t size = LittleEndian(header->substr(1, 3));
    if (!begun_ && (type != kIdentifier || size != kStreamIdentifier.size())) {
      return Broken(Reason::kCorrupt, begin, "invalid snappy data: no stream identifier");
    }
    begun_ = true;
    if (type == kIdentifier && size != kStreamIdentifier.size()) {
      return Broken(Reason::kCorrupt, begin, "invalid snappy data: another stream identifier");
    }
    if (auto chunk = ReadChunk(type, size); !chunk) {
      return tl::unexpected(std::move(chunk.error()));
    }
    if (!unpacked_.empty()) return unpacked_;
  }
}

}  // namespace drwatch::verify
