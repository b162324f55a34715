// The folder that Redis 7 and later keep their append-only files in: a manifest, at most one base
// file (RDB or commands), and what was appended since, in order.
#pragma once

#include <string>
#include <vector>

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

struct AofManifest {
  struct File {
    std::string name;
    std::int64_t sequence = 0;
  };
  std::vector<File> base;  // at most one
  std::vector<File> appended;
  std::vector<std::string> history;  // no longer needed
};

// Faults: kCorrupt, kIncomplete. Lines: "file <name> seq <number> type b|h|i", aof.c.
Walked<AofManifest> ParseAofManifest(std::string_view text);

// A folder with a manifest ("appendonly.aof.manifest") or with files that need one in it.
bool LooksLikeAofFolder(const FileSet& files);
bool LooksLikeAofFolder(const std::string& folder);

// The manifest, and every file that Redis would load, as it would load them: only the last one may
// end in half a command.
Verdict VerifyAofFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
