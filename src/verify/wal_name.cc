#include "verify/wal_name.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>

namespace drwatch::verify {
namespace {

constexpr std::size_t kTimelineDigits = 8;
constexpr std::size_t kSegmentDigits = 24;
constexpr std::size_t kSha1Digits = 40;

constexpr std::array<std::string_view, 9> kPackedEndings = {
    ".gz", ".zst", ".zstd", ".lz4", ".xz", ".bz2", ".br", ".lzma", ".snappy"};
constexpr std::array<std::string_view, 15> kSealedEndings = {
    ".gpg", ".pgp", ".asc", ".age", ".enc", ".aes", ".crypt", ".cms",
    ".lzo", ".lz",  ".Z",   ".zip", ".7z",  ".rar", ".lrz"};
// Packed, encrypted, written as text.
constexpr int kMaxEndings = 3;

// Exactly `digits` upper-case hex digits at the start of `text`, which are consumed.
std::optional<std::uint32_t> TakeHex(std::string_view& text) {
  const std::string_view digits = text.substr(0, kTimelineDigits);
  if (digits.size() != kTimelineDigits ||
      digits.find_first_not_of("0123456789ABCDEF") != std::string_view::npos) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  text.remove_prefix(kTimelineDigits);
  return value;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <std::size_t kSize>
bool TakeOneOf(std::string_view& text, const std::array<std::string_view, kSize>& endings) {
  for (const std::string_view ending : endings) {
    // ".lz" begins ".lzma", too.
    if (!text.starts_with(ending)) continue;
    const std::string_view rest = text.substr(ending.size());
    if (!rest.empty() && !rest.starts_with('.')) continue;
    text = rest;
    return true;
  }
  return false;
}

void TakePacked(std::string_view& text, WalFileName& name) {
  for (int i = 0; i < kMaxEndings; ++i) {
    const bool sealed = TakeOneOf(text, kSealedEndings);
    if (!sealed && !TakeOneOf(text, kPackedEndings)) return;
    name.packed = true;
    name.sealed = name.sealed || sealed;
  }
}

}  // namespace

std::optional<Lsn> ParseLsn(std::string_view text) {
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, high, 16);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '/') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, low, 16);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return (static_cast<Lsn>(high) << 32) | low;
}

std::string FormatLsn(Lsn lsn) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%X/%X", static_cast<unsigned>(lsn >> 32),
                static_cast<unsigned>(lsn));
  return text.data();
}

bool IsSegmentSize(std::int64_t bytes) {
  return bytes >= (1 << 20) && bytes <= (1 << 30) &&
         std::has_single_bit(static_cast<std::uint64_t>(bytes));
}

std::optional<WalFileName> ParseWalFileName(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 = 0
  WalFileName parsed;
  const auto timeline = TakeHex(name);
  if (!timeline || *timeline == 0) return std::nullopt;
  parsed.timeline = *timeline;
  if (TakePrefix(name, ".history")) {
    parsed.kind = WalFileName::Kind::kHistory;
    TakePacked(name, parsed);
    return name.empty() ? std::optional(parsed) : std::nullopt;
  }
  const auto high = TakeHex(name);
  const auto low = high ? TakeHex(name) : std::nullopt;
  if (!low) return std::nullopt;
  parsed.high = *high;
  parsed.low = *low;
  if (name.ends_with(".backup") || name.find(".backup.") != std::string_view::npos) {
    parsed.kind = WalFileName::Kind::kBackup;
    const auto offset = TakePrefix(name, ".") ? TakeHex(name) : std::nullopt;
    if (!offset || !TakePrefix(name, ".backup")) return std::nullopt;
    parsed.offset = *offset;
  } else if (name.starts_with('-') && name.size() > kSha1Digits) {
    parsed.sha1 = name.substr(1, kSha1Digits);
    if (parsed.sha1.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    name.remove_prefix(1 + kSha1Digits);
  }
  bool partial = TakePrefix(name, ".partial");
  TakePacked(name, parsed);
  partial = TakePrefix(name, ".partial") || partial;
  if (!name.empty()) return std::nullopt;
  if (partial && parsed.kind != WalFileName::Kind::kSegment) return std::nullopt;
  if (partial) parsed.kind = WalFileName::Kind::kPartial;
  return parsed;
}

std::optional<std::uint64_t> SegmentNumber(const WalFileName& name, std::int64_t segment_bytes) {
  const std::uint64_t per_id = (std::uint64_t{1} << 32) / static_cast<std::uint64_t>(segment_bytes);
  if (name.low >= per_id) return std::nullopt;
  return name.high * per_id + name.low;
}

std::string SegmentName(std::uint32_t timeline, std::uint64_t number, std::int64_t segment_bytes) {
  const std::uint64_t per_id = (std::uint64_t{1} << 32) / static_cast<std::uint64_t>(segment_bytes);
  std::array<char, kSegmentDigits + 8> text;
  std::snprintf(text.data(), text.size(), "%08X%08X%08X", timeline,
                static_cast<unsigned>(number / per_id), static_cast<unsigned>(number % per_id));
  return text.data();
}

}  // namespace drwatch::verify
