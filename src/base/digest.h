// Message digests (OpenSSL), incremental and in one go.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drwatch::base {

enum class DigestAlgorithm { kMd5, kSha1, kSha224, kSha256, kSha384, kSha512, kBlake2b512 };

// "sha256", "md5", "blake2b" ...: the names sha256sum --tag and backup manifests use, lower case.
std::string_view DigestName(DigestAlgorithm algorithm);
// Any case, with or without a dash ("SHA-256"). nullopt if unknown.
std::optional<DigestAlgorithm> ParseDigestName(std::string_view name);

// Update() any number of times, then Finish() once. Movable; one thread at a time.
class Digest {
 public:
  explicit Digest(DigestAlgorithm algorithm);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void Update(std::string_view bytes);
  // The raw digest. The object can only be destroyed or assigned afterwards.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The raw digest of `bytes`; base::Hex makes it readable.
std::string ComputeDigest(DigestAlgorithm algorithm, std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);
// `count` bytes from the system's secure source.
std::string RandomBytes(std::size_t count);
// A random one, version 4: "f81d4fae-7dec-4d0a-a765-00a0c91e6bf6".
std::string RandomUuid();

}  // namespace drwatch::base
