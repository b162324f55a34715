// Directory-format archives of pg_dump (-Fd).
#pragma once

#include <string>

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// A folder with a toc.dat.
bool LooksLikeDumpFolder(const FileSet& files);
bool LooksLikeDumpFolder(const std::string& folder);
// What tells the data of a dump from anybody's numbered files.
enum class DumpPieces {
  kPacked,  // only "3348.dat.gz", in a tree that may hold anything
  kAny,     // also "3348.dat", in a folder that is looked at as a backup
};
// Data of tables or large objects and nothing else: a dump or a copy that did not come as far as
// its toc.dat, which is written last and last by name.
bool LooksLikeCutDumpFolder(const FileSet& files, DumpPieces told_by);

// The whole table of contents, and every file it names is there and unpacks to its end; so do the
// large objects.
Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
