// bzip2 streams, one after the other.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class Bzip2Decoder final : public Decoder {
 public:
  explicit Bzip2Decoder(Reader& input);
  ~Bzip2Decoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return checked_; }

 private:
  struct State;
  Walked<bool> BeginStream();

  Reader& input_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool checked_ = true;
  bool in_stream_ = false;
};

}  // namespace drwatch::verify
