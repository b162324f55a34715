// Snappy's framing format (framing_format.txt of google/snappy), as barman-cloud writes it.
// Unpacked by hand: blocks are small and the library knows nothing of frames.
#pragma once

#include <string>

#include "verify/decoder.h"

namespace drwatch::verify {

class SnappyDecoder final : public Decoder {
 public:
  explicit SnappyDecoder(Reader& input) : input_(input) {}
  Walked<std::string_view> Next() override;
  // Every chunk carries the CRC-32C of what it unpacks to.
  bool checked() const override { return true; }

 private:
  Walked<void> ReadChunk(unsigned char type, std::size_t size);

  Reader& input_;
  bool begun_ = false;
  std::string unpacked_;  // of the last chunk
};

}  // namespace drwatch::verify
