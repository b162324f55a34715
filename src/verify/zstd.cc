#include "verify/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;
// Largest window that is decoded: 128 MiB, the default of the zstd program.
constexpr int kMaxWindowLog = 27;

}  // namespace

struct ZstdDecoder::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ~State() { ZSTD_freeDCtx(context); }
};

ZstdDecoder::ZstdDecoder(Reader& input)
    : input_(input), state_(std::make_unique<State>()), buffer_(kBufferBytes, '\0') {
  ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kMaxWindowLog);
}
ZstdDecoder::~ZstdDecoder() = default;

// False at the end of the input. Looks whether the frame has a checksum.
Walked<bool> ZstdDecoder::BeginFrame() {
  auto head = input_.Peek(5);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->empty()) return false;
  if (head->size() == 5 && head->starts_with("\x28\xb5\x2f\xfd")) {
    constexpr int kChecksumFlag = 4;  // of the frame header descriptor
    if (((*head)[4] & kChecksumFlag) == 0) checked_ = false;
  }
  in_frame_ = true;
  return true;
}

Walked<std::string_view> ZstdDecoder::Next() {
  while (true) {
    if (!in_frame_) {
      auto begun = BeginFrame();
      if (!begun) return tl::unexpected(std::move(begun.error()));
      if (!*begun) return "";
    }
    auto bytes = input_.Look();
    if (!bytes) return bytes;
    ZSTD_inBuffer in{bytes->data(), bytes->size(), 0};
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const std::size_t result = ZSTD_decompressStream(state_->context, &out, &in);
    input_.Consume(in.pos);
    if (ZSTD_isError(result)) {
      const std::string text = ZSTD_getErrorName(result);
      if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
        return Unjudged(Reason::kLimit, "zstd window larger than 128 MiB");
      }
      if (ZSTD_getErrorCode(result) == ZSTD_error_dictionary_wrong) {
        return Unjudged(Reason::kUnverified, "zstd data that a dictionary was used for");
      }
      return Broken(Reason::kCorrupt, input_.offset(), "invalid zstd data: " + base::Lower(text));
    }
    if (result == 0) in_frame_ = false;
    if (out.pos > 0) return std::string_view(buffer_).substr(0, out.pos);
    if (bytes->empty() && result != 0) {
      return Broken(Reason::kIncomplete, input_.offset(), "ends in zstd data");
    }
  }
}

}  // namespace drwatch::verify
