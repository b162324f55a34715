#include "catalog/archive_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"
#include "verify/wal_builder.h"

namespace drwatch::catalog {
namespace {

using verify::Outcome;
using verify::Verdict;
using verify::WalBuilder;

constexpr std::uint64_t kFirst = 16;
constexpr std::size_t kSegments = 11;

// Each segment ends in a record that goes on in the next one; that of `longest` fills the two
// behind it.
std::vector<std::string> Segments(char fill, std::size_t first, std::size_t longest = SIZE_MAX) {
  WalBuilder builder(kFirst + first);
  for (std::size_t i = first; i < kSegments; ++i) {
    if (builder.Position() / WalBuilder::kSegment != kFirst + i) continue;
    builder.FillTo(1000);
    builder.Add(std::string(i == longest ? 5 * WalBuilder::kSegment / 2 : 5000, fill));
  }
  std::vector<std::string> segments = builder.Segments();
  segments.resize(kSegments - first);
  return segments;
}

class ArchiveCheckTest : public ::testing::Test {
 protected:
  void Write(const std::vector<std::string>& segments, std::size_t first = 0) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::string name = verify::SegmentName(1, kFirst + first + i, WalBuilder::kSegment);
      std::ofstream(folder_.path() + "/" + name, std::ios::binary) << segments[i];
    }
  }
  Verdict Run(int jobs, int streams, ProvenFiles& proven) {
    verify::VerifyOptions options;
    options.jobs = jobs;
    options.streams = streams;
    return VerifyArchive(*MakeFolderPlace(folder_.path()), "", 0, proven, options);
  }
  // One thread follows all, several join what they followed apart: nobody can tell.
  void ExpectTheSame() {
    ProvenFiles unused;
    const Verdict alone = Run(1, 1, unused);
    for (const auto& [jobs, streams] : {std::pair(1, 4), std::pair(2, 1), std::pair(3, 4)}) {
      ProvenFiles proven;
      const Verdict several = Run(jobs, streams, proven);
      EXPECT_EQ(several.outcome, alone.outcome) << jobs << " jobs, " << streams << " streams";
      EXPECT_EQ(several.ToString(), alone.ToString());
      EXPECT_EQ(several.details, alone.details);
      EXPECT_EQ(several.format, alone.format);
      if (alone.outcome == Outcome::kIntact) {
        EXPECT_EQ(Run(jobs, streams, proven).outcome, Outcome::kIntact);
      }
    }
  }
  testing::TempDir folder_;
};

TEST_F(ArchiveCheckTest, SegmentsThatGoOn) {
  std::vector<std::string> segments = Segments('a', 0);
  segments.pop_back();  // ends in zeros
  Write(segments);
  ProvenFiles proven;
  const Verdict verdict = Run(1, 4, proven);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  const std::int64_t bytes = static_cast<std::int64_t>(segments.size() * WalBuilder::kSegment);
  EXPECT_GE(verdict.bytes_read, bytes);
  EXPECT_LT(verdict.bytes_read, bytes * 2);
  ExpectTheSame();
}

TEST_F(ArchiveCheckTest, SegmentsOfAnotherHistory) {
  for (std::size_t first = 1; first < kSegments; ++first) {
    Write(Segments('a', 0));
    Write(Segments('b', first), first);
    ProvenFiles proven;
    const Verdict verdict = Run(1, 1, proven);
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << first;
    EXPECT_EQ(verdict.place, verify::SegmentName(1, kFirst + first, WalBuilder::kSegment));
    ExpectTheSame();
  }
}

TEST_F(ArchiveCheckTest, ARecordLongerThanSegments) {
  for (const bool damaged : {false, true}) {
    for (std::size_t longest = 0; longest < 5; ++longest) {
      std::vector<std::string> segments = Segments('a', 0, longest);
      segments.pop_back();
      if (damaged) segments[longest + 2][9000] ^= 1;
      Write(segments);
      ProvenFiles proven;
      EXPECT_EQ(Run(1, 1, proven).outcome, damaged ? Outcome::kBroken : Outcome::kIntact);
      ExpectTheSame();
    }
  }
}

TEST_F(ArchiveCheckTest, DamagedTimelineHistoriesAreFound) {
  Write(Segments('a', 0));
  ProvenFiles proven;
  const auto with = [&](const std::string& name, std::string_view text) {
    std::ofstream(folder_.path() + "/" + name, std::ios::binary) << text;
    const Verdict verdict = Run(1, 1, proven);
    std::filesystem::remove(folder_.path() + "/" + name);
    return verdict;
  };
  EXPECT_EQ(with("00000002.history", "1\t0/9000060\tx\n").outcome, Outcome::kIntact);
  const Verdict cut = with("00000002.history", "1\t0/90");
  EXPECT_EQ(cut.outcome, Outcome::kBroken);
  EXPECT_EQ(cut.ToString(), "00000002.history: line 1: is cut off");
  EXPECT_EQ(with("00000002.history", "").outcome, Outcome::kBroken);
  // No restore needs it.
  EXPECT_EQ(with("000000010000000000000010.00000028.backup", "x").outcome, Outcome::kIntact);
}

// Retention takes all that lies between two base backups, never some of it.
TEST_F(ArchiveCheckTest, AHoleBehindAKeptBaseBackupIsNoDetail) {
  Write(Segments('a', 0));
  const auto name = [](std::uint64_t segment) {
    return verify::SegmentName(1, kFirst + segment, WalBuilder::kSegment);
  };
  const auto base = [](std::uint64_t segment) {
    const verify::Lsn start = (kFirst + segment) * WalBuilder::kSegment;
    return WalBase{start + 40, start + 500, 1, {}, "base"};
  };
  const auto check = [&](const std::vector<WalBase>& bases) {
    ProvenFiles proven;
    return VerifyArchive(*MakeFolderPlace(folder_.path()), "", 0, proven, {}, bases,
                         base::SystemClock().Now() + std::chrono::hours(1));
  };
  EXPECT_EQ(check({base(1), base(7)}).outcome, Outcome::kIntact);
  std::filesystem::remove(folder_.path() + "/" + name(4));
  const Verdict broken = check({base(1), base(7)});
  EXPECT_EQ(broken.outcome, Outcome::kBroken);
  EXPECT_EQ(broken.reason, model::Reason::kIncomplete);
  EXPECT_NE(broken.message.find(name(4)), std::string::npos) << broken.message;
  EXPECT_EQ(check({base(6)}).outcome, Outcome::kIntact) << "before all that is kept";
  EXPECT_EQ(check({}).outcome, Outcome::kIntact) << "nobody knows what is needed";
  // What is left of the first is its own WAL: a backup program's retention.
  for (const std::uint64_t segment : {0, 2, 3, 5, 6}) {
    std::filesystem::remove(folder_.path() + "/" + name(segment));
  }
  const Verdict expired = check({base(1), base(7)});
  EXPECT_EQ(expired.outcome, Outcome::kIntact) << expired.ToString();
  EXPECT_FALSE(expired.details.empty());
}

}  // namespace
}  // namespace drwatch::catalog
