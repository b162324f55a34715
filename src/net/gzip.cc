#include "net/gzip.h"

#include <isa-l.h>

#include <cstdlib>
#include <vector>

#include "base/strings.h"

namespace drwatch::net {
namespace {

// What CRC-32 means by 1 and by x^8: its polynomials begin with their highest bit.
constexpr std::uint32_t kOne = 1U << 31;
constexpr std::uint32_t kByte = 1U << 23;
constexpr std::uint32_t kPolynomial = 0xedb88320U;

// a * b modulo the polynomial.
std::uint32_t Multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ kPolynomial : b >> 1;
  }
  return product;
}

// The CRC-32 of two texts one after the other: the first one's, moved on by the bytes of the
// second, and the second one's.
std::uint32_t JoinCrc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  std::uint32_t moved = first;
  std::uint32_t power = kByte;
  for (std::uint64_t left = second_bytes; left != 0; left >>= 1) {
    if ((left & 1) != 0) moved = Multiply(moved, power);
    power = Multiply(power, power);
  }
  return moved ^ second;
}

void AppendLittleEndian(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

}  // namespace

PackedPiece PackPiece(std::string_view text) {
  PackedPiece piece;
  piece.bytes = text.size();
  if (text.empty()) return piece;
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  piece.crc32 = crc32_gzip_refl(0, bytes, text.size());
  const auto stream = std::make_unique<isal_zstream>();
  isal_deflate_stateless_init(stream.get());
  std::vector<std::uint8_t> level(ISAL_DEF_LVL1_DEFAULT);
  stream->level = 1;
  stream->level_buf = level.data();
  stream->level_buf_size = static_cast<std::uint32_t>(level.size());
  stream->flush = FULL_FLUSH;
  stream->end_of_stream = 0;
  stream->next_in = bytes;
  stream->avail_in = static_cast<std::uint32_t>(text.size());
  // Bytes that cannot be packed are stored, with 5 more for each 64 KiB.
  constexpr std::size_t kMoreBytes = 1024;
  piece.deflate.resize(text.size() + text.size() / 1024 + kMoreBytes);
  stream->next_out = reinterpret_cast<unsigned char*>(piece.deflate.data());
  stream->avail_out = static_cast<std::uint32_t>(piece.deflate.size());
  if (isal_deflate_stateless(stream.get()) != COMP_OK || stream->avail_in != 0) std::abort();
  piece.deflate.resize(stream->total_out);
  piece.deflate.shrink_to_fit();
  return piece;
}

std::string JoinPieces(std::span<const std::shared_ptr<const PackedPiece>> pieces) {
  // No name, no time, unknown system.
  constexpr std::string_view kHeader("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  constexpr std::string_view kLastBlock("\x03\0", 2);  // empty
  constexpr std::size_t kTrailerBytes = 8;
  std::size_t size = kHeader.size() + kLastBlock.size() + kTrailerBytes;
  for (const auto& piece : pieces) size += piece->deflate.size();
  std::string out;
  out.reserve(size);
  out += kHeader;
  std::uint32_t crc32 = 0;
  std::uint64_t bytes = 0;
  for (const auto& piece : pieces) {
    out += piece->deflate;
    crc32 = JoinCrc32(crc32, piece->crc32, piece->bytes);
    bytes += piece->bytes;
  }
  out += kLastBlock;
  AppendLittleEndian(out, crc32);
  AppendLittleEndian(out, static_cast<std::uint32_t>(bytes));
  return out;
}

std::string Gzip(std::string_view text) {
  const auto piece = std::make_shared<const PackedPiece>(PackPiece(text));
  return JoinPieces({&piece, 1});
}

bool AcceptsGzip(std::string_view accept_encoding) {
  bool any_other = false;
  for (const std::string_view part : base::Split(accept_encoding, ',')) {
    const auto pieces = base::Split(part, ';');
    const std::string coding = base::Lower(base::Trim(pieces[0]));
    double weight = 1;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      const std::string parameter = base::Lower(base::Trim(pieces[i]));
      if (parameter.starts_with("q=")) weight = base::ParseDouble(parameter.substr(2)).value_or(0);
    }
    // What is said of gzip itself counts, wherever the star stands.
    if (coding == "gzip" || coding == "x-gzip") return weight > 0;
    if (coding == "*") any_other = weight > 0;
  }
  return any_other;
}

}  // namespace drwatch::net
