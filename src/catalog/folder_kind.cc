#include "catalog/folder_kind.h"

#include "verify/aof_folder.h"
#include "verify/base_backup.h"
#include "verify/dump_folder.h"

namespace drwatch::catalog {

FolderKind RecogniseFolder(const verify::FileSet& files) {
  if (verify::LooksLikeBaseBackup(files) || verify::LooksLikeDumpFolder(files) ||
      verify::LooksLikeCutDumpFolder(files) || verify::LooksLikeAofFolder(files)) {
    return {true, verify::ChunkStore::kNone};
  }
  const verify::ChunkStore store = verify::RecogniseChunkStore(files);
  return {store != verify::ChunkStore::kNone, store};
}

}  // namespace drwatch::catalog
