// Brotli streams (RFC 7932). They have no magic number and no checksum: only a name tells them, and
// a changed byte may show or not.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class BrotliDecoder final : public Decoder {
 public:
  explicit BrotliDecoder(Reader& input);
  ~BrotliDecoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return false; }

 private:
  struct State;

  Reader& input_;
  const std::int64_t begin_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace drwatch::verify
