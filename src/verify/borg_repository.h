// A repository of Borg 1, without its key.
#pragma once

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// Every entry of every segment has its CRC-32, up to the last one that was committed, and every
// piece of the backups lies where the index says. Segments behind the last commit are what a backup
// writes that runs or was broken off: Borg drops them, and so they may end anywhere.
Verdict VerifyBorg(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
