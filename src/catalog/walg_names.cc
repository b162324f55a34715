#include "catalog/walg_names.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/wal_name.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::WalFileName;

constexpr std::string_view kBase = "base_";
constexpr std::string_view kDelta = "_D_";
constexpr std::size_t kSegmentDigits = 24;
constexpr std::uint64_t kMaxSegments = 1'000'000;
// Of 4 GiB of WAL, each listed on its own: what segments of a wider range have in common may be
// what all of the archive has.
constexpr std::uint64_t kMaxStretches = 64;

bool IsSegment(std::string_view text) {
  const auto name = verify::ParseWalFileName(text);
  return text.size() == kSegmentDigits && name && name->kind == WalFileName::Kind::kSegment;
}

// The segment sizes for which `lsn` lies in the segment of that name: usually one.
std::optional<std::int64_t> SegmentBytesOf(const WalFileName& name, verify::Lsn lsn) {
  const auto fits = [&](std::int64_t bytes) {
    const auto number = verify::SegmentNumber(name, bytes);
    const auto size = static_cast<std::uint64_t>(bytes);
    return number == lsn / size || (lsn > 0 && number == (lsn - 1) / size);
  };
  if (fits(verify::kDefaultSegmentBytes)) return verify::kDefaultSegmentBytes;
  for (std::int64_t bytes = 1 << 20; bytes <= 1 << 30; bytes <<= 1) {
    if (fits(bytes)) return bytes;
  }
  return std::nullopt;
}

// What two names have in common.
std::string CommonPrefix(const std::string& a, const std::string& b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return std::string(a.begin(), end);
}

// What the names of a backup's segments begin with.
std::vector<std::string> PrefixesOf(const RepositoryFacts& facts, const WalFileName& first,
                                    const WalFileName& last, std::int64_t segment_bytes) {
  if (first.high == last.high || last.high - first.high >= kMaxStretches) {
    return {CommonPrefix(facts.wal_start, facts.wal_stop)};
  }
  const std::uint64_t in_each =
      (std::uint64_t{1} << 32) / static_cast<std::uint64_t>(segment_bytes);
  std::vector<std::string> prefixes;
  for (std::uint64_t high = first.high; high <= last.high; ++high) {
    prefixes.push_back(
        verify::SegmentName(first.timeline, high * in_each, segment_bytes).substr(0, 16));
  }
  return prefixes;
}

}  // namespace

std::optional<WalGName> ParseWalGName(std::string_view name) {
  if (!name.starts_with(kBase)) return std::nullopt;
  WalGName parsed;
  std::string_view rest = name.substr(kBase.size());
  const auto take = [&rest](std::string& out) {
    if (!IsSegment(rest.substr(0, kSegmentDigits))) return false;
    out = rest.substr(0, kSegmentDigits);
    rest.remove_prefix(kSegmentDigits);
    return true;
  };
  if (!take(parsed.segment)) return std::nullopt;
  if (rest.starts_with(kDelta)) {
    rest.remove_prefix(kDelta.size());
    if (!take(parsed.parent_segment)) return std::nullopt;
  }
  parsed.has_position = rest.starts_with('_') && rest.size() > 1 &&
                        rest.find_first_not_of("0123456789ABCDEFabcdef", 1) == rest.npos;
  return rest.empty() || parsed.has_position ? std::optional(parsed) : std::nullopt;
}

bool IsControlTar(std::string_view name) {
  return name == "pg_control.tar" || name.starts_with("pg_control.tar.");
}

std::optional<int> TarNumber(std::string_view name) {
  const std::size_t tar = name.find(".tar");
  if (tar == name.npos || tar == 0 || name.find('/') != name.npos) return std::nullopt;
  const std::string_view ending = name.substr(tar + 4);
  // WAL-E's and the oldest WAL-G's packing is known by its name only.
  const bool packed = verify::CompressionOfName(ending) || ending == ".lzo";
  if (!ending.empty() && !packed) return std::nullopt;
  constexpr std::string_view kPart = "part_";
  if (!name.starts_with(kPart)) return 0;
  const std::string_view digits = name.substr(kPart.size(), tar - kPart.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && number > 0 ? number : 0;
}

tl::expected<WalGRange, std::string> RangeOf(const WalGName& name, const verify::WalGBackup& said) {
  if (!said.start || !said.finish) return WalGRange{};
  const auto first = verify::ParseWalFileName(name.segment);
  const auto bytes = SegmentBytesOf(*first, *said.start);
  if (!bytes) {
    return tl::unexpected("its sentinel says that it begins at " + verify::FormatLsn(*said.start) +
                          ", which is not in the segment of its name");
  }
  if (*said.finish <= *said.start) {
    return tl::unexpected("its sentinel says that it ends at " + verify::FormatLsn(*said.finish) +
                          ", before its start");
  }
  const std::uint64_t last = (*said.finish - 1) / static_cast<std::uint64_t>(*bytes);
  return WalGRange{name.segment, verify::SegmentName(first->timeline, last, *bytes)};
}

tl::expected<BackupWal, Finding> FindFlatWal(Place& place, const RepositoryFacts& facts,
                                             const PlaceContext& context) {
  const auto first = verify::ParseWalFileName(facts.wal_start);
  const auto last = verify::ParseWalFileName(facts.wal_stop);
  if (!first || !last) return BackupWal();
  const auto bytes = SegmentBytesOf(*first, facts.start_lsn);
  const auto begin = bytes ? verify::SegmentNumber(*first, *bytes) : std::nullopt;
  const auto end = bytes ? verify::SegmentNumber(*last, *bytes) : std::nullopt;
  if (!begin || !end || *end < *begin || *end - *begin >= kMaxSegments) {
    return tl::unexpected(Finding{Reason::kCorrupt, "the WAL that it needs has no such names"});
  }
  std::vector<PlaceObject> listed;
  for (const std::string& prefix : PrefixesOf(facts, *first, *last, *bytes)) {
    ListOptions options;
    options.prefix = facts.wal_folder + prefix;
    options.one_level = true;
    auto listing = place.List(options, context);
    if (!listing) return tl::unexpected(std::move(listing.error()));
    std::move(listing->objects.begin(), listing->objects.end(), std::back_inserter(listed));
  }
  BackupWal wal;
  std::uint64_t next = *begin;
  for (PlaceObject& object : listed) {
    const auto name = verify::ParseWalFileName(object.name);
    if (!name || name->kind != WalFileName::Kind::kSegment) continue;
    const auto number = verify::SegmentNumber(*name, *bytes);
    if (name->timeline != first->timeline || !number || *number < *begin || *number > *end)
      continue;
    if (*number > next) break;
    next = std::max(next, *number + 1);
    wal.objects.push_back(std::move(object));
  }
  if (next <= *end) wal.missing = verify::SegmentName(first->timeline, next, *bytes);
  return wal;
}

}  // namespace drwatch::catalog
