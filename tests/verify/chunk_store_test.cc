// Which folders are repositories of restic and Borg.
#include "verify/chunk_store.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace drwatch::verify {
namespace {

class ChunkStoreTest : public ::testing::Test {
 protected:
  ChunkStore Recognise(const std::string& name) const {
    return RecogniseChunkStore(FolderFiles(folder_.Path(name)));
  }
  testing::TempDir folder_;
};

TEST_F(ChunkStoreTest, TellsThemByWhatTheyHold) {
  for (const char* name : {"r/config", "r/keys/k", "r/snapshots/s", "r/data/6e/p"}) {
    folder_.Write(name, "x");
  }
  EXPECT_EQ(Recognise("r"), ChunkStore::kRestic);
  for (const char* name : {"b/README", "b/config", "b/hints.4", "b/index.4", "b/data/0/3"}) {
    folder_.Write(name, "x");
  }
  EXPECT_EQ(Recognise("b"), ChunkStore::kBorg);
}

TEST_F(ChunkStoreTest, OtherFoldersWithSuchNamesAreNone) {
  folder_.Write("app/config", "a: b");
  folder_.Write("app/README", "how to");
  folder_.Write("app/hints.", "");
  folder_.Write("app/data/x", "y");
  EXPECT_EQ(Recognise("app"), ChunkStore::kNone);
}

}  // namespace
}  // namespace drwatch::verify
