#include "verify/brotli.h"

#include <brotli/decode.h>

#include <cstdlib>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;
// Largest window that is decoded, as of zstd: 128 MiB. Those of RFC 7932 have at most 16 MiB.
constexpr unsigned kMaxWindowLog = 27;

// Of a stream with a window beyond RFC 7932 ("brotli --large_window"): a code that is reserved
// there, and then its size. 0: another stream, or too short to tell.
unsigned LargeWindowLog(std::string_view head) {
  constexpr unsigned char kLargeWindow = 0x11;
  if (head.size() < 2 || static_cast<unsigned char>(head[0]) != kLargeWindow) return 0;
  return static_cast<unsigned char>(head[1]) & 0x3F;
}

}  // namespace

struct BrotliDecoder::State {
  BrotliDecoderState* decoder = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  State() {
    if (decoder == nullptr) std::abort();
    BrotliDecoderSetParameter(decoder, BROTLI_DECODER_PARAM_LARGE_WINDOW, 1);
  }
  ~State() { BrotliDecoderDestroyInstance(decoder); }
};

BrotliDecoder::BrotliDecoder(Reader& input)
    : input_(input),
      begin_(input.offset()),
      state_(std::make_unique<State>()),
      buffer_(kBufferBytes, '\0') {}
BrotliDecoder::~BrotliDecoder() = default;

Walked<std::string_view> BrotliDecoder::Next() {
  if (input_.offset() == begin_) {
    auto head = input_.Peek(2);
    if (!head) return head;
    if (LargeWindowLog(*head) > kMaxWindowLog) {
      return Unjudged(Reason::kLimit, "brotli window larger than 128 MiB");
    }
  }
  while (!ended_) {
    auto bytes = input_.Look();
    if (!bytes) return bytes;
    std::size_t in_size = bytes->size();
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes->data());
    std::size_t out_size = buffer_.size();
    auto* out = reinterpret_cast<std::uint8_t*>(buffer_.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state_->decoder, &in_size, &in, &out_size, &out, nullptr);
    if (result == BROTLI_DECODER_RESULT_ERROR) {
      return Broken(Reason::kCorrupt, input_.offset(), "invalid brotli data");
    }
    const bool starved = bytes->empty() && result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
    input_.Consume(bytes->size() - in_size);
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    const std::size_t made = buffer_.size() - out_size;
    if (made > 0) return std::string_view(buffer_).substr(0, made);
    if (starved) return Broken(Reason::kIncomplete, input_.offset(), "ends in brotli data");
  }
  auto end = input_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (!*end) return Broken(Reason::kCorrupt, input_.offset(), "bytes after the end of brotli data");
  return "";
}

}  // namespace drwatch::verify
