#include "verify/control_file.h"

#include "verify/content_check.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// pg_control.h, ControlFileData: the identifier, the layout's version, that of the catalog, the
// state, the time, the place of the last checkpoint; until version 10 that of the one before it;
// then the checkpoint itself, which begins with the place recovery starts at and the timeline.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kStateAt = 16;
constexpr std::size_t kCheckpointAt = 32;
constexpr std::size_t kRedoAt = 40;
constexpr std::uint32_t kFirstWithCrc32c = 942;          // 9.5
constexpr std::uint32_t kFirstWithOneCheckpoint = 1100;  // 11
constexpr std::uint32_t kMinVersion = 800;
constexpr std::uint32_t kMaxVersion = 9999;
// DBState: DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY.
constexpr std::uint32_t kStopped = 1;
constexpr std::uint32_t kStoppedInRecovery = 2;
// The checksum stands behind the fields, as many as the version has.
constexpr std::size_t kMinFieldBytes = 200;
constexpr std::size_t kMaxFieldBytes = 480;

std::uint64_t NumberAt(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::uint32_t Word(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(NumberAt(bytes, at, sizeof(std::uint32_t)));
}

bool IsVersion(std::uint32_t version) { return version >= kMinVersion && version <= kMaxVersion; }

bool ChecksumFits(std::string_view bytes) {
  for (std::size_t at = kMinFieldBytes; at <= kMaxFieldBytes; at += sizeof(std::uint32_t)) {
    if (Crc32c(0, bytes.substr(0, at)) == Word(bytes, at)) return true;
  }
  return false;
}

}  // namespace

Walked<ControlFile> ParseControlFile(std::string_view bytes) {
  if (bytes.size() < kMaxFieldBytes + sizeof(std::uint32_t)) {
    return Broken(Reason::kIncomplete, static_cast<std::int64_t>(bytes.size()),
                  "ends within a control file");
  }
  const std::uint32_t version = Word(bytes, kVersionAt);
  if (!IsVersion(version)) {
    const bool foreign = IsVersion(__builtin_bswap32(version));
    if (foreign) return ControlFile();
    return Broken(Reason::kCorrupt, 0, "is no control file");
  }
  ControlFile control;
  const std::uint32_t state = Word(bytes, kStateAt);
  control.stopped = state == kStopped || state == kStoppedInRecovery;
  if (version < kFirstWithCrc32c) return control;
  if (!ChecksumFits(bytes)) return Broken(Reason::kCorrupt, 0, "its checksum differs");
  const std::size_t redo = kRedoAt + (version < kFirstWithOneCheckpoint ? sizeof(Lsn) : 0);
  const Lsn start = NumberAt(bytes, redo, sizeof(Lsn));
  const Lsn last = NumberAt(bytes, kCheckpointAt, sizeof(Lsn));
  control.checkpoint = WalRange{Word(bytes, redo + sizeof(Lsn)), start, last + 1};
  return control;
}

}  // namespace drwatch::verify
