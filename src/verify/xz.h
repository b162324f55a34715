// What liblzma unpacks: xz streams, one after the other, zero padding between and after them; and
// its older container, .lzma, which has no checksum.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class XzDecoder : public Decoder {
 public:
  explicit XzDecoder(Reader& input);
  ~XzDecoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return checked_; }

 protected:
  enum class Container { kXz, kLzma };
  XzDecoder(Reader& input, Container container);

 private:
  struct State;
  Walked<std::string_view> CheckEnd();

  const Container container_;
  Reader& input_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool checked_ = true;
  bool ended_ = false;
};

class LzmaDecoder final : public XzDecoder {
 public:
  explicit LzmaDecoder(Reader& input) : XzDecoder(input, Container::kLzma) {}
};

}  // namespace drwatch::verify
