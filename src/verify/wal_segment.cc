#include "verify/wal_segment.h"

#include <algorithm>

#include "base/sizes.h"
#include "verify/content_check.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// xlogrecord.h: XLogRecord.
constexpr std::size_t kRecordHeaderBytes = 24;
constexpr std::size_t kCrcAt = 20;
constexpr std::uint32_t kMaxRecordBytes = 1u << 30;
constexpr unsigned char kXlogManager = 0;
constexpr unsigned char kTransactionManager = 1;
constexpr unsigned char kSwitch = 0x40;
constexpr unsigned char kTransactionMask = 0x70;
constexpr unsigned char kCommit = 0x00;
constexpr unsigned char kCommitPrepared = 0x30;
// What of a record is kept: its header and all that may stand before the time of a commit.
constexpr std::size_t kKeptBytes = 64;
// 2000-01-01 in milliseconds.
constexpr std::int64_t kPostgresEpochMillis = 946'684'800'000;

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::size_t Aligned(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

// The time in a commit record whose first bytes are `head`; nullopt if it is none or unreadable.
std::optional<base::Timestamp> CommitTime(std::string_view head) {
  const auto info = static_cast<unsigned char>(head[16]);
  const auto manager = static_cast<unsigned char>(head[17]);
  const int operation = info & kTransactionMask;
  if (manager != kTransactionManager || (operation != kCommit && operation != kCommitPrepared)) {
    return std::nullopt;
  }
  std::size_t at = kRecordHeaderBytes;
  while (at < head.size()) {
    // XLR_BLOCK_ID_*: origin, top-level transaction, main data with a short or a long length.
    const auto id = static_cast<unsigned char>(head[at]);
    if (id == 253) {
      at += 3;
    } else if (id == 252) {
      at += 5;
    } else if (id == 255 || id == 254) {
      at += id == 255 ? 2 : 5;
      if (at + 8 > head.size()) return std::nullopt;
      return base::FromUnixMillis(WalNumber<std::int64_t>(head, at) / 1000 + kPostgresEpochMillis);
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

class SegmentWalker {
 public:
  SegmentWalker(Reader& reader, const WalSegmentOptions& options)
      : reader_(reader), options_(options) {}

  Walked<WalSegmentFacts> Run();

 private:
  Walked<bool> Begin();
  Walked<bool> BeforeFirstPage();
  Walked<void> ReadFirstHeader();
  Walked<void> WalkPage(std::string_view page);
  Walked<std::size_t> EnterPage(std::string_view page);
  Walked<void> BeginContinued(const WalPageHeader& header);
  Walked<void> WalkRecords(std::string_view page, std::size_t at);
  Walked<std::size_t> ContinueRecord(std::string_view page, std::size_t at);
  Walked<void> FinishRecord(std::size_t at);
  Walked<void> CheckAfterEnd(std::string_view page);
  Walked<void> EndHere(std::size_t at, Reason reason, std::string message);
  Walked<void> Close();
  void SetMark();
  // Whether the rest of the segment says nothing more.
  bool AtEnd() const {
    if (options_.mark != nullptr) return early_end_ || facts_.switched;
    return options_.start_only && facts_.records > 0;
  }
  tl::unexpected<Fault> Bad(Reason reason, std::size_t at, const std::string& message) const;
  bool partial() const {
    return options_.name && options_.name->kind == WalFileName::Kind::kPartial;
  }
  bool reached() const { return options_.until != 0 && facts_.end >= options_.until; }
  Lsn LsnAt(std::size_t at) const { return facts_.begin + page_at_ + at; }

  Reader& reader_;
  const WalSegmentOptions& options_;
  WalSegmentFacts facts_;
  std::size_t page_bytes_ = 0;
  std::size_t page_at_ = 0;         // of the page being walked, in the segment
  WalCarry record_;                 // the record being read, and the last one
  std::uint32_t skip_ = 0;          // of a record that began before the segment, not seen
  std::optional<Fault> early_end_;  // what stands where valid WAL ends before the segment does
};

tl::unexpected<Fault> SegmentWalker::Bad(Reason reason, std::size_t at,
                                         const std::string& message) const {
  return Broken(reason, static_cast<std::int64_t>(page_at_ + at),
                message + " at " + FormatLsn(LsnAt(at)));
}

// Whether no WAL has got into it yet.
Walked<bool> SegmentWalker::BeforeFirstPage() {
  auto head = reader_.Peek(WalPageHeader::kLongBytes);
  if (options_.being_packed) {
    if (!head && head.error().reason == Reason::kIncomplete) return true;
    return head ? Walked<bool>(head->size() < WalPageHeader::kLongBytes)
                : tl::unexpected(std::move(head.error()));
  }
  if (!partial() || options_.name->packed) return false;
  if (!head) return tl::unexpected(std::move(head.error()));
  if (!AllZero(*head)) return false;
  if (options_.mark != nullptr) return true;
  if (auto zeros = reader_.SkipZeros(); !zeros) return tl::unexpected(std::move(zeros.error()));
  return reader_.AtEnd();
}

Walked<void> SegmentWalker::ReadFirstHeader() {
  auto head = reader_.Peek(WalPageHeader::kLongBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (!LooksLikeWal(*head)) {
    return Broken(Reason::kWrongFormat, 0, "does not begin as a WAL segment does");
  }
  const WalPageHeader header(*head);
  facts_.magic = header.magic;
  facts_.begin = header.address;
  facts_.timeline = header.timeline;
  facts_.system_identifier = WalNumber<std::uint64_t>(*head, 24);
  facts_.segment_bytes = WalNumber<std::uint32_t>(*head, 32);
  page_bytes_ = WalNumber<std::uint32_t>(*head, 36);
  if (options_.system_identifier != 0 && facts_.system_identifier != options_.system_identifier) {
    return Broken(Reason::kWrongFormat, 24,
                  "belongs to another cluster: its system identifier is " +
                      std::to_string(facts_.system_identifier) + ", not " +
                      std::to_string(options_.system_identifier));
  }
  if (!options_.name) return {};
  const auto number = SegmentNumber(*options_.name, facts_.segment_bytes);
  if (!number) {
    return Broken(Reason::kWrongFormat, 32,
                  "its segments have " + base::FormatSize(facts_.segment_bytes) +
                      ", with which its name cannot occur");
  }
  const Lsn named = *number * static_cast<std::uint64_t>(facts_.segment_bytes);
  if (named != facts_.begin) {
    return Broken(
        Reason::kCorrupt, 8,
        "holds the WAL of " + FormatLsn(facts_.begin) + ", its name says " + FormatLsn(named));
  }
  return {};
}

// Valid WAL ends here. Whether that may be is known once what follows was seen.
Walked<void> SegmentWalker::EndHere(std::size_t at, Reason reason, std::string message) {
  early_end_ = Bad(reason, at, message).value();
  return {};
}

// Behind the end of valid WAL there are zeros, or what a recycled segment held before. A page of
// this segment there shows that the end was a damage.
Walked<void> SegmentWalker::CheckAfterEnd(std::string_view page) {
  const WalPageHeader header(page);
  if (early_end_ && header.magic == facts_.magic && header.address == LsnAt(0)) {
    early_end_->reason = Reason::kCorrupt;
    return tl::unexpected(*early_end_);
  }
  return {};
}

// Checks the page's header; returns where its content begins, 0 if valid WAL ended before it.
Walked<std::size_t> SegmentWalker::EnterPage(std::string_view page) {
  const WalPageHeader header(page);
  const auto ends = [&](Reason reason, std::string message) -> Walked<std::size_t> {
    if (auto ended = EndHere(0, reason, std::move(message)); !ended) {
      return tl::unexpected(std::move(ended.error()));
    }
    return 0;
  };
  if (AllZero(page)) return ends(Reason::kIncomplete, "not full: WAL ends");
  if (header.magic != facts_.magic) return ends(Reason::kCorrupt, "no WAL page begins");
  if (header.address < LsnAt(0)) {
    return ends(Reason::kIncomplete, "not full: WAL ends, an older page follows");
  }
  if (header.address != LsnAt(0)) return ends(Reason::kCorrupt, "another page's address");
  const bool long_header = page_at_ == 0;
  if ((header.flags & ~WalPageHeader::kAllFlags) != 0 ||
      ((header.flags & WalPageHeader::kLong) != 0) != long_header) {
    return ends(Reason::kCorrupt, "impossible flags of a page");
  }
  const bool named = options_.name.has_value();
  if (header.timeline < facts_.timeline || (named && header.timeline > options_.name->timeline)) {
    return ends(Reason::kCorrupt, "a page of timeline " + std::to_string(header.timeline));
  }
  facts_.timeline = header.timeline;
  if (auto continued = BeginContinued(header); !continued) {
    return ends(continued.error().reason, continued.error().message);
  }
  return long_header ? WalPageHeader::kLongBytes : WalPageHeader::kShortBytes;
}

// What the page says about a record that began before it must be what that record says.
Walked<void> SegmentWalker::BeginContinued(const WalPageHeader& header) {
  const bool continued = (header.flags & WalPageHeader::kContinued) != 0;
  const std::uint32_t left = record_.in_record ? record_.length - record_.got : skip_;
  if (continued && left == 0) {
    const bool unseen = page_at_ == 0 && !record_.previous;
    if (!unseen || header.remaining == 0 || header.remaining > kMaxRecordBytes) {
      return Broken(Reason::kCorrupt, 0, "continues a record that is not open");
    }
    skip_ = header.remaining;
    return {};
  }
  if (continued && header.remaining != left) {
    return Broken(Reason::kCorrupt, 0, "continues another record than the one before it");
  }
  if (continued || left == 0) return {};
  // The server crashed while it wrote the record, and began anew here (since 14.1).
  if ((header.flags & WalPageHeader::kOverwritten) == 0) {
    return Broken(Reason::kCorrupt, 0, "does not continue the record before it");
  }
  record_.in_record = false;
  skip_ = 0;
  return {};
}

Walked<void> SegmentWalker::WalkPage(std::string_view page) {
  if (facts_.switched || reached()) return {};
  if (early_end_) return CheckAfterEnd(page);
  auto begin = EnterPage(page);
  if (!begin) return tl::unexpected(std::move(begin.error()));
  return *begin == 0 ? Walked<void>() : WalkRecords(page, *begin);
}

// Reads on in the open record; returns the place behind it, aligned, or the page's end.
Walked<std::size_t> SegmentWalker::ContinueRecord(std::string_view page, std::size_t at) {
  const std::size_t room = page.size() - at;
  if (!record_.in_record) {
    const std::size_t part = std::min<std::size_t>(skip_, room);
    skip_ -= static_cast<std::uint32_t>(part);
    facts_.unchecked_bytes += static_cast<std::int64_t>(part);
    return std::min(Aligned(at + part), page.size());
  }
  const std::size_t part = std::min<std::size_t>(record_.length - record_.got, room);
  const std::string_view bytes = page.substr(at, part);
  if (record_.head.size() < kKeptBytes) {
    record_.head += bytes.substr(0, kKeptBytes - record_.head.size());
  }
  const std::size_t header_left =
      record_.got < kRecordHeaderBytes ? kRecordHeaderBytes - record_.got : 0;
  if (header_left < part) record_.crc = Crc32c(record_.crc, bytes.substr(header_left));
  record_.got += static_cast<std::uint32_t>(part);
  if (record_.got == record_.length) {
    if (auto finished = FinishRecord(at + part); !finished) {
      return tl::unexpected(std::move(finished.error()));
    }
  }
  return std::min(Aligned(at + part), page.size());
}

// `at` is behind the record.
Walked<void> SegmentWalker::FinishRecord(std::size_t at) {
  record_.in_record = false;
  const std::string_view head = record_.head;
  const auto fault = [this](std::string message) {
    // The record may have begun in the segment before.
    const auto offset = static_cast<std::int64_t>(record_.record - facts_.begin);
    return Broken(Reason::kCorrupt, record_.record < facts_.begin ? 0 : offset,
                  std::move(message) + " of the record at " + FormatLsn(record_.record));
  };
  if (Crc32c(record_.crc, head.substr(0, kCrcAt)) != WalNumber<std::uint32_t>(head, kCrcAt)) {
    return fault("wrong checksum");
  }
  const Lsn previous = WalNumber<std::uint64_t>(head, 8);
  if (record_.previous ? previous != *record_.previous : previous >= record_.record) {
    return fault("wrong predecessor " + FormatLsn(previous));
  }
  record_.previous = record_.record;
  facts_.last_record = record_.record;
  facts_.end = LsnAt(Aligned(at));
  ++facts_.records;
  if (const auto commit = CommitTime(head)) {
    ++facts_.commits;
    facts_.last_commit = commit;
  }
  const auto manager = static_cast<unsigned char>(head[17]);
  facts_.switched =
      manager == kXlogManager && (static_cast<unsigned char>(head[16]) & 0xF0) == kSwitch;
  return {};
}

Walked<void> SegmentWalker::WalkRecords(std::string_view page, std::size_t at) {
  while (at < page.size() && !facts_.switched) {
    if (!record_.in_record && skip_ == 0) {
      const auto length = WalNumber<std::uint32_t>(page, at);
      if (length == 0 && AllZero(page.substr(at))) {
        return EndHere(at, Reason::kIncomplete, "not full: WAL ends");
      }
      if (length < kRecordHeaderBytes || length > kMaxRecordBytes) {
        return EndHere(at, Reason::kCorrupt, "impossible length of a record");
      }
      const std::optional<Lsn> previous = record_.previous;
      record_ = WalCarry{};
      record_.previous = previous;
      record_.in_record = true;
      record_.record = LsnAt(at);
      record_.length = length;
    }
    auto next = ContinueRecord(page, at);
    if (!next) {
      early_end_ = std::move(next.error());
      return {};
    }
    at = *next;
  }
  return {};
}

Walked<void> SegmentWalker::Close() {
  auto end = reader_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (!*end) return Broken(Reason::kCorrupt, reader_.offset(), "bytes after the segment's end");
  if (early_end_) {
    if (!partial() && !reached()) return tl::unexpected(std::move(*early_end_));
    return {};
  }
  const Lsn after = facts_.begin + static_cast<std::uint64_t>(facts_.segment_bytes);
  if (!facts_.switched && record_.in_record) {
    const Lsn begin = std::max(record_.record, facts_.begin);
    facts_.unchecked_bytes += static_cast<std::int64_t>(after - begin);
  }
  facts_.carry = std::move(record_);
  facts_.carry.next = after;
  return {};
}

void SegmentWalker::SetMark() {
  const auto at = static_cast<std::int64_t>(page_at_);
  if (options_.mark == nullptr || at % kMarkBytes != 0) return;
  *options_.mark = {at, facts_, record_, skip_, page_bytes_};
}

// False: no WAL has got into it yet.
Walked<bool> SegmentWalker::Begin() {
  if (options_.mark != nullptr && options_.mark->offset != 0) {
    const WalMark& mark = *options_.mark;
    page_at_ = static_cast<std::size_t>(mark.offset);
    page_bytes_ = mark.page_bytes;
    facts_ = mark.facts;
    record_ = mark.record;
    skip_ = mark.skip;
    return true;
  }
  auto before = BeforeFirstPage();
  if (!before) return tl::unexpected(std::move(before.error()));
  facts_.cut_off = *before;
  if (facts_.cut_off) return false;
  if (auto first = ReadFirstHeader(); !first) return tl::unexpected(std::move(first.error()));
  facts_.end = facts_.begin;
  if (options_.before != nullptr && options_.before->next == facts_.begin) {
    record_ = *options_.before;
  }
  return true;
}

Walked<WalSegmentFacts> SegmentWalker::Run() {
  const auto begun = Begin();
  if (!begun) return tl::unexpected(begun.error());
  if (!*begun) return std::move(facts_);
  const auto size = static_cast<std::size_t>(facts_.segment_bytes);
  for (; page_at_ < size; page_at_ += page_bytes_) {
    SetMark();
    auto page = reader_.Take(page_bytes_, "a page");
    if (!page) {
      Fault fault = std::move(page.error());
      const bool being_written = options_.being_packed || options_.mark != nullptr;
      facts_.cut_off = fault.reason == Reason::kIncomplete && being_written;
      if (facts_.cut_off) return std::move(facts_);
      if (fault.outcome == Outcome::kBroken && fault.reason == Reason::kIncomplete) {
        fault.message = "cut short: a segment has " + std::to_string(size) + " bytes";
      }
      return tl::unexpected(std::move(fault));
    }
    if (auto walked = WalkPage(*page); !walked) return tl::unexpected(std::move(walked.error()));
    if (options_.start_only && early_end_) return tl::unexpected(*std::move(early_end_));
    if (AtEnd()) return std::move(facts_);
  }
  page_at_ = 0;
  if (auto closed = Close(); !closed) return tl::unexpected(std::move(closed.error()));
  return std::move(facts_);
}

}  // namespace

bool IsBeingPacked(std::string_view file_name) {
  const auto name = ParseWalFileName(file_name);
  return name && name->packed && file_name.ends_with(".partial");
}

bool IsBeingWritten(std::string_view file_name) {
  const auto name = ParseWalFileName(file_name);
  return name && name->kind == WalFileName::Kind::kPartial && !name->packed;
}

Walked<WalSegmentFacts> WalkWalSegment(Reader& reader, const WalSegmentOptions& options) {
  return SegmentWalker(reader, options).Run();
}

}  // namespace drwatch::verify
