// lz4 frames (lz4_Frame_format.md): its own, the legacy ones (lz4 -l), skippable ones.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "verify/decoder.h"
#include "verify/xxh32.h"

namespace drwatch::verify {

inline constexpr std::string_view kLegacyLz4Magic = "\x02\x21\x4c\x18";

class Lz4Decoder final : public Decoder {
 public:
  explicit Lz4Decoder(Reader& input);
  ~Lz4Decoder() override;
  Walked<std::string_view> Next() override;
  bool checked() const override { return checked_; }

 private:
  struct State;
  Walked<bool> BeginFrame();
  Walked<std::string_view> NextOfFrame();
  bool ContentMatches() const;
  Walked<std::string_view> NextLegacy();
  Walked<void> GatherLegacy(std::size_t size);

  Reader& input_;
  std::unique_ptr<State> state_;
  std::string buffer_;
  bool checked_ = true;
  std::optional<Xxh32> content_;  // of the frame, if its content alone has a checksum
  std::string tail_;              // of the frame: the last bytes that were read
  bool in_frame_ = false;
  bool in_legacy_ = false;
  bool legacy_short_ = false;  // the last block was not full
  std::string packed_;         // a legacy block
};

}  // namespace drwatch::verify
