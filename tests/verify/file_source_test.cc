#include "verify/file_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "samples.h"
#include "support/temp_dir.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr int kMiB = 1 << 20;

// A file that lies in memory for certain, whatever the file system of temporary files is.
class MemoryFile {
 public:
  explicit MemoryFile(int size)
      : path_("/dev/shm/drwatch-" + std::to_string(::getpid()) + "-" + std::to_string(++made_)) {
    std::ofstream(path_) << Noise(static_cast<std::size_t>(size));
  }
  ~MemoryFile() { std::filesystem::remove(path_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  inline static int made_ = 0;
  const std::string path_;
};

std::string ReadAll(FileSource& source) {
  std::string content;
  while (true) {
    auto bytes = source.Next();
    if (!bytes) return "fault: " + bytes.error().message;
    if (bytes->empty()) return content;
    content += *bytes;
  }
}

TEST(FileSourceTest, HashesTheSameBytesMappedAndRead) {
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

TEST(FileSourceTest, MapsWhatLiesInMemory) {
  const MemoryFile file(kMiB);
  ReadBudget budget{{}};
  auto source = FileSource::Open(file.path(), budget, nullptr);
  ASSERT_TRUE(source);
  source->OnlyHash();
  const auto bytes = source->Next();
  ASSERT_TRUE(bytes);
  // Reads take less at a time.
  EXPECT_EQ(bytes->size(), std::size_t{kMiB});
}

// Also shows that such a file is mapped: what was read before stays what it was.
TEST(FileSourceTest, SurvivesFilesThatAreCutOffWhileTheyAreMapped) {
  const MemoryFile file(3 * kMiB);
  ReadBudget budget{{}};
  auto source = FileSource::Open(file.path(), budget, nullptr);
  ASSERT_TRUE(source);
  source->OnlyHash();
  const auto bytes = source->Next();
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), std::size_t{kMiB});
  EXPECT_NE(std::accumulate(bytes->begin(), bytes->end(), 0), 0);
  EXPECT_FALSE(source->changed());
  std::filesystem::resize_file(file.path(), 4096);
  EXPECT_TRUE(std::all_of(bytes->begin() + 4096, bytes->end(), [](char c) { return c == 0; }));
  EXPECT_TRUE(source->changed());
  const auto next = source->Next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().outcome, Outcome::kUnjudged);
  EXPECT_EQ(next.error().reason, Reason::kUnverified);
  EXPECT_EQ(next.error().message, "it was cut off while it was read");
}

TEST(FileSourceTest, ReadsAsManyFilesAtATimeAsOneLikes) {
  const testing::TempDir folder;
  const std::string content = Noise(kMiB + 4096);
  const std::string path = folder.Write("file", content);
  ReadBudget budget{{}};
  std::vector<std::unique_ptr<FileSource>> sources;
  for (int i = 0; i < 200; ++i) {
    auto source = FileSource::Open(path, budget, nullptr);
    ASSERT_TRUE(source);
    source->OnlyHash();
    sources.push_back(std::make_unique<FileSource>(std::move(*source)));
    ASSERT_TRUE(sources.back()->Next()) << i;
  }
  std::filesystem::resize_file(path, 0);
  int cut_off = 0;
  for (const auto& source : sources) {
    const auto bytes = source->Next();
    if (!bytes) ++cut_off;
  }
  EXPECT_EQ(cut_off, 0) << "nobody looked at what went away";
}

// As many threads hash files that are cut off under them.
TEST(FileSourceTest, CutsOffInSeveralThreads) {
  std::array<std::unique_ptr<MemoryFile>, 4> files;
  for (auto& file : files) file = std::make_unique<MemoryFile>(kMiB);
  std::vector<std::thread> threads;
  std::vector<std::string> ends(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    threads.emplace_back([&, i] {
      ReadBudget budget{{}};
      auto source = FileSource::Open(files[i]->path(), budget, nullptr);
      if (!source) return;
      source->OnlyHash();
      const auto bytes = source->Next();
      std::filesystem::resize_file(files[i]->path(), 0);
      base::Digest digest(base::DigestAlgorithm::kSha256);
      if (bytes) digest.Update(*bytes);
      ends[i] = ReadAll(*source);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& end : ends) EXPECT_EQ(end, "fault: it was cut off while it was read");
}

}  // namespace
}  // namespace drwatch::verify
