#include "catalog/wal_streamed.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "support/temp_dir.h"
#include "verify/samples.h"
#include "verify/wal_builder.h"

namespace drwatch::catalog {
namespace {

using verify::WalBuilder;

constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kSegmentBytes = 8 * kMiB;
constexpr std::int64_t kCommit = 1'700'000'000;

class StreamedSegmentTest : public ::testing::Test {
 protected:
  void Grow(std::size_t bytes) {
    const verify::Lsn to = builder_.Position() + bytes;
    while (builder_.Position() < to) builder_.Add(std::string(5000, 'r'));
    builder_.Commit(commit_ = kCommit + static_cast<std::int64_t>(builder_.Position() / kMiB));
  }
  PlaceObject Write(std::string bytes, const std::string& ending = ".partial") {
    const std::string name = builder_.Name(0) + ending;
    folder_.Write(name, bytes);
    return {name, static_cast<std::int64_t>(bytes.size()), {}, ++fingerprint_};
  }
  PlaceObject Write() { return Write(builder_.Segments()[0]); }
  // Bytes that were read.
  std::int64_t Read(const PlaceObject& object, const verify::VerifyOptions& options = {},
                    std::uint64_t system = WalBuilder::kSystem) {
    verify::ReadBudget budget(options);
    streamed_.Read(object, system, 2 * kMiB, budget);
    return budget.bytes_read();
  }
  base::Timestamp committed() const { return base::FromUnixSeconds(commit_); }

  const testing::TempDir folder_;
  const std::unique_ptr<Place> place_ = MakeFolderPlace(folder_.path());
  WalBuilder builder_{2, kSegmentBytes};
  StreamedSegment streamed_{*place_};
  std::int64_t commit_ = 0;
  std::uint64_t fingerprint_ = 0;
};

TEST_F(StreamedSegmentTest, ReadsWhatIsNew) {
  Grow(5 * kMiB);
  EXPECT_GT(Read(Write()), 5 * kMiB);
  EXPECT_EQ(streamed_.end(), builder_.Position());
  EXPECT_EQ(streamed_.last_commit(), committed());
  for (int i = 0; i < 4; ++i) {
    Grow(kMiB / 2);
    EXPECT_LT(Read(Write()), 2 * kMiB);
    EXPECT_EQ(streamed_.end(), builder_.Position());
    EXPECT_EQ(streamed_.last_commit(), committed());
  }
  // Nothing is.
  PlaceObject object = Write();
  Read(object);
  EXPECT_EQ(Read(object), 0);
  EXPECT_EQ(streamed_.end(), builder_.Position());
}

TEST_F(StreamedSegmentTest, GoesOnWhereTheTimeEnded) {
  Grow(6 * kMiB);
  const PlaceObject object = Write();
  verify::VerifyOptions options;
  options.read_rate_bytes = 10 * kMiB;
  verify::Lsn end = 0;
  int calls = 0;
  for (; end < builder_.Position() && calls < 500; ++calls) {
    options.deadline = base::Deadline::After(base::Duration(200));
    Read(object, options);
    ASSERT_GE(streamed_.end().value_or(0), end);
    end = streamed_.end().value_or(0);
  }
  EXPECT_EQ(end, builder_.Position());
  EXPECT_GT(calls, 1);
  EXPECT_EQ(streamed_.last_commit(), committed());
}

TEST_F(StreamedSegmentTest, BeginsAnewWhereItIsAnother) {
  Grow(5 * kMiB);
  Read(Write());
  // As it was earlier, and one that is cut short.
  WalBuilder earlier(2, kSegmentBytes);
  for (int i = 0; i < 600; ++i) earlier.Add(std::string(5000, 'r'));
  const std::string bytes = earlier.Segments()[0];
  for (const std::size_t size : {bytes.size(), 4 * kMiB}) {
    Read(Write());
    ASSERT_EQ(streamed_.end(), builder_.Position());
    Read(Write(bytes.substr(0, size)));
    EXPECT_EQ(streamed_.end(), earlier.Position()) << size;
    EXPECT_EQ(streamed_.last_commit(), std::nullopt);
  }
  Read(Write(std::string(kSegmentBytes, '\0')));
  EXPECT_EQ(streamed_.end(), std::nullopt);
  Read(Write());
  ASSERT_EQ(streamed_.end(), builder_.Position());
  Read(Write(std::string(kSegmentBytes, 'x')));
  EXPECT_EQ(streamed_.end(), std::nullopt);
  // The next segment.
  Read(Write());
  PlaceObject next = Write();
  next.name = builder_.Name(1) + ".partial";
  std::filesystem::rename(folder_.Path(builder_.Name(0) + ".partial"), folder_.Path(next.name));
  Read(next);
  EXPECT_EQ(streamed_.end(), std::nullopt);
}

TEST_F(StreamedSegmentTest, OfAnotherClusterIsNone) {
  Grow(kMiB);
  Read(Write(), {}, WalBuilder::kSystem + 1);
  EXPECT_EQ(streamed_.end(), std::nullopt);
}

TEST_F(StreamedSegmentTest, WhatWasFoundStandsWhileItCannotBeRead) {
  Grow(kMiB);
  Read(Write());
  const PlaceObject object = Write();
  std::filesystem::remove(folder_.Path(object.name));
  Read(object);
  EXPECT_EQ(streamed_.end(), builder_.Position());
}

TEST_F(StreamedSegmentTest, PackedOnesAreReadAsAWhole) {
  const auto packed = [this] { return verify::Gzip(builder_.Segments()[0]); };
  Grow(kMiB);
  Read(Write(packed(), ".gz.partial"));
  const verify::Lsn first = builder_.Position();
  EXPECT_EQ(streamed_.end(), first);
  Grow(kMiB);
  PlaceObject object = Write(packed(), ".gz.partial");
  object.size_bytes = 2 * kMiB + 1;
  EXPECT_EQ(Read(object), 0);
  EXPECT_EQ(streamed_.end(), first);
  object.size_bytes = 2 * kMiB;
  EXPECT_GT(Read(object), 0);
  EXPECT_EQ(streamed_.end(), builder_.Position());
  EXPECT_EQ(streamed_.last_commit(), committed());
}

}  // namespace
}  // namespace drwatch::catalog
