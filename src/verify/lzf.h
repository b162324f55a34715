// LZF, the packing Redis uses inside RDB files (libLZF, format of lzf_d.c).
#pragma once

#include <cstdint>
#include <string>

#include "verify/source.h"

namespace drwatch::verify {

// What `packed_bytes` bytes of `input` unpack to, which must be exactly `unpacked_bytes`. Keeps the
// window only (8 KiB), whatever the lengths say. Faults: kCorrupt, kIncomplete.
class LzfSource final : public Source {
 public:
  LzfSource(Reader& input, std::uint64_t packed_bytes, std::uint64_t unpacked_bytes);
  Walked<std::string_view> Next() override;

 private:
  Walked<unsigned> Byte();
  Walked<void> Step();
  Walked<void> CopyLiteral(std::uint64_t size);
  Walked<void> CopyBack(unsigned control);
  tl::unexpected<Fault> Damaged() const;

  Reader& input_;
  std::uint64_t packed_left_;
  std::uint64_t unpacked_left_;
  std::string output_;  // the window, and behind it what the next Next() returns
};

}  // namespace drwatch::verify
