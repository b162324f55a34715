// lz4 frames (lz4_Frame_format.md); not the legacy ones, which carry no checksum.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class Lz4Decoder final : public Decoder {
 public:
  explicit Lz4Decoder(Reader& input);
  ~Lz4Decoder() override;
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
