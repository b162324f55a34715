// The repositories of restic and Borg: backups cut into pieces that several of them share, most
// often encrypted. What can be told without their keys.
#pragma once

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

enum class ChunkStore { kNone, kRestic, kBorg };
ChunkStore RecogniseChunkStore(const FileSet& files);

// The folder whose newest file is as old as the last backup: of restic nothing but a backup writes
// there. What prunes a repository of Borg writes segments, too.
std::string_view WrittenByABackup(ChunkStore kind);

// Of restic the keys, the index and the snapshots are named after the SHA-256 of their bytes; of
// both no pack or segment may be empty, and a segment of Borg says what it is. Broken if any of
// that is wrong, a part is missing, or nothing was ever backed up; else unjudged: which packs must
// be there only the index tells, and what is in them only the program.
Verdict VerifyChunkStore(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
