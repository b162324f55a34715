#include "verify/look_alikes.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "verify/blake2b.h"

namespace drwatch::verify {
namespace {

struct Row {
  std::size_t digest_bytes;
  std::string_view name;
  const EVP_MD* (*method)();  // nullptr: BLAKE2b
};
constexpr std::array<Row, 13> kRows = {{{20, "blake2b-160", nullptr},
                                        {20, "ripemd160", EVP_ripemd160},
                                        {28, "blake2b-224", nullptr},
                                        {28, "sha512/224", EVP_sha512_224},
                                        {32, "blake2b-256", nullptr},
                                        {32, "sha512/256", EVP_sha512_256},
                                        {32, "sha3-256", EVP_sha3_256},
                                        {32, "blake2s", EVP_blake2s256},
                                        {32, "sm3", EVP_sm3},
                                        {48, "blake2b-384", nullptr},
                                        {48, "sha3-384", EVP_sha3_384},
                                        {64, "blake2b", nullptr},
                                        {64, "sha3-512", EVP_sha3_512}}};

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// OpenSSL may be built without one of them.
Context Begin(const Row& row) {
  Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (EVP_DigestInit_ex(context.get(), row.method(), nullptr) != 1) context.reset();
  return context;
}

}  // namespace

std::vector<std::string_view> LookAlikesOf(std::size_t digest_bytes) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (row.digest_bytes == digest_bytes) names.push_back(row.name);
  }
  return names;
}

Walked<bool> HasLookAlike(Source& source, std::string_view digest) {
  Blake2b blake(std::min(digest.size(), Blake2b::kMaxDigestBytes));
  std::vector<Context> others;
  for (const Row& row : kRows) {
    if (row.digest_bytes != digest.size() || row.method == nullptr) continue;
    if (Context context = Begin(row)) others.push_back(std::move(context));
  }
  while (true) {
    auto bytes = source.Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    blake.Update(*bytes);
    for (const Context& other : others) {
      EVP_DigestUpdate(other.get(), bytes->data(), bytes->size());
    }
  }
  if (blake.Finish() == digest) return true;
  return std::any_of(others.begin(), others.end(), [digest](const Context& other) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
    unsigned int size = 0;
    EVP_DigestFinal_ex(other.get(), raw.data(), &size);
    return std::string_view(reinterpret_cast<const char*>(raw.data()), size) == digest;
  });
}

}  // namespace drwatch::verify
