// xz streams, one after the other, zero padding between and after them.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class XzDecoder final : public Decoder {
 public:
  explicit XzDecoder(Reader& input);
  ~XzDecoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return checked_; }

 private:
  struct State;
  Reader& input_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool checked_ = true;
  bool ended_ = false;
};

}  // namespace drwatch::verify
