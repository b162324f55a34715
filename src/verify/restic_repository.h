// A repository of restic, without its key.
#pragma once

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// Every pack, index, snapshot and key has the bytes whose SHA-256 it is named after. What is
// missing among them shows only if nothing of a kind is left: the index is encrypted.
Verdict VerifyRestic(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
