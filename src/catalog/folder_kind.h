// What a folder is by its entries. Used within this folder.
#pragma once

#include "verify/chunk_store.h"
#include "verify/file_set.h"

namespace drwatch::catalog {

struct FolderKind {
  bool one_artefact = false;  // with all that is in it, whatever the pattern says
  verify::ChunkStore store = verify::ChunkStore::kNone;  // if it is a repository of such a program
  // A guess by names: where the pattern names its files and not the folder, they are artefacts.
  bool guessed = false;
};

FolderKind RecogniseFolder(const verify::FileSet& files);

}  // namespace drwatch::catalog
