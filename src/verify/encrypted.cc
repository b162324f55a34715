#include "verify/encrypted.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kArmorBegin = "-----BEGIN ";
constexpr std::string_view kArmorEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kPacket = "the encrypted data of an OpenPGP message";

// In letters: up to the line that ends it.
Walked<void> WalkArmor(Reader& reader, std::string_view head) {
  const std::string_view rest = head.substr(kArmorBegin.size());
  const std::size_t dashes = rest.find(kDashes);
  if (dashes == rest.npos) return {};
  const std::string last =
      std::string(kArmorEnd) + std::string(rest.substr(0, dashes)) + std::string(kDashes);
  std::string seam;
  bool found = false;
  while (true) {
    const auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) break;
    seam += bytes->substr(0, last.size());
    found = found || bytes->find(last) != bytes->npos || seam.find(last) != seam.npos;
    seam += bytes->substr(std::min(bytes->size(), last.size()));
    seam.erase(0, seam.size() - std::min(seam.size(), last.size()));
  }
  if (found) return {};
  return Broken(Reason::kIncomplete, reader.offset(),
                "ends without its last line, " + base::Quote(last));
}

enum class Tag : unsigned {
  kPublicKeySession = 1,
  kSymmetricKeySession = 3,
  kEncrypted = 9,
  kMarker = 10,
  kEncryptedWithDigest = 18,
  kEncryptedWithAead = 20,
};

class PacketWalker {
 public:
  explicit PacketWalker(Reader& reader) : reader_(reader) {}
  Walked<void> Run();

 private:
  struct Length {
    std::int64_t bytes = 0;
    bool partial = false;    // another length follows them
    bool up_to_end = false;  // as far as the file goes
  };
  // Of `size` bytes, most significant first.
  Walked<std::int64_t> Number(std::size_t size);
  Walked<Length> OldLength(unsigned type);
  Walked<Length> NewLength();
  Walked<void> SkipBody(bool old, unsigned first);

  Reader& reader_;
};

Walked<std::int64_t> PacketWalker::Number(std::size_t size) {
  const auto bytes = reader_.Take(size, kPacket);
  if (!bytes) return tl::unexpected(bytes.error());
  std::int64_t value = 0;
  for (const char byte : *bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

Walked<PacketWalker::Length> PacketWalker::OldLength(unsigned type) {
  if (type == 3) return Length{0, false, true};
  const auto bytes = Number(std::size_t{1} << type);
  if (!bytes) return tl::unexpected(bytes.error());
  return Length{*bytes};
}

Walked<PacketWalker::Length> PacketWalker::NewLength() {
  const auto first = Number(1);
  if (!first) return tl::unexpected(first.error());
  if (*first < 192) return Length{*first};
  if (*first >= 224 && *first < 255) return Length{std::int64_t{1} << (*first & 31), true};
  const auto rest = Number(*first == 255 ? 4 : 1);
  if (!rest) return tl::unexpected(rest.error());
  return Length{*first == 255 ? *rest : (*first - 192) * 256 + *rest + 192};
}

Walked<void> PacketWalker::SkipBody(bool old, unsigned first) {
  while (true) {
    const auto length = old ? OldLength(first & 3) : NewLength();
    if (!length) return tl::unexpected(length.error());
    if (length->up_to_end) return {};
    if (auto skipped = reader_.Skip(length->bytes, kPacket); !skipped) return skipped;
    if (!length->partial) return {};
  }
}

// Where what should be a packet is none, the file is none of these: nothing is said of it.
Walked<void> PacketWalker::Run() {
  while (true) {
    const auto next = reader_.Peek(1);
    if (!next) return tl::unexpected(next.error());
    if (next->empty()) {
      return Broken(Reason::kIncomplete, reader_.offset(), "ends before " + std::string(kPacket));
    }
    const auto first = static_cast<unsigned>(static_cast<unsigned char>((*next)[0]));
    if ((first & 0x80) == 0) return {};
    const bool old = (first & 0x40) == 0;
    const Tag tag = static_cast<Tag>(old ? first >> 2 & 15 : first & 63);
    reader_.Consume(1);
    switch (tag) {
      case Tag::kPublicKeySession:
      case Tag::kSymmetricKeySession:
      case Tag::kMarker:
        // A few hundred bytes: one that does not fit is more likely to be something else.
        if (auto body = SkipBody(old, first); !body) {
          if (body.error().reason == Reason::kIncomplete) return {};
          return body;
        }
        continue;
      case Tag::kEncrypted:
      case Tag::kEncryptedWithDigest:
      case Tag::kEncryptedWithAead:
        return SkipBody(old, first);
    }
    return {};
  }
}

}  // namespace

Walked<void> WalkEncrypted(Reader& reader) {
  constexpr std::size_t kHeadBytes = 64;
  const auto peeked = reader.Peek(kHeadBytes);
  if (!peeked) return tl::unexpected(peeked.error());
  const std::string head(*peeked);
  if (head.starts_with(kArmorBegin)) return WalkArmor(reader, head);
  if (!head.empty() && (static_cast<unsigned char>(head[0]) & 0x80) != 0) {
    return PacketWalker(reader).Run();
  }
  return {};
}

}  // namespace drwatch::verify
