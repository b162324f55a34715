#include "verify/chunk_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include "verify/borg_repository.h"
#include "verify/restic_repository.h"

namespace drwatch::verify {

std::string_view WrittenByABackup(ChunkStore kind) {
  return kind == ChunkStore::kRestic ? "snapshots" : "data";
}

ChunkStore RecogniseChunkStore(const FileSet& files) {
  if (!files.Has("config") || !files.Has("data")) return ChunkStore::kNone;
  if (files.Has("keys") && files.Has("snapshots")) return ChunkStore::kRestic;
  if (!files.Has("README")) return ChunkStore::kNone;
  static constexpr std::string_view kHints = "hints.";
  const std::vector<std::string> top = files.TopNames();
  const bool borg = std::any_of(top.begin(), top.end(), [](const std::string& name) {
    return name.starts_with(kHints) && name.size() > kHints.size() &&
           name.find_first_not_of("0123456789", kHints.size()) == name.npos;
  });
  return borg ? ChunkStore::kBorg : ChunkStore::kNone;
}

Verdict VerifyChunkStore(const FileSet& files, ChunkStore kind, const Checksums& checksums,
                         ReadBudget& budget) {
  return kind == ChunkStore::kBorg ? VerifyBorg(files, checksums, budget)
                                   : VerifyRestic(files, checksums, budget);
}

}  // namespace drwatch::verify
