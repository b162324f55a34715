#include "verify/file_source.h"

#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
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

// Whether the file system tells what lies in memory; nothing is mapped where it does not.
bool TellsWhatIsInMemory(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY));
  char byte = 0;
  const iovec part{&byte, 1};
  return ::preadv2(fd.get(), &part, 1, 0, RWF_NOWAIT) == 1;
}

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
  const std::string path = "/dev/shm/drwatch-file-source-" + std::to_string(::getpid());
  std::ofstream(path) << Noise(kMiB);
  ReadBudget budget{{}};
  auto source = FileSource::Open(path, budget, nullptr);
  std::filesystem::remove(path);
  ASSERT_TRUE(source);
  source->OnlyHash();
  const auto bytes = source->Next();
  ASSERT_TRUE(bytes);
  // Reads take less at a time.
  EXPECT_EQ(bytes->size(), std::size_t{kMiB});
}

// Also shows that such a file is mapped: what was read before stays what it was.
TEST(FileSourceTest, SurvivesFilesThatAreCutOffWhileTheyAreMapped) {
  const testing::TempDir folder;
  const std::string path = folder.Write("file", Noise(3 * kMiB));
  if (!TellsWhatIsInMemory(path)) GTEST_SKIP() << "on this file system";
  ReadBudget budget{{}};
  auto source = FileSource::Open(path, budget, nullptr);
  ASSERT_TRUE(source);
  source->OnlyHash();
  const auto bytes = source->Next();
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), std::size_t{kMiB});
  EXPECT_NE(std::accumulate(bytes->begin(), bytes->end(), 0), 0);
  EXPECT_FALSE(source->changed());
  std::filesystem::resize_file(path, 4096);
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
  const testing::TempDir folder;
  std::vector<std::string> paths;
  for (int i = 0; i < 4; ++i)
    paths.push_back(folder.Write("file" + std::to_string(i), Noise(kMiB)));
  if (!TellsWhatIsInMemory(paths.front())) GTEST_SKIP() << "on this file system";
  std::vector<std::thread> threads;
  std::vector<std::string> ends(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    threads.emplace_back([&, i] {
      ReadBudget budget{{}};
      auto source = FileSource::Open(paths[i], budget, nullptr);
      if (!source) return;
      source->OnlyHash();
      const auto bytes = source->Next();
      std::filesystem::resize_file(paths[i], 0);
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
