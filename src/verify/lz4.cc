#include "verify/lz4.h"

#include <lz4frame.h>

#include <cstdlib>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;

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
  if (head->size() == 5 && head->starts_with("\x04\x22\x4d\x18")) {
    // FLG byte: block checksums, content checksum.
    constexpr int kChecksumFlags = 0x10 | 0x04;
    if (((*head)[4] & kChecksumFlags) == 0) checked_ = false;
  }
  in_frame_ = true;
  return true;
}

Walked<std::string_view> Lz4Decoder::Next() {
  while (true) {
    if (!in_frame_) {
      auto begun = BeginFrame();
      if (!begun) return tl::unexpected(std::move(begun.error()));
      if (!*begun) return "";
    }
    auto bytes = input_.Look();
    if (!bytes) return bytes;
    std::size_t in_size = bytes->size();
    std::size_t out_size = buffer_.size();
    const std::size_t result = LZ4F_decompress(state_->context, buffer_.data(), &out_size,
                                               bytes->data(), &in_size, nullptr);
    if (LZ4F_isError(result)) {
      const std::string text = LZ4F_getErrorName(result);
      return Broken(Reason::kCorrupt, input_.offset(), "invalid lz4 data: " + base::Lower(text));
    }
    input_.Consume(in_size);
    if (result == 0) in_frame_ = false;
    if (out_size > 0) return std::string_view(buffer_).substr(0, out_size);
    if (bytes->empty() && result != 0) {
      return Broken(Reason::kIncomplete, input_.offset(), "ends in lz4 data");
    }
  }
}

}  // namespace drwatch::verify
