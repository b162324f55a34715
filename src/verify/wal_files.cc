#include "verify/wal_files.h"

#include <algorithm>

#include "verify/wal_name.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// More than any base backup spans; a damaged range must not make us count for ever.
constexpr std::uint64_t kMaxSegments = 10'000'000;

// Of the address in the header of a segment's first page.
constexpr std::size_t kAddressEnd = 16;

std::uint64_t LittleEndianAt(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

tl::unexpected<Fault> SegmentFault(Reason reason, const std::string& name, std::string message) {
  return tl::unexpected(Fault{Outcome::kBroken, reason, "WAL segment " + name, std::move(message)});
}

}  // namespace

void WalFiles::Add(const std::string& name, std::int64_t size, std::string_view head) {
  const auto parsed = ParseWalFileName(name);
  if (!parsed || parsed->kind != WalFileName::Kind::kSegment || parsed->packed) return;
  segments_[name] = {size, std::string(head.substr(0, kHeadBytes))};
}

Walked<void> WalFiles::Check(const std::vector<WalRange>& ranges) const {
  if (ranges.empty()) return {};
  if (segments_.empty()) {
    return tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, "pg_wal",
                                "the backup carries no WAL, without it it is not consistent"});
  }
  std::int64_t segment_bytes = 0;
  for (const auto& [name, segment] : segments_)
    segment_bytes = std::max(segment_bytes, segment.size);
  if (!IsSegmentSize(segment_bytes)) {
    return SegmentFault(Reason::kIncomplete, segments_.begin()->first, "has an impossible size");
  }
  const auto size = static_cast<std::uint64_t>(segment_bytes);
  for (const WalRange& range : ranges) {
    if (range.end <= range.start || (range.end - range.start) / size > kMaxSegments) {
      return tl::unexpected(
          Fault{Outcome::kBroken, Reason::kCorrupt, "backup_manifest", "impossible WAL range"});
    }
    for (std::uint64_t number = range.start / size; number <= (range.end - 1) / size; ++number) {
      const std::string name = SegmentName(range.timeline, number, segment_bytes);
      const auto found = segments_.find(name);
      if (found == segments_.end()) {
        return SegmentFault(Reason::kIncomplete, name, "is needed and missing");
      }
      const Segment& segment = found->second;
      if (segment.size != segment_bytes) {
        return SegmentFault(Reason::kIncomplete, name,
                            "has " + std::to_string(segment.size) + " bytes");
      }
      // A file that shrank while it was read has less of a head than its size says.
      if (segment.head.size() < kAddressEnd) {
        return SegmentFault(Reason::kIncomplete, name, "ends in its first page's header");
      }
      // xlog_internal.h, XLogPageHeaderData: xlp_pageaddr at byte 8.
      if (LittleEndianAt(segment.head, 8, 8) != number * size) {
        return SegmentFault(Reason::kCorrupt, name, "begins with another page's address");
      }
    }
  }
  return {};
}

}  // namespace drwatch::verify
