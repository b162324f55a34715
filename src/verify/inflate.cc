#include "verify/inflate.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdlib>

#include "verify/crc.h"
#include "verify/wide_registers.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kGzipBufferBytes = 256 << 10;
// Name, comment and extra field of a member; more is not a header any tool writes.
constexpr std::int64_t kMaxHeaderBytes = 128 << 10;

// RFC 1952, 2.3.1.
constexpr unsigned kFlagHeaderCrc = 2;
constexpr unsigned kFlagExtra = 4;
constexpr unsigned kFlagName = 8;
constexpr unsigned kFlagComment = 16;
constexpr unsigned kFlagsReserved = 0xe0;

unsigned ByteAt(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// Takes the parts of a member's header, and sums them up.
class HeaderReader {
 public:
  explicit HeaderReader(Reader& input) : input_(input) {}

  // The low half of the CRC-32 of all that was taken.
  unsigned sum() const { return crc_ & 0xffff; }
  Walked<std::string_view> Take(std::size_t size) {
    auto bytes = input_.Take(size, "the gzip header");
    if (bytes) crc_ = Crc32(crc_, *bytes);
    return bytes;
  }
  Walked<unsigned> TakeNumber() {
    const auto bytes = Take(2);
    if (!bytes) return tl::unexpected(bytes.error());
    return ByteAt(*bytes, 0) | ByteAt(*bytes, 1) << 8;
  }
  Walked<void> SkipText();

 private:
  Reader& input_;
  std::uint32_t crc_ = 0;
};

Walked<void> HeaderReader::SkipText() {
  const std::int64_t begin = input_.offset();
  while (true) {
    auto byte = Take(1);
    if (!byte) return tl::unexpected(std::move(byte.error()));
    if ((*byte)[0] == '\0') return {};
    if (input_.offset() - begin > kMaxHeaderBytes) {
      return Broken(Reason::kCorrupt, begin, "gzip header without an end");
    }
  }
}

std::string NameOf(Inflater::Wrapping wrapping) {
  switch (wrapping) {
    case Inflater::Wrapping::kGzip:
      return "gzip";
    case Inflater::Wrapping::kZlib:
      return "zlib";
    case Inflater::Wrapping::kNone:
      return "deflated";
  }
  std::abort();
}

}  // namespace

// Neither is cleared: archives hold many small files, and clearing takes longer than unpacking one.
Inflater::Inflater(Wrapping wrapping, std::size_t buffer_bytes)
    : wrapping_(wrapping),
      state_(std::make_unique_for_overwrite<inflate_state>()),
      buffer_bytes_(buffer_bytes),
      buffer_(std::make_unique_for_overwrite<char[]>(buffer_bytes)) {
  isal_inflate_init(state_.get());
}
Inflater::~Inflater() = default;

void Inflater::Start() {
  isal_inflate_init(state_.get());
  switch (wrapping_) {
    case Wrapping::kGzip:
      state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
      break;
    case Wrapping::kZlib:
      state_->crc_flag = ISAL_ZLIB_NO_HDR_VER;
      break;
    case Wrapping::kNone:
      state_->crc_flag = ISAL_DEFLATE;
      break;
  }
}

Walked<std::string_view> Inflater::Next(Reader& input) {
  const std::string name = NameOf(wrapping_);
  while (true) {
    if (state_->block_state == ISAL_BLOCK_FINISH &&
        state_->tmp_out_processed == state_->tmp_out_valid) {
      return "";
    }
    auto bytes = input.Look();
    if (!bytes) return bytes;
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes->data()));
    state_->avail_in = static_cast<std::uint32_t>(bytes->size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(buffer_.get());
    state_->avail_out = static_cast<std::uint32_t>(buffer_bytes_);
    const int result = isal_inflate(state_.get());
    ForgetUpperHalves();
    // Of data that is wrong it gives back what it read ahead, in earlier calls, too.
    const std::size_t used = bytes->size() - std::min<std::size_t>(bytes->size(), state_->avail_in);
    input.Consume(used);
    if (result == ISAL_INCORRECT_CHECKSUM) {
      return Broken(Reason::kCorrupt, input.offset(), name + " checksum differs");
    }
    if (result != ISAL_DECOMP_OK) {
      return Broken(Reason::kCorrupt, input.offset(), "invalid " + name + " data");
    }
    const std::size_t made = buffer_bytes_ - state_->avail_out;
    if (made > 0) return std::string_view(buffer_.get(), made);
    if (state_->block_state == ISAL_BLOCK_FINISH) return "";
    if (used == 0 && bytes->empty()) {
      return Broken(Reason::kIncomplete, input.offset(), "ends in " + name + " data");
    }
  }
}

std::size_t Inflater::read_ahead() const {
  return state_->read_in_length > 0 ? static_cast<std::size_t>(state_->read_in_length) / 8 : 0;
}

std::string Inflater::read_ahead_bytes() const {
  std::string bytes;
  std::uint64_t bits = state_->read_in >> (state_->read_in_length % 8);
  while (bytes.size() < read_ahead()) {
    bytes.push_back(static_cast<char>(bits & 0xff));
    bits >>= 8;
  }
  return bytes;
}

GzipDecoder::GzipDecoder(Reader& input)
    : input_(input), inflater_(Inflater::Wrapping::kGzip, kGzipBufferBytes) {}

Walked<void> GzipDecoder::ReadHeader() {
  const std::int64_t begin = input_.offset();
  HeaderReader header(input_);
  auto fixed = header.Take(10);
  if (!fixed) return tl::unexpected(std::move(fixed.error()));
  if (fixed->substr(0, 3) != "\x1f\x8b\x08") {
    return Broken(Reason::kCorrupt, begin, "no gzip header");
  }
  const unsigned flags = ByteAt(*fixed, 3);
  if ((flags & kFlagsReserved) != 0) {
    return Broken(Reason::kCorrupt, begin + 3, "unknown flags in the gzip header");
  }
  if ((flags & kFlagExtra) != 0) {
    const auto size = header.TakeNumber();
    if (!size) return tl::unexpected(size.error());
    if (auto extra = header.Take(*size); !extra) return tl::unexpected(std::move(extra.error()));
  }
  for (const unsigned text : {kFlagName, kFlagComment}) {
    if ((flags & text) == 0) continue;
    if (auto skipped = header.SkipText(); !skipped) return skipped;
  }
  if ((flags & kFlagHeaderCrc) == 0) return {};
  const unsigned sum = header.sum();
  const auto written = header.TakeNumber();
  if (!written) return tl::unexpected(written.error());
  if (*written != sum) return Broken(Reason::kCorrupt, begin, "gzip header checksum differs");
  return {};
}

// After a member: another one, zeros up to the end, or junk.
Walked<bool> GzipDecoder::AtLastMember() {
  auto magic = input_.Peek(2);
  if (!magic) return tl::unexpected(std::move(magic.error()));
  if (*magic == "\x1f\x8b") return false;
  if (auto zeros = input_.SkipZeros(); !zeros) return tl::unexpected(std::move(zeros.error()));
  auto end = input_.AtEnd();
  if (!end || *end) return end;
  return Broken(Reason::kCorrupt, input_.offset(), "bytes after the end of the gzip data");
}

Walked<std::string_view> GzipDecoder::Next() {
  while (place_ != Place::kEnd) {
    if (place_ == Place::kHeader) {
      if (auto header = ReadHeader(); !header) return tl::unexpected(std::move(header.error()));
      inflater_.Start();
      place_ = Place::kData;
    }
    auto bytes = inflater_.Next(input_);
    if (!bytes || !bytes->empty()) return bytes;
    auto last = AtLastMember();
    if (!last) return tl::unexpected(std::move(last.error()));
    place_ = *last ? Place::kEnd : Place::kHeader;
  }
  return "";
}

Walked<void> ZlibDecoder::ReadHeader() {
  const std::int64_t begin = input_.offset();
  auto header = input_.Take(2, "the zlib header");
  if (!header) return tl::unexpected(std::move(header.error()));
  const unsigned method = ByteAt(*header, 0);
  const unsigned flags = ByteAt(*header, 1);
  constexpr unsigned kPresetDictionary = 0x20;
  if ((method & 15) != 8 || (method * 256 + flags) % 31 != 0 || (flags & kPresetDictionary) != 0) {
    return Broken(Reason::kCorrupt, begin, "no zlib header");
  }
  inflater_.Start();
  started_ = true;
  return {};
}

Walked<std::string_view> ZlibDecoder::Next() {
  if (!started_) {
    if (auto header = ReadHeader(); !header) return tl::unexpected(std::move(header.error()));
  }
  auto bytes = inflater_.Next(input_);
  if (!bytes || !bytes->empty()) return bytes;
  auto end = input_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (!*end || inflater_.read_ahead() > 0) {
    return Broken(Reason::kCorrupt, input_.offset(), "bytes after the end of the zlib stream");
  }
  return "";
}

}  // namespace drwatch::verify
