#include "verify/lz4.h"

#include <lz4.h>
#include <lz4frame.h>

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;
// The legacy format: kLegacyLz4Magic, then blocks with their packed size before them; all but the
// last one unpack to kLegacyBlockBytes. It ends with the file or where another frame begins.
constexpr std::size_t kLegacyBlockBytes = 8 << 20;
constexpr std::string_view kLegacyBlock = "a legacy lz4 block";
// FLG byte of a frame.
constexpr int kBlockChecksums = 0x10;
constexpr int kContentChecksum = 0x04;
constexpr std::size_t kChecksumBytes = 4;

std::uint32_t LittleEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// 0x184D2204, 0x184C2102 and the 16 skippable ones from 0x184D2A50 on.
bool IsFrameMagic(std::uint32_t value) {
  return value == 0x184d2204 || value == 0x184c2102 || (value & 0xfffffff0) == 0x184d2a50;
}

}  // namespace

struct Lz4Decoder::State {
  LZ4F_dctx* context = nullptr;
  State() {
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) std::abort();
  }
  ~State() { LZ4F_freeDecompressionContext(context); }
};

Lz4Decoder::Lz4Decoder(Reader& input)
    : input_(input), state_(std::make_unique<State>()), buffer_(kBufferBytes, '\0') {}
Lz4Decoder::~Lz4Decoder() = default;

// False at the end of the input. Looks whether the frame has checksums.
Walked<bool> Lz4Decoder::BeginFrame() {
  auto head = input_.Peek(5);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->empty()) return false;
  content_.reset();
  tail_.clear();
  if (head->size() == 5 && head->starts_with("\x04\x22\x4d\x18")) {
    const int checksums = (*head)[4] & (kBlockChecksums | kContentChecksum);
    if (checksums == 0) checked_ = false;
    if (checksums == kContentChecksum) content_.emplace();
  }
  if (head->starts_with(kLegacyLz4Magic)) {
    input_.Consume(kLegacyLz4Magic.size());
    checked_ = false;
    in_legacy_ = true;
    legacy_short_ = false;
    buffer_.resize(kLegacyBlockBytes);
  }
  in_frame_ = true;
  return true;
}

Walked<void> Lz4Decoder::GatherLegacy(std::size_t size) {
  packed_.clear();
  while (packed_.size() < size) {
    auto bytes = input_.Some(static_cast<std::int64_t>(size - packed_.size()));
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) {
      return Broken(Reason::kIncomplete, input_.offset(), "ends in " + std::string(kLegacyBlock));
    }
    packed_ += *bytes;
  }
  return {};
}

// The next block; empty at the end of the frame.
Walked<std::string_view> Lz4Decoder::NextLegacy() {
  const std::int64_t begin = input_.offset();
  auto head = input_.Peek(4);
  if (!head) return head;
  if (head->empty()) return "";
  if (head->size() < 4) {
    return Broken(Reason::kIncomplete, begin, "ends in " + std::string(kLegacyBlock));
  }
  const std::uint32_t size = LittleEndian(*head);
  if (IsFrameMagic(size)) return "";
  if (size > LZ4_COMPRESSBOUND(kLegacyBlockBytes) || size == 0) {
    return Broken(Reason::kCorrupt, begin, "impossible size of " + std::string(kLegacyBlock));
  }
  if (legacy_short_) {
    return Broken(Reason::kCorrupt, begin, "a block behind the last one of a legacy lz4 frame");
  }
  input_.Consume(4);
  if (auto gathered = GatherLegacy(size); !gathered) {
    return tl::unexpected(std::move(gathered.error()));
  }
  const int unpacked = LZ4_decompress_safe(packed_.data(), buffer_.data(), static_cast<int>(size),
                                           static_cast<int>(buffer_.size()));
  if (unpacked <= 0) return Broken(Reason::kCorrupt, begin, "invalid legacy lz4 data");
  legacy_short_ = static_cast<std::size_t>(unpacked) < kLegacyBlockBytes;
  return std::string_view(buffer_).substr(0, static_cast<std::size_t>(unpacked));
}

// The frame's last bytes are the checksum of what it unpacked to.
bool Lz4Decoder::ContentMatches() const {
  return tail_.size() == kChecksumBytes && LittleEndian(tail_) == content_->Finish();
}

// Empty: nothing yet, or the end of the frame.
Walked<std::string_view> Lz4Decoder::NextOfFrame() {
  auto bytes = input_.Look();
  if (!bytes) return bytes;
  std::size_t in_size = bytes->size();
  std::size_t out_size = buffer_.size();
  LZ4F_decompressOptions_t options{};
  options.skipChecksums = content_ ? 1 : 0;
  const std::size_t result = LZ4F_decompress(state_->context, buffer_.data(), &out_size,
                                             bytes->data(), &in_size, &options);
  if (LZ4F_isError(result)) {
    const std::string text = LZ4F_getErrorName(result);
    return Broken(Reason::kCorrupt, input_.offset(), "invalid lz4 data: " + base::Lower(text));
  }
  const std::string_view made = std::string_view(buffer_).substr(0, out_size);
  if (content_) {
    content_->Update(made);
    tail_ += bytes->substr(in_size - std::min(in_size, kChecksumBytes), kChecksumBytes);
    tail_.erase(0, tail_.size() - std::min(tail_.size(), kChecksumBytes));
  }
  const bool ended = bytes->empty();
  input_.Consume(in_size);
  if (result == 0) {
    in_frame_ = false;
    if (content_ && !ContentMatches()) {
      return Broken(Reason::kCorrupt, input_.offset(), "lz4 checksum differs");
    }
  } else if (ended && out_size == 0) {
    return Broken(Reason::kIncomplete, input_.offset(), "ends in lz4 data");
  }
  return made;
}

Walked<std::string_view> Lz4Decoder::Next() {
  while (true) {
    if (!in_frame_) {
      auto begun = BeginFrame();
      if (!begun) return tl::unexpected(std::move(begun.error()));
      if (!*begun) return "";
    }
    if (in_legacy_) {
      auto block = NextLegacy();
      if (!block || !block->empty()) return block;
      in_legacy_ = in_frame_ = false;
      continue;
    }
    auto bytes = NextOfFrame();
    if (!bytes || !bytes->empty()) return bytes;
  }
}

}  // namespace drwatch::verify
