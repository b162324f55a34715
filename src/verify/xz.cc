#include "verify/xz.h"

#include <lzma.h>

#include <cstdlib>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;
// xz -9 needs 65 MiB.
constexpr std::uint64_t kMaxMemoryBytes = 192 << 20;

}  // namespace

struct XzDecoder::State {
  lzma_stream stream = LZMA_STREAM_INIT;
  explicit State(Container container) {
    if (container == Container::kLzma) {
      if (lzma_alone_decoder(&stream, kMaxMemoryBytes) != LZMA_OK) std::abort();
      return;
    }
    constexpr std::uint32_t kFlags =
        LZMA_CONCATENATED | LZMA_TELL_NO_CHECK | LZMA_TELL_UNSUPPORTED_CHECK;
    if (lzma_stream_decoder(&stream, kMaxMemoryBytes, kFlags) != LZMA_OK) std::abort();
  }
  ~State() { lzma_end(&stream); }
};

XzDecoder::XzDecoder(Reader& input) : XzDecoder(input, Container::kXz) {}
XzDecoder::XzDecoder(Reader& input, Container container)
    : container_(container),
      input_(input),
      state_(std::make_unique<State>(container)),
      buffer_(kBufferBytes, '\0'),
      checked_(container == Container::kXz) {}
XzDecoder::~XzDecoder() = default;

// xz streams end with the input; a .lzma file ends where it says.
Walked<std::string_view> XzDecoder::CheckEnd() {
  if (container_ == Container::kXz) return "";
  auto end = input_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (!*end) return Broken(Reason::kCorrupt, input_.offset(), "bytes after the end of lzma data");
  return "";
}

Walked<std::string_view> XzDecoder::Next() {
  lzma_stream& stream = state_->stream;
  const std::string name = container_ == Container::kXz ? "xz" : "lzma";
  while (!ended_) {
    auto bytes = input_.Look();
    if (!bytes) return bytes;
    stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes->data());
    stream.avail_in = bytes->size();
    stream.next_out = reinterpret_cast<std::uint8_t*>(buffer_.data());
    stream.avail_out = buffer_.size();
    const lzma_ret result = lzma_code(&stream, bytes->empty() ? LZMA_FINISH : LZMA_RUN);
    input_.Consume(bytes->size() - stream.avail_in);
    switch (result) {
      case LZMA_OK:
      case LZMA_GET_CHECK:
        break;
      case LZMA_STREAM_END:
        ended_ = true;
        break;
      case LZMA_NO_CHECK:
      case LZMA_UNSUPPORTED_CHECK:
        checked_ = false;
        break;
      case LZMA_BUF_ERROR:
        return Broken(Reason::kIncomplete, input_.offset(), "ends in " + name + " data");
      case LZMA_MEMLIMIT_ERROR:
      case LZMA_MEM_ERROR:
        return Unjudged(Reason::kLimit, "unpacking this " + name + " file needs more than 192 MiB");
      default:
        return Broken(Reason::kCorrupt, input_.offset(), "invalid " + name + " data");
    }
    const std::size_t made = buffer_.size() - stream.avail_out;
    if (made > 0) return std::string_view(buffer_).substr(0, made);
  }
  return CheckEnd();
}

}  // namespace drwatch::verify
