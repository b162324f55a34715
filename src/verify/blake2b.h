// BLAKE2b (RFC 7693) of any length, without a key: OpenSSL 3.0 knows 512 bits only. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace drwatch::verify {

class Blake2b {
 public:
  static constexpr std::size_t kMaxDigestBytes = 64;

  // 1 to kMaxDigestBytes.
  explicit Blake2b(std::size_t digest_bytes);
  void Update(std::string_view bytes);
  // The raw digest. Once.
  std::string Finish();

 private:
  static constexpr std::size_t kBlockBytes = 128;
  enum class Block { kMore, kLast };
  void Compress(Block block);

  std::size_t digest_bytes_;
  std::array<std::uint64_t, 8> state_;
  std::uint64_t count_ = 0;  // bytes compressed
  std::array<char, kBlockBytes> block_{};
  std::size_t filled_ = 0;
};

}  // namespace drwatch::verify
