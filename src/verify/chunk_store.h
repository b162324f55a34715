// The repositories of restic and Borg: backups cut into pieces that several of them share, most
// often encrypted.
#pragma once

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

enum class ChunkStore { kNone, kRestic, kBorg };
ChunkStore RecogniseChunkStore(const FileSet& files);

// The folder whose newest file is as old as the last backup: of restic nothing but a backup writes
// there. What prunes a repository of Borg writes segments, too.
std::string_view WrittenByABackup(ChunkStore kind);

// As VerifyRestic() and VerifyBorg(); `kind` is not kNone.
Verdict VerifyChunkStore(const FileSet& files, ChunkStore kind, const Checksums& checksums,
                         ReadBudget& budget);

}  // namespace drwatch::verify
