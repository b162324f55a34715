#include "catalog/folder_kind.h"

#include "verify/aof_folder.h"
#include "verify/base_backup.h"
#include "verify/dump_folder.h"

namespace drwatch::catalog {

FolderKind RecogniseFolder(const verify::FileSet& files) {
  if (verify::LooksLikeBaseBackup(files) || verify::LooksLikeDumpFolder(files) ||
      verify::LooksLikeAofFolder(files)) {
    return {true, verify::ChunkStore::kNone};
  }
  const verify::ChunkStore store = verify::RecogniseChunkStore(files);
  if (store != verify::ChunkStore::kNone) return {true, store};
  const bool cut = verify::LooksLikeCutDumpFolder(files, verify::DumpPieces::kAny);
  return {cut, verify::ChunkStore::kNone, cut};
}

}  // namespace drwatch::catalog
