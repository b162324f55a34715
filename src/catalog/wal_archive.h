// What a WAL archive is worth: which segments are missing, lost or on their way, which timelines do
// not belong, and from which base backups any point in time can be reached. Pure.
//
// A timeline's ancestry gives each segment number exactly one timeline: its parent's below the
// segment of the switch, its own from that segment on (which begins with a copy of the parent's).
// What lies before the oldest base backup that needs it has expired and is not missed, nor is what
// a backup program removed between base backups. Where no base backup has WAL here, what lies
// between the newest one and the first segment is missing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/artefact.h"
#include "catalog/wal_range.h"
#include "verify/wal_name.h"
#include "verify/wal_text.h"

namespace drwatch::catalog {

struct WalSegmentFile {
  std::uint64_t number = 0;
  std::size_t object = 0;  // index of its object in the listing
  base::Timestamp modified{};
};

// What lies in an archive, by timeline, each in the order of numbers and each number once.
struct WalInventory {
  std::int64_t segment_bytes = verify::kDefaultSegmentBytes;
  std::map<std::uint32_t, std::vector<WalSegmentFile>> segments;
  std::map<std::uint32_t, std::vector<WalSegmentFile>> partials;
  std::map<std::uint32_t, WalSegmentFile> histories;  // without a number
  std::vector<std::size_t> backups;                   // .backup files
  std::int64_t impossible_names = 0;                  // that cannot occur with this segment size
  std::string impossible_name;                        // one of them
  std::vector<std::string> twice;  // segments with two files that are not the same
};

// A base backup that WAL can carry on.
struct WalBase {
  verify::Lsn start = 0, stop = 0;
  std::uint32_t timeline = 1;           // at its start
  base::Timestamp stopped{};            // at the latest, where `begun` is told
  std::string name;                     // for people
  std::uint64_t system_identifier = 0;  // 0 = not known
  std::string probe{};  // the backup probe that found it; empty = a .backup file in the archive
  // Whether it can be restored itself, by its verification.
  enum class State { kProven, kUnproven, kBroken } state = State::kProven;
  std::uint32_t stop_timeline = 0;  // 0 = not known: that of its start
  base::Timestamp begun{};          // the epoch where `stopped` is exact
};

// What the server that archives says.
struct WalLive {
  std::uint32_t timeline = 0;  // 0 = not told
  verify::Lsn position = 0;
  std::string last_archived;  // a segment's name; empty = none or not told
  std::optional<base::Timestamp> last_archived_at;
  bool answers = true;  // it was seen there just now
};

struct AcknowledgedWal {
  verify::WalFileName first, last;
  base::Timestamp until{};
};

struct WalQuestion {
  // Segments of no use, by timeline and number: they are not missing, but WAL breaks off at them.
  WalSegmentSet broken;
  // Segments that went away lately: before the newest base backup that has all of its WAL, or,
  // while none that is known has any, before all that is left, they are being pruned, not lost yet.
  WalSegmentSet removed;
  WalSegmentSet leaving;  // those of them that are being pruned wherever they lie
  // The ancestries of the timelines whose history files could be read.
  std::map<std::uint32_t, std::vector<verify::TimelineSwitch>> histories;
  std::set<std::uint32_t> unread_histories;  // there, but unreadable: segments show the parents
  std::vector<WalBase> bases;
  // Of which the archive itself says that they were finished. Whether they still exist it does not
  // say, but pruning may have begun for one before it is known.
  std::vector<WalBase> marks;
  bool size_known = true;  // false if only names tell it: where a position lies is then a guess
  std::optional<WalLive> live;
  int in_flight_segments = 2;       // at the end, that may still be on their way
  base::Duration in_flight_time{};  // and for how long
  // When segments that are dated in the future were seen first, by timeline and number.
  std::map<std::pair<std::uint32_t, std::uint64_t>, base::Timestamp> first_seen;
  std::vector<AcknowledgedWal> acknowledged;
  // Timelines of other servers, and until when that is known.
  std::map<std::uint32_t, base::Timestamp> acknowledged_timelines;
  // It lies in the repository of a backup program, which may keep old base backups with nothing but
  // the WAL that they need themselves.
  bool expires = false;
  base::Timestamp now{};
};

struct WalGap {
  enum class Kind { kLost, kPending, kAcknowledged, kExpired, kPruned };
  WalRange range;
  Kind kind = Kind::kLost;
};

// From a base backup on to where its WAL first breaks off.
struct WalChain {
  std::size_t base = 0;       // index in WalQuestion::bases
  std::uint64_t reaches = 0;  // the last segment number without a gap
  bool consistent = false;    // that covers the backup's own stop
};

struct WalArchiveState {
  std::uint32_t timeline = 0;           // the one that is judged; 0 = the archive is empty
  std::vector<std::uint32_t> ancestry;  // its parents and itself, oldest first
  std::vector<WalRange> runs;           // what is there of the ancestry, in order
  std::vector<WalGap> gaps;             // what is missing of it
  std::uint64_t lost = 0;               // segments, by kind of gap
  std::uint64_t pending = 0, acknowledged = 0;
  std::uint64_t expired = 0;           // of those between base backups
  std::uint64_t pruned = 0;            // of those that are being pruned
  std::vector<std::uint32_t> foreign;  // timelines with files here that are not its parents
  // Those of them that another server began: newer ones, unless the live server is gone and may
  // have been followed by theirs. An older one is what a point-in-time recovery leaves behind.
  std::vector<std::uint32_t> newer;
  // Parents that went on after the switch, in files that came after the next timeline's history:
  // what was there before is what a point-in-time recovery of the server itself leaves behind.
  std::vector<std::uint32_t> diverged;
  // Those of both kinds that are acknowledged: they are not among the two above.
  std::vector<std::uint32_t> acknowledged_timelines;
  std::vector<std::uint32_t> no_history;  // timelines above 1 whose history file is missing
  std::vector<WalChain> chains;           // of the bases that lie on the ancestry and have WAL
  // Bases on what the live server has left behind: they bring back what it has gone back from.
  std::vector<std::size_t> left_bases;
  // Where the WAL breaks off that can be reached: from the base backup that reaches furthest; of
  // everything if no base is known.
  std::optional<WalRange> reachable;  // the segments from there, of one timeline, back to a gap
  // The base whose chain reaches that end and that was finished first.
  std::optional<std::size_t> window_base;
  // There is none, but a young one that lacks only what may still come.
  bool base_on_its_way = false;
  // The end of what has arrived without a pending hole.
  std::optional<verify::Lsn> archived_to;
};

WalArchiveState JudgeWalArchive(const WalInventory& inventory, const WalQuestion& question);

}  // namespace drwatch::catalog
