// XXH32, the checksum of lz4 frames (xxHash's specification, seed 0).
//
// liblz4 carries one of its own, but Debian's is compiled to shifts and adds of vectors and takes
// six times as long as unpacking does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drwatch::verify {

// Update() any number of times, then Finish() once.
class Xxh32 {
 public:
  void Update(std::string_view bytes);
  std::uint32_t Finish() const;

 private:
  static constexpr std::size_t kStripeBytes = 16;
  static constexpr std::uint32_t kPrime1 = 0x9E3779B1;
  static constexpr std::uint32_t kPrime2 = 0x85EBCA77;

  void Stripes(const char* at, std::size_t count);

  std::array<std::uint32_t, 4> lanes_ = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  std::array<char, kStripeBytes> rest_;  // the first rest_bytes_: what is no stripe yet
  std::size_t rest_bytes_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace drwatch::verify
