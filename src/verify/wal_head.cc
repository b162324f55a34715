#include "verify/wal_head.h"

#include <array>
#include <bit>

#include "verify/decoder.h"
#include "verify/recognise.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// 9.5, the first with CRC-32C, and far beyond any known one.
constexpr std::uint16_t kOldestMagic = 0xD087;
constexpr std::uint16_t kNewestMagic = 0xD1FF;

struct Server {
  std::uint16_t magic;
  std::string_view version;
};
constexpr std::array<Server, 11> kServers = {{{0xD087, "9.5"},
                                              {0xD093, "9.6"},
                                              {0xD097, "10"},
                                              {0xD098, "11"},
                                              {0xD101, "12"},
                                              {0xD106, "13"},
                                              {0xD10D, "14"},
                                              {0xD110, "15"},
                                              {0xD113, "16"},
                                              {0xD116, "17"},
                                              {0xD118, "18"}}};

}  // namespace

std::string_view WalServerVersion(std::uint16_t magic) {
  for (const Server& server : kServers) {
    if (server.magic == magic) return server.version;
  }
  return {};
}

bool IsWalOfServer(std::uint16_t magic, std::string_view version) {
  for (const Server& server : kServers) {
    if (server.version == version) return server.magic == magic;
  }
  return WalServerVersion(magic).empty();
}

bool LooksLikeWal(std::string_view head) {
  if (head.size() < WalPageHeader::kLongBytes) return false;
  const WalPageHeader header(head);
  const std::int64_t segment_bytes = WalNumber<std::uint32_t>(head, 32);
  const auto page_bytes = WalNumber<std::uint32_t>(head, 36);
  return header.magic >= kOldestMagic && header.magic <= kNewestMagic &&
         (header.flags & WalPageHeader::kLong) != 0 &&
         (header.flags & ~WalPageHeader::kAllFlags) == 0 && header.timeline != 0 &&
         IsSegmentSize(segment_bytes) && std::has_single_bit(page_bytes) && page_bytes >= 1024 &&
         page_bytes <= Reader::kMaxTake &&
         header.address % static_cast<std::uint64_t>(segment_bytes) == 0;
}

Walked<WalHead> PeekWalHead(Reader& file, std::string_view name) {
  const auto peek = [](Reader& reader) -> Walked<WalHead> {
    auto head = reader.Peek(WalPageHeader::kLongBytes);
    if (!head) return tl::unexpected(std::move(head.error()));
    if (!LooksLikeWal(*head)) return Unjudged(Reason::kWrongFormat, "no WAL segment");
    return WalHead{WalNumber<std::uint32_t>(*head, 32), WalNumber<std::uint64_t>(*head, 24)};
  };
  auto start = file.Peek(kHeadBytes);
  if (!start) return tl::unexpected(std::move(start.error()));
  const auto packed = DetectCompression(*start, name);
  if (!packed) return peek(file);
  const auto decoder = MakeDecoder(*packed, file);
  Reader inner(*decoder);
  return peek(inner);
}

}  // namespace drwatch::verify
