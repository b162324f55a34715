// What reading an artefact to its end proved.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "model/probe_result.h"
#include "verify/contents.h"
#include "verify/needed_wal.h"

namespace drwatch::verify {

class KnownFiles;

enum class Outcome {
  kIntact,    // read to its end, nothing is wrong
  kBroken,    // cannot be restored as it is
  kUnjudged,  // nothing could be proven: unknown format, unreadable, stopped, over a limit
};
// "intact", "broken", "unjudged".
std::string_view OutcomeName(Outcome outcome);

// How much an artefact was proven (docs/metrics.md, backup_verification_level).
enum class Level {
  kExists = 0,
  kSize = 1,      // it is not empty; its content says nothing (unknown or encrypted)
  kChecksum = 2,  // the bytes are those a checksum file names; the format is unknown
  kFormat = 3,    // walked to the end of its format, but some content has no checksum
  kContent = 4,   // walked, and all content is covered by checksums
};

// Whether a checksum file beside the artefact names it, and what it said.
enum class ChecksumState { kNone, kMatched, kMismatched };

struct Verdict {
  Outcome outcome = Outcome::kUnjudged;
  Level level = Level::kExists;
  ChecksumState checksum = ChecksumState::kNone;
  model::Reason reason = model::Reason::kNone;  // kNone only if intact
  std::string place;    // "base.tar.gz: byte 12345"; empty if the whole artefact is meant
  std::string message;  // what is wrong there; empty if intact
  std::string format;   // "pg_dump custom archive 1.14, gzip"; empty if unknown
  std::vector<std::string> details;  // findings that do not break it
  std::int64_t bytes_read = 0;
  // "sha256:<hex>" of the bytes of an artefact that is one file, if a checksum file made it worth
  // computing or VerifyOptions::digest asked for it. Empty: not known.
  std::string digest;
  Contents contents;
  bool cut_off = false;  // as Walk::cut_off
  // Not empty: broken for nothing but that it carries no WAL; `level` is that of its files. With
  // this WAL of an archive it is intact.
  NeededWal needs_wal;

  // "base.tar.gz: byte 12345: gzip checksum differs", or the format of an intact one.
  std::string ToString() const;
};

struct VerifyOptions {
  std::int64_t read_rate_bytes = 0;  // per second; 0 = unlimited
  // Reached: unjudged with kTimeout.
  base::Deadline deadline{base::SteadyTime::max()};
  // Requested: unjudged with kTimeout, "stopped".
  base::StopToken stop;
  // Counts what is read while it is read, for whoever shows progress; may be shared. nullptr: no.
  std::atomic<std::int64_t>* read_bytes = nullptr;
  // Counts the nanoseconds that reading waited for its rate, of threads that read side by side
  // those of the one that waited longest; may be shared. nullptr: no.
  std::atomic<std::int64_t>* paced = nullptr;
  // Verdict::digest is wanted, of what is read to its end anyway.
  bool digest = false;
  // Files of an artefact that are read at a time, each on a core; they share the rate.
  int jobs = 1;
  // Files that take turns on each of those cores, to be hashed side by side (digest_lanes.h). For
  // places where reading waits for nobody else. Each takes the memory of one more file.
  int streams = 1;
  // Files that were read and whole no longer ago than this are not read again for another backup
  // that needs them, while they stay as they were. 0 = every file is read.
  base::Duration reuse{0};
  // Where it is noted which files of a repository of restic or Borg those are; outlives the call.
  // nullptr: nowhere.
  KnownFiles* known = nullptr;
};

// Named limits. What exceeds one is unjudged with kLimit: never a large allocation, never a crash.
// Compressed data inside compressed data, at most so deep.
inline constexpr int kMaxNesting = 3;
// A stream that unpacks to more than this many times its size, once it gave kExpansionFloorBytes.
inline constexpr std::int64_t kMaxExpansionRatio = 20'000;
inline constexpr std::int64_t kExpansionFloorBytes = std::int64_t{4} << 30;
// A checksum list; a longer file is not one.
inline constexpr std::int64_t kMaxChecksumListBytes = 64 << 20;
// Files of one folder artefact.
inline constexpr std::int64_t kMaxFiles = 2'000'000;
// Entries with data in one pg_dump archive.
inline constexpr std::int64_t kMaxDumpEntries = 500'000;

}  // namespace drwatch::verify
