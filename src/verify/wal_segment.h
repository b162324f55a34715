// One WAL segment, walked page by page and record by record: every record's checksum, the chain of
// records, page addresses, timelines and the cluster they belong to. Little-endian servers from 9.5
// on. Pure; bounded memory.
//
// A record may begin in one segment and end in the next: the walk of the next one takes over where
// the last one stopped (WalCarry), and then nothing is left unchecked.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "verify/source.h"
#include "verify/wal_head.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// Where the walk of a segment stopped, for the segment that follows.
struct WalCarry {
  Lsn next = 0;                 // where the following segment begins
  std::optional<Lsn> previous;  // the last whole record; what follows names it
  bool in_record = false;       // a record continues in the following segment:
  Lsn record = 0;               // where it began
  std::uint32_t length = 0;     // how long it is
  std::uint32_t got = 0;        // how much of it was seen
  std::uint32_t crc = 0;        // of its body so far
  std::string head;             // its first bytes
};

struct WalMark;

struct WalSegmentOptions {
  std::optional<WalFileName> name;      // what the file's name says it is
  std::uint64_t system_identifier = 0;  // 0 = any cluster's
  bool being_packed = false;            // IsBeingPacked
  const WalCarry* before = nullptr;     // of the segment before it; used if it fits
  // Reads no further than to the first page that ends behind a whole record: whether it goes on
  // where `before` ends.
  bool start_only = false;
  // Valid WAL may end here or behind: what follows is not needed. 0 = it must go on to the next
  // segment.
  Lsn until = 0;
  // For one that is being written, and is walked again and again: goes on where `mark` is, which is
  // where the reader must be, too; sets it again every kMarkBytes on the way, and reads no further
  // than to the end of valid WAL.
  WalMark* mark = nullptr;
};

// True for what pg_receivewal --compress is writing ("....gz.partial"): it may be cut off anywhere,
// and its packing with it. A partial segment that was packed once it was there ends as others do.
bool IsBeingPacked(std::string_view file_name);
// True for what pg_receivewal is writing as it is ("....partial"): its file is as long as a segment
// before the first WAL gets into it, and made of zeros.
bool IsBeingWritten(std::string_view file_name);

struct WalSegmentFacts {
  std::uint16_t magic = 0;
  std::uint32_t timeline = 0;  // of its last page
  Lsn begin = 0;               // of the segment
  Lsn end = 0;                 // of the last record that is whole
  std::int64_t segment_bytes = 0;
  std::uint64_t system_identifier = 0;
  std::int64_t records = 0;  // whole ones, checked
  std::optional<Lsn> last_record;
  std::int64_t commits = 0;
  std::optional<base::Timestamp> last_commit;  // of the last commit record
  bool switched = false;                       // ends with a switch to the next segment
  // Being written: ends before its segment does. Without a first page all but this is 0.
  bool cut_off = false;
  // Bytes of records that begin before or end after the segment: no checksum here covers them.
  std::int64_t unchecked_bytes = 0;
  WalCarry carry;
};

// How far a walk has come, for a later one of the same segment.
struct WalMark {
  std::int64_t offset = 0;  // in the segment; 0 = at its begin
  WalSegmentFacts facts;    // of what is before `offset`
  WalCarry record;          // as it is at `offset`
  std::uint32_t skip = 0;   // what is left of a record that began before the segment
  std::size_t page_bytes = 0;
};
inline constexpr std::int64_t kMarkBytes = 1 << 20;

// Reads to the end of the stream. Faults: kIncomplete (cut short, or copied before it was full: a
// .partial one may be), kCorrupt, kWrongFormat (not the segment its name says, another cluster's).
Walked<WalSegmentFacts> WalkWalSegment(Reader& reader, const WalSegmentOptions& options);

// Of one that is cut off although later segments of its timeline are there, and it is not.
inline constexpr const char* kLeftBehindText =
    "ends before its segment does, and later segments follow it";

}  // namespace drwatch::verify
