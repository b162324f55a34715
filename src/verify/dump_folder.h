// Directory-format archives of pg_dump (-Fd).
#pragma once

#include <string>

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// A folder whose toc.dat begins as a pg_dump archive does.
bool LooksLikeDumpFolder(const FileSet& files);
bool LooksLikeDumpFolder(const std::string& folder);

// The whole table of contents, and every file it names is there and unpacks to its end; so do the
// large objects.
Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget);
Verdict VerifyDumpFolder(const std::string& folder, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
