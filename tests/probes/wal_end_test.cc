#include "probes/wal_end.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "probes/probe_result_access.h"
#include "probes/wal_archive_probe.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "verify/wal_builder.h"

namespace drwatch::probes {
namespace {

using model::Severity;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using verify::WalBuilder;

constexpr std::uint64_t kBytes = WalBuilder::kSegment;

// An archive of the segments 1 to 20, with a commit in each of those up to `last_commit`, of a
// server of which nothing is known. A run has the time to read some of them, and not a batch.
class WalEndTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSegments = 20;

  void SetUp() override {
    config_.name = "wal";
    config_.type = "wal_archive";
    config_.service = "shop";
    spec_.place.path = folder_.Path("archive");
    spec_.read_rate_bytes = 8 << 20;
    spec_.window = 15s;
    positions_.archive_notes().PutBases("base", {"shop", spec_.data},
                                        {{kBytes + 40, kBytes + 500, 1, At(1), "b1", 0, "base"}});
  }
  base::Timestamp At(std::uint64_t segment) const {
    return start_ + base::Duration(1000 * static_cast<std::int64_t>(segment));
  }
  // Made once: writing records takes longer than all that is done with them.
  const std::vector<std::string>& Segments(std::uint64_t last_commit) const {
    static std::map<std::uint64_t, std::vector<std::string>> made;
    std::vector<std::string>& segments = made[last_commit];
    if (!segments.empty()) return segments;
    WalBuilder builder(1);
    for (std::uint64_t segment = 1; segment <= kSegments; ++segment) {
      if (segment <= last_commit) {
        builder.Commit(base::ToUnixMillis(At(segment)) / 1000);
      } else {
        builder.Add("no commit");
      }
      builder.FillTo(0);
    }
    segments = builder.Segments();
    return segments;
  }
  void Archive(std::uint64_t last_commit = kSegments) {
    const std::vector<std::string>& segments = Segments(last_commit);
    const WalBuilder names(1);
    for (std::size_t i = 0; i < kSegments; ++i) {
      names_.push_back("archive/" + names.Name(i));
      folder_.Write(names_.back(), segments[i]);
      Touch(i, start_);
    }
  }
  void Touch(std::size_t index, base::Timestamp at) {
    const timespec time{base::ToUnixMillis(at) / 1000, 0};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, folder_.Path(names_[index]).c_str(), times, 0);
  }
  model::ProbeResult Run(bool only_run, base::Duration timeout = 2s) {
    clock_.Advance(20min);
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.clock = &clock_;
      services.positions = &positions_;
      services.only_run = only_run;
      probe_ = std::make_unique<WalArchiveProbe>(config_, services);
    }
    return probe_->Run({base::Deadline::After(timeout), {}, clock_.Now(), &clock_});
  }
  static std::optional<base::Timestamp> EndOf(const model::ProbeResult& result) {
    const auto end = ValueOf(result, "pitr_window_end_timestamp_seconds");
    return end ? std::optional(base::FromUnixSeconds(*end)) : std::nullopt;
  }

  testing::TempDir folder_;
  testing::FakeClock clock_;
  const base::Timestamp start_ =
      base::FromUnixMillis(base::ToUnixMillis(clock_.Now()) / 1000 * 1000);
  std::vector<std::string> names_;
  PositionRing positions_{nullptr, &clock_};
  config::Probe config_;
  config::WalArchiveProbe spec_;
  std::unique_ptr<WalArchiveProbe> probe_;
};

TEST_F(WalEndTest, AnOnlyRunReadsBackToTheLastCommit) {
  Archive();
  const model::ProbeResult result = Run(true);
  EXPECT_EQ(EndOf(result), At(20)) << Describe(result);
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kOk);
  EXPECT_EQ(CheckOf(result, "window").message.find("at least"), std::string::npos);
  EXPECT_GT(ValueOf(result, "wal_archive_unverified_segments"), 0) << "the rest has its time";
}

TEST_F(WalEndTest, AnOnlyRunGoesBackOverWhatHoldsNoCommit) {
  Archive(17);
  EXPECT_EQ(EndOf(Run(true)), At(17));
}

TEST_F(WalEndTest, AnOnlyRunSeesThatTheEndIsDamaged) {
  Archive();
  std::string damaged(kBytes, '\0');
  folder_.Write(names_.back(), damaged);
  Touch(kSegments - 1, start_);
  const model::ProbeResult result = Run(true);
  EXPECT_EQ(EndOf(result), At(19));
  EXPECT_EQ(CheckOf(result, "verified").severity, Severity::kCritical);
}

TEST_F(WalEndTest, WhatCannotBeReadYetIsSaid) {
  Archive();
  folder_.Write(names_.back(), "half");
  Touch(kSegments - 1, start_ + 20min);
  const model::ProbeResult result = Run(true);
  EXPECT_EQ(EndOf(result), At(19));
  const std::string& text = CheckOf(result, "window").message;
  EXPECT_NE(text.find(" to at least "), std::string::npos) << text;
  EXPECT_NE(text.find("not read yet: 1 segment behind that"), std::string::npos) << text;
}

TEST_F(WalEndTest, WhileNobodyHasReadTheEndThereIsNoNumber) {
  Archive();
  spec_.read_rate_bytes = 10 * kBytes;  // not even the newest one fits in a run
  const model::ProbeResult first = Run(false, 100ms);
  EXPECT_EQ(EndOf(first), std::nullopt);
  EXPECT_FALSE(ValueOf(first, "pitr_window_seconds"));
  EXPECT_TRUE(ValueOf(first, "pitr_window_start_timestamp_seconds"));
  const model::CheckOutcome check = CheckOf(first, "window");
  EXPECT_EQ(check.severity, Severity::kUnknown);
  EXPECT_NE(check.message.find("at least " + base::FormatRfc3339(At(1)) +
                               "; not read yet: 20 segments behind that"),
            std::string::npos)
      << check.message;
  ASSERT_TRUE(probe_->WaitIdle(base::Deadline::After(30s)));
  const model::ProbeResult second = Run(false);
  EXPECT_EQ(EndOf(second), At(20));
  EXPECT_EQ(CheckOf(second, "window").severity, Severity::kOk);
}

}  // namespace
}  // namespace drwatch::probes
