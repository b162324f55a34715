#include "verify/file_source.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "samples.h"
#include "support/temp_dir.h"

namespace drwatch::verify {
namespace {

constexpr int kMiB = 1 << 20;

std::string ReadAll(FileSource& source) {
  std::string content;
  while (true) {
    auto bytes = source.Next();
    if (!bytes) return "fault: " + bytes.error().message;
    if (bytes->empty()) return content;
    content += *bytes;
  }
}

TEST(FileSourceTest, HashesEveryByte) {
  const testing::TempDir folder;
  ReadBudget budget{{}};
  for (const int size : {0, 1, 65'535, 65'536, kMiB, kMiB + 1, 3 * kMiB + 70'001}) {
    const std::string content = Noise(static_cast<std::size_t>(size));
    const std::string path = folder.Write("file", content);
    DigestTee tee;
    tee.Add(base::DigestAlgorithm::kSha256, nullptr);
    auto source = FileSource::Open(path, budget, &tee);
    ASSERT_TRUE(source);
    source->OnlyHash();
    EXPECT_TRUE(ReadAll(*source) == content) << size;
    EXPECT_EQ(tee.bytes(), size);
    base::Digest digest(base::DigestAlgorithm::kSha256);
    digest.Update(content);
    EXPECT_EQ(tee.Finish().front(), digest.Finish()) << size;
  }
}

TEST(FileSourceTest, ReadsWhatIsOnlyHashedInLargerPieces) {
  const testing::TempDir folder;
  const std::string path = folder.Write("file", Noise(kMiB));
  // One after the other takes the other's buffer.
  ReadBudget budget{{}};
  for (const bool only_hash : {false, true, false}) {
    auto source = FileSource::Open(path, budget, nullptr);
    ASSERT_TRUE(source);
    if (only_hash) source->OnlyHash();
    const auto bytes = source->Next();
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->size(), std::size_t{only_hash ? 256U << 10 : 64U << 10});
  }
}

TEST(FileSourceTest, EndsWhereAFileIsCutOffWhileItIsRead) {
  const testing::TempDir folder;
  const std::string path = folder.Write("file", Noise(3 * kMiB));
  ReadBudget budget{{}};
  auto source = FileSource::Open(path, budget, nullptr);
  ASSERT_TRUE(source);
  source->OnlyHash();
  const auto bytes = source->Next();
  ASSERT_TRUE(bytes);
  EXPECT_FALSE(source->changed());
  std::filesystem::resize_file(path, kMiB);
  EXPECT_EQ(bytes->size() + ReadAll(*source).size(), std::size_t{kMiB});
  EXPECT_TRUE(source->changed());
}

}  // namespace
}  // namespace drwatch::verify
