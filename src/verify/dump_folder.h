// Directory-format archives of pg_dump (-Fd).
#pragma once

#include <string>

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// A folder with a toc.dat.
bool LooksLikeDumpFolder(const FileSet& files);
bool LooksLikeDumpFolder(const std::string& folder);
// Packed data of tables or large objects and nothing else: a copy that did not come as far as its
// toc.dat, which is last by name. What is not packed is not told from anybody's "1.dat".
bool LooksLikeCutDumpFolder(const FileSet& files);

// The whole table of contents, and every file it names is there and unpacks to its end; so do the
// large objects.
Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
