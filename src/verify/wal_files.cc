#include "verify/wal_files.h"

#include <algorithm>

#include "verify/wal_name.h"
#include "verify/watched_source.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// More than any base backup spans; a damaged range must not make us count for ever.
constexpr std::uint64_t kMaxSegments = 10'000'000;
constexpr std::uint64_t kMinSegmentBytes = 1 << 20;

Fault SegmentFault(Reason reason, const std::string& name, std::string message) {
  return {Outcome::kBroken, reason, "WAL segment " + name, std::move(message)};
}

}  // namespace

Lsn WalFiles::NeededUntil(const WalFileName& name, std::int64_t size) const {
  const auto number = IsSegmentSize(size) ? SegmentNumber(name, size) : std::nullopt;
  if (!number) return 0;
  const Lsn begin = *number * static_cast<std::uint64_t>(size);
  Lsn until = 0;
  for (const WalRange& range : ranges_) {
    const bool inside = begin < range.end && begin + static_cast<std::uint64_t>(size) > range.start;
    if (range.timeline == name.timeline && inside) until = std::max(until, range.end);
  }
  return until;
}

Walked<void> WalFiles::Walk(const WalFileName& name, Lsn until, Source& content) {
  WalSegmentOptions options;
  options.name = name;
  options.system_identifier = system_identifier_;
  options.before = carry_ ? &*carry_ : nullptr;
  options.until = until;
  Reader reader(content);
  auto facts = WalkWalSegment(reader, options);
  if (!facts) return tl::unexpected(std::move(facts.error()));
  const auto size = static_cast<std::uint64_t>(facts->segment_bytes);
  const Lsn after = facts->begin + size;
  if (until <= after && facts->end < until && !facts->switched) {
    return Broken(Reason::kCorrupt, 0,
                  "WAL ends at " + FormatLsn(facts->end) + ", it is needed to " + FormatLsn(until));
  }
  const bool first = std::any_of(ranges_.begin(), ranges_.end(), [&](const WalRange& range) {
    return range.timeline == name.timeline && facts->begin <= range.start && range.start < after;
  });
  if (!first && (!carry_ || carry_->next != facts->begin)) unchained_ = true;
  magics_.emplace(facts->magic,
                  SegmentName(name.timeline, facts->begin / size, facts->segment_bytes));
  system_identifier_ = facts->system_identifier;
  carry_ = std::move(facts->carry);
  return {};
}

Walked<void> WalFiles::Add(const std::string& name, std::int64_t size, Source& content) {
  const auto parsed = ParseWalFileName(name);
  if (!parsed || parsed->kind != WalFileName::Kind::kSegment || parsed->packed) return {};
  segment_bytes_[name] = size;
  const Lsn until = NeededUntil(*parsed, size);
  if (until == 0) return {};
  WatchedSource watched(content);
  auto walked = Walk(*parsed, until, watched);
  if (walked || watched.failed()) return walked;
  Fault fault = SegmentFault(walked.error().reason, name, std::move(walked.error().message));
  if (!walked.error().place.empty()) fault.place += ": " + walked.error().place;
  return tl::unexpected(std::move(fault));
}

Walked<void> WalFiles::CheckRanges(const std::vector<WalRange>& ranges) {
  for (const WalRange& range : ranges) {
    if (range.end > range.start && (range.end - range.start) / kMinSegmentBytes <= kMaxSegments) {
      continue;
    }
    return tl::unexpected(
        Fault{Outcome::kBroken, Reason::kCorrupt, "backup_manifest", "impossible WAL range"});
  }
  return {};
}

Walked<void> WalFiles::Check() const {
  const auto fault = [](Reason reason, const std::string& name, std::string message) {
    return tl::unexpected(SegmentFault(reason, name, std::move(message)));
  };
  if (ranges_.empty()) return {};
  if (auto possible = CheckRanges(ranges_); !possible) return possible;
  if (segment_bytes_.empty()) {
    return tl::unexpected(Fault{Outcome::kBroken, Reason::kIncomplete, "pg_wal",
                                "the backup carries no WAL, without it it is not consistent"});
  }
  std::int64_t segment_bytes = 0;
  for (const auto& [name, bytes] : segment_bytes_) segment_bytes = std::max(segment_bytes, bytes);
  if (!IsSegmentSize(segment_bytes)) {
    return fault(Reason::kIncomplete, segment_bytes_.begin()->first, "has an impossible size");
  }
  const auto size = static_cast<std::uint64_t>(segment_bytes);
  for (const WalRange& range : ranges_) {
    for (std::uint64_t number = range.start / size; number <= (range.end - 1) / size; ++number) {
      const std::string name = SegmentName(range.timeline, number, segment_bytes);
      const auto found = segment_bytes_.find(name);
      if (found == segment_bytes_.end()) {
        return fault(Reason::kIncomplete, name, "is needed and missing");
      }
      if (found->second != segment_bytes) {
        return fault(Reason::kIncomplete, name, "has " + std::to_string(found->second) + " bytes");
      }
    }
  }
  return {};
}

}  // namespace drwatch::verify
