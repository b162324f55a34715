#include "verify/bzip2.h"

#include <bzlib.h>

#include <cstdlib>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 128 << 10;

}  // namespace

struct Bzip2Decoder::State {
  bz_stream stream{};
  bool open = false;
  void Open() {
    Close();
    stream = bz_stream{};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) std::abort();
    open = true;
  }
  void Close() {
    if (open) BZ2_bzDecompressEnd(&stream);
    open = false;
  }
  ~State() { Close(); }
};

Bzip2Decoder::Bzip2Decoder(Reader& input)
    : input_(input), state_(std::make_unique<State>()), buffer_(kBufferBytes, '\0') {}
Bzip2Decoder::~Bzip2Decoder() = default;

// False at the end of the input; zeros there are accepted.
Walked<bool> Bzip2Decoder::BeginStream() {
  auto magic = input_.Peek(1);
  if (!magic) return tl::unexpected(std::move(magic.error()));
  if (*magic != "B") {
    if (auto zeros = input_.SkipZeros(); !zeros) return tl::unexpected(std::move(zeros.error()));
    auto end = input_.AtEnd();
    if (!end) return end;
    if (*end) return false;
    return Broken(Reason::kCorrupt, input_.offset(), "bytes after the end of the bzip2 data");
  }
  state_->Open();
  in_stream_ = true;
  return true;
}

Walked<std::string_view> Bzip2Decoder::Next() {
  bz_stream& stream = state_->stream;
  while (true) {
    if (!in_stream_) {
      auto begun = BeginStream();
      if (!begun) return tl::unexpected(std::move(begun.error()));
      if (!*begun) return "";
    }
    auto bytes = input_.Look();
    if (!bytes) return bytes;
    stream.next_in = const_cast<char*>(bytes->data());
    stream.avail_in = static_cast<unsigned>(bytes->size());
    stream.next_out = buffer_.data();
    stream.avail_out = static_cast<unsigned>(buffer_.size());
    const int result = BZ2_bzDecompress(&stream);
    input_.Consume(bytes->size() - stream.avail_in);
    if (result == BZ_MEM_ERROR) return Unjudged(Reason::kLimit, "not enough memory for bzip2");
    if (result != BZ_OK && result != BZ_STREAM_END) {
      return Broken(Reason::kCorrupt, input_.offset(), "invalid bzip2 data");
    }
    if (result == BZ_STREAM_END) in_stream_ = false;
    const std::size_t made = buffer_.size() - stream.avail_out;
    if (made > 0) return std::string_view(buffer_).substr(0, made);
    if (bytes->empty() && result == BZ_OK) {
      return Broken(Reason::kIncomplete, input_.offset(), "ends in bzip2 data");
    }
  }
}

}  // namespace drwatch::verify
