// zstd frames (RFC 8878), skippable ones included.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class ZstdDecoder final : public Decoder {
 public:
  explicit ZstdDecoder(Reader& input);
  ~ZstdDecoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return checked_; }

 private:
  struct State;
  Walked<bool> BeginFrame();

  Reader& input_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool checked_ = true;
  bool in_frame_ = false;
};

}  // namespace drwatch::verify
