#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "base/strings.h"

namespace drwatch::base {
namespace {

struct Row {
  DigestAlgorithm algorithm;
  std::string_view name;
  const EVP_MD* (*method)();
};
constexpr std::array<Row, 7> kRows = {{{DigestAlgorithm::kMd5, "md5", EVP_md5},
                                       {DigestAlgorithm::kSha1, "sha1", EVP_sha1},
                                       {DigestAlgorithm::kSha224, "sha224", EVP_sha224},
                                       {DigestAlgorithm::kSha256, "sha256", EVP_sha256},
                                       {DigestAlgorithm::kSha384, "sha384", EVP_sha384},
                                       {DigestAlgorithm::kSha512, "sha512", EVP_sha512},
                                       {DigestAlgorithm::kBlake2b512, "blake2b", EVP_blake2b512}}};

const Row& FindRow(DigestAlgorithm algorithm) {
  for (const Row& row : kRows) {
    if (row.algorithm == algorithm) return row;
  }
  std::abort();
}

// Looked up once: OpenSSL 3 searches its providers again each time otherwise, which costs more than
// to hash a line of text.
const EVP_MD* MethodOf(DigestAlgorithm algorithm) {
  static const auto kFetched = [] {
    std::array<const EVP_MD*, kRows.size()> fetched{};
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      const EVP_MD* known = kRows[i].method();
      const EVP_MD* found = EVP_MD_fetch(nullptr, EVP_MD_get0_name(known), nullptr);
      fetched[i] = found != nullptr ? found : known;
    }
    return fetched;
  }();
  return kFetched[static_cast<std::size_t>(&FindRow(algorithm) - kRows.data())];
}

}  // namespace

std::string_view DigestName(DigestAlgorithm algorithm) { return FindRow(algorithm).name; }

std::optional<DigestAlgorithm> ParseDigestName(std::string_view name) {
  std::string plain;
  for (const char c : Lower(name)) {
    if (c != '-') plain += c;
  }
  for (const Row& row : kRows) {
    if (row.name == plain) return row.algorithm;
  }
  return std::nullopt;
}

struct Digest::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(handle); }
};

Digest::Digest(DigestAlgorithm algorithm) : context_(std::make_unique<Context>()) {
  if (EVP_DigestInit_ex(context_->handle, MethodOf(algorithm), nullptr) != 1) std::abort();
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Digest::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context_->handle, raw.data(), &size) != 1) std::abort();
  return std::string(reinterpret_cast<const char*>(raw.data()), size);
}

std::string ComputeDigest(DigestAlgorithm algorithm, std::string_view bytes) {
  Digest digest(algorithm);
  digest.Update(bytes);
  return digest.Finish();
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), raw.data(),
           &size) == nullptr) {
    std::abort();
  }
  return std::string(reinterpret_cast<const char*>(raw.data()), size);
}

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    std::abort();
  return bytes;
}

std::string RandomUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = Hex(bytes);
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

}  // namespace drwatch::base
