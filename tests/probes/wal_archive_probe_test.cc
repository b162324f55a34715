#include "probes/wal_archive_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "probes/backup_verdicts.h"
#include "probes/probe_result_access.h"
#include "support/fake_clock.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"
#include "verify/wal_builder.h"

namespace drwatch::probes {
namespace {

using model::Severity;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using verify::WalBuilder;

constexpr std::uint64_t kBytes = WalBuilder::kSegment;

// As xz --format=lzma packs: without a magic number.
std::string Lzma(const std::string& content) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 0);
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
  std::string packed(content.size() + 4096, '\0');
  stream.next_in = reinterpret_cast<const std::uint8_t*>(content.data());
  stream.avail_in = content.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
  stream.avail_out = packed.size();
  EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  lzma_end(&stream);
  return packed;
}

// An archive of the segments 1 to 4 of a server that was at the start of 5 when it was seen last.
class WalArchiveProbeTest : public ::testing::Test {
 protected:
  WalArchiveProbeTest() {
    config_.name = "wal";
    config_.type = "wal_archive";
    config_.service = "shop";
    spec_.place.path = folder_.Path("archive");
    spec_.primary = "db";
    start_ = clock_.Now();
    for (std::uint64_t segment = 1; segment <= 4; ++segment) {
      builder_.Commit(At(static_cast<std::int64_t>(segment)));
      builder_.FillTo(0);
    }
    segments_ = builder_.Segments();
    segments_.resize(4);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      Archive(i);
    }
  }
  void OpenDatabase() {
    std::vector<db::Migration> tables = BackupMigrations();  // they keep how quickly is read
    for (const db::Migration& migration : WalMigrations()) tables.push_back(migration);
    database_ = *db::Database::OpenInMemory(tables);
  }
  // As it is archived right after its commit.
  void Archive(std::size_t i) {
    folder_.Write("archive/" + builder_.Name(i), segments_[i]);
    DateSegment(i, start_ + std::chrono::seconds(i + 1));
  }
  void DateSegment(std::size_t i, base::Timestamp at) const {
    std::filesystem::last_write_time(folder_.Path("archive/" + builder_.Name(i)),
                                     std::chrono::file_clock::from_sys(at));
  }
  std::int64_t At(std::int64_t seconds) const {
    return base::ToUnixMillis(start_) / 1000 + seconds;
  }
  // Self-contained, and finished in segment 2.
  void AddBase(base::Duration stopped = 2s) {
    positions_.archive_notes().PutBases(
        "base", {"shop", spec_.data},
        {{2 * kBytes + 40, 2 * kBytes + 500, 1, start_ + stopped, "b1", 0, "base"}});
  }
  // In the first and the last segment.
  void AddTwoBases() {
    positions_.archive_notes().PutBases(
        "base", {"shop", spec_.data},
        {{kBytes + 40, kBytes + 500, 1, start_ + 1s, "b1", 0, "base"},
         {4 * kBytes + 40, 4 * kBytes + 500, 1, start_ + 4s, "b2", 0, "base"}});
  }
  void SeePrimary(std::uint64_t lsn, const std::string& transactions = "") {
    positions_.Observe("db", {std::to_string(WalBuilder::kSystem), 1}, lsn, clock_.Steady(), 1s,
                       transactions);
  }
  model::ProbeResult Run(base::Duration timeout = 10s) {
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.clock = &clock_;
      services.positions = &positions_;
      services.database = database_.get();
      services.only_run = only_run_;
      probe_ = std::make_unique<WalArchiveProbe>(config_, services);
    }
    return probe_->Run({base::Deadline::After(timeout), {}, clock_.Now(), &clock_});
  }
  // How long ago the last point lies that can be restored.
  double Loss(const model::ProbeResult& result) const {
    return base::ToUnixSeconds(clock_.Now()) -
           ValueOf(result, "pitr_window_end_timestamp_seconds").value_or(0);
  }

  testing::TempDir folder_;
  testing::FakeClock clock_;
  base::Timestamp start_{};
  WalBuilder builder_{1};
  std::vector<std::string> segments_;
  PositionRing positions_{nullptr, &clock_};
  config::Probe config_;
  config::WalArchiveProbe spec_;
  bool only_run_ = false;
  std::unique_ptr<db::Database> database_;  // none unless a test opens one
  std::unique_ptr<WalArchiveProbe> probe_;
};

TEST_F(WalArchiveProbeTest, AnIdlePrimaryLosesNothingWhileItIsSeen) {
  AddBase();
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(10min);
    SeePrimary(5 * kBytes + 100);
    const model::ProbeResult result = Run();
    EXPECT_TRUE(result.ok()) << Describe(result);
    EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 0);
    EXPECT_EQ(Loss(result), 0);
  }
}

// As restore_command = 'cp ...' does.
TEST_F(WalArchiveProbeTest, FollowsLinksToSegments) {
  const testing::TempDir disk;
  AddTwoBases();
  for (const std::size_t i : {0, 1}) {
    const std::string path = folder_.Path("archive/" + builder_.Name(i));
    std::filesystem::rename(path, disk.Path(builder_.Name(i)));
    std::filesystem::create_symlink(disk.Path(builder_.Name(i)), path);
  }
  const model::ProbeResult whole = Run();
  EXPECT_EQ(CheckOf(whole, "segments").severity, Severity::kOk);
  EXPECT_EQ(CheckOf(whole, "segments").message, "4 segments of timeline 1, none is missing");
  // The disk is away, or somebody removed what the link leads to.
  std::filesystem::remove(disk.Path(builder_.Name(0)));
  const std::string dead = "; 1 links lead nowhere, such as \"" + builder_.Name(0) + "\"";
  const model::ProbeResult shorter = Run();
  EXPECT_EQ(CheckOf(shorter, "segments").severity, Severity::kWarning);
  EXPECT_EQ(CheckOf(shorter, "segments").message,
            "3 segments of timeline 1, none is missing" + dead);
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(0)));
  EXPECT_EQ(CheckOf(Run(), "segments").severity, Severity::kOk);
}

TEST_F(WalArchiveProbeTest, AnArchiveGrowsUntilItLosesSomethingOrIsOldEnough) {
  OpenDatabase();
  spec_.window = 24h;
  clock_.Advance(1h);
  const auto growing = [&] {
    SeePrimary(5 * kBytes + 100);
    return ValueOf(Run(), "pitr_window_growing");
  };
  EXPECT_FALSE(growing()) << "there is no window yet";
  AddBase();
  EXPECT_EQ(growing(), 1);
  probe_.reset();
  AddBase(30min);
  EXPECT_FALSE(growing()) << "an older base backup is gone, which was seen before the restart";
  AddBase();
  EXPECT_EQ(growing(), 1);
  clock_.Advance(23h + 1min);
  EXPECT_FALSE(growing());
}

TEST_F(WalArchiveProbeTest, ASegmentOlderThanTheWindowSaysThatTheArchiveIsNotNew) {
  spec_.window = 24h;
  AddBase(1h);
  DateSegment(0, start_ - 23h);
  clock_.Advance(59min);
  EXPECT_EQ(ValueOf(Run(), "pitr_window_growing"), 1);
  clock_.Advance(2min + spec_.max_lag);
  EXPECT_FALSE(ValueOf(Run(), "pitr_window_growing"));
}

TEST_F(WalArchiveProbeTest, AnArchiveGrowsUntilItsWindowIsLongEnoughNotItsAge) {
  spec_.window = 24h;
  spec_.max_lag = 1h;
  AddBase();
  SeePrimary(5 * kBytes);
  clock_.Advance(23h + 30min);
  SeePrimary(5 * kBytes + 2000);
  Run();
  clock_.Advance(40min);
  SeePrimary(5 * kBytes + 3000);
  model::ProbeResult result = Run();
  EXPECT_LT(ValueOf(result, "pitr_window_seconds"), 24 * 3600);
  EXPECT_EQ(ValueOf(result, "pitr_window_growing"), 1) << Describe(result);
  clock_.Advance(1h);
  SeePrimary(5 * kBytes + 4000);
  EXPECT_FALSE(ValueOf(Run(), "pitr_window_growing")) << "it is late";
}

// Its listing takes longer than a first run waits for it.
TEST_F(WalArchiveProbeTest, WhileBaseBackupsAreLookedForTheWindowIsNotKnown) {
  spec_.window = 24h;
  ArchiveNotes& notes = positions_.archive_notes();
  const auto base = notes.ExpectBases("base", {"shop", spec_.data});
  const auto older = notes.ExpectBases("older", {"shop", spec_.data});
  model::ProbeResult result = Run(1s);
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds"));
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kUnknown);
  AddBase();
  result = Run(1s);
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds")) << "there may be older ones";
  EXPECT_TRUE(ValueOf(result, "pitr_window_end_timestamp_seconds"));
  notes.EndRun("older", true);
  EXPECT_TRUE(ValueOf(Run(), "pitr_window_seconds"));
}

TEST_F(WalArchiveProbeTest, OfAPlaceThatWasNeverSeenNobodyKnowsWhichBaseBackupsLieThere) {
  spec_.window = 1h;
  ArchiveNotes& notes = positions_.archive_notes();
  auto base = notes.ExpectBases("base", {"shop", spec_.data});
  notes.EndRun("base", false);
  model::ProbeResult result = Run();
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds"));
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kUnknown);
  auto remote = notes.ExpectBases("remote", {"shop", spec_.data});
  notes.EndRun("remote", false);
  AddBase();
  EXPECT_FALSE(ValueOf(Run(), "pitr_window_seconds")) << "there may be older ones";
  remote.reset();
  EXPECT_LT(ValueOf(Run(), "pitr_window_seconds"), 3600) << "nobody looks there any more";
  remote = notes.ExpectBases("remote", {"shop", spec_.data});
  notes.EndRun("remote", false);
  clock_.Advance(2h);
  SeePrimary(5 * kBytes);
  result = Run();
  EXPECT_GE(ValueOf(result, "pitr_window_seconds"), 3600) << "they would make it longer";
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kOk);
}

// It was taken from a standby: nobody ships the segment in which it ends.
TEST_F(WalArchiveProbeTest, NoWindowIsShortWhileTheFirstBaseBackupsWalIsOnItsWay) {
  spec_.window = 1h;
  clock_.Advance(10s);
  SeePrimary(5 * kBytes + 600);
  positions_.archive_notes().PutBases(
      "base", {"shop", spec_.data},
      {{4 * kBytes + 40, 5 * kBytes + 500, 1, start_ + 9s, "b1", 0, "base"}});
  model::ProbeResult result = Run();
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds"));
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kUnknown);
  clock_.Advance(spec_.max_lag);
  SeePrimary(5 * kBytes + 600);
  result = Run();
  EXPECT_EQ(ValueOf(result, "pitr_window_seconds"), 0);
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kCritical);
}

TEST_F(WalArchiveProbeTest, WhatIsPrunedUpToABaseBackupThatIsNotListedYetIsNotLost) {
  spec_.window = 1s;
  AddBase();
  clock_.Advance(1h);
  SeePrimary(5 * kBytes);
  Run();
  for (const std::size_t gone : {0, 1, 2}) {
    std::filesystem::remove(folder_.Path("archive/" + builder_.Name(gone)));
  }
  clock_.Advance(10s);
  SeePrimary(5 * kBytes);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0);
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds"));
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kUnknown);
  clock_.Advance(5min);
  SeePrimary(5 * kBytes);
  result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 1) << "no other one came";
  EXPECT_EQ(ValueOf(result, "pitr_window_seconds"), 0);
}

// Its probe has not listed it, and no .backup file tells of it.
TEST_F(WalArchiveProbeTest, HalfOfWhatIsPrunedUpToABaseBackupIsNotLostAtOnce) {
  spec_.window = 1h;
  spec_.in_flight_segments = 0;
  positions_.archive_notes().PutBases(
      "base", {"shop", spec_.data}, {{kBytes + 40, kBytes + 500, 1, start_ + 1s, "b1", 0, "base"}});
  const auto look = [this] {
    clock_.Advance(10s);
    SeePrimary(5 * kBytes);
    return Run();
  };
  look();
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(1)));
  model::ProbeResult result = look();
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0);
  EXPECT_FALSE(ValueOf(result, "pitr_window_seconds"));
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(0)));
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(2)));
  EXPECT_EQ(ValueOf(look(), "wal_archive_missing_segments"), 0);
  EXPECT_EQ(ValueOf(look(), "wal_archive_missing_segments"), 0) << "no known one has any WAL";
  Archive(0);
  EXPECT_EQ(ValueOf(look(), "wal_archive_missing_segments"), 2) << "nothing more went away";
}

TEST_F(WalArchiveProbeTest, WhatAnIdlePrimaryCommittedIsNotArchivedBeforeItsSegmentIs) {
  AddBase();
  const auto see = [&](double archive_timeout_seconds, std::uint64_t lsn, const char* ended) {
    positions_.archive_notes().Put("db", {builder_.Name(3), {}, archive_timeout_seconds, 0});
    SeePrimary(lsn, ended);
  };
  see(0, 5 * kBytes, "7:7:0");
  clock_.Advance(1s);
  see(0, 5 * kBytes + 100, "7:7:0");
  clock_.Advance(3h);
  see(0, 5 * kBytes + 100, "7:7:0");
  EXPECT_EQ(Loss(Run()), 0) << "a checkpoint";
  clock_.Advance(1s);
  see(0, 5 * kBytes + 2000, "8:8:0");
  clock_.Advance(3h);
  see(0, 5 * kBytes + 2000, "8:8:0");
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 3 * 3600 + 1);
  EXPECT_EQ(Loss(result), 3 * 3600 + 1);
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kCritical);
  EXPECT_EQ(CheckOf(result, "archived").hint,
            "the open segment waits until it is full: set archive_timeout to less than 15m");
  see(300, 5 * kBytes + 2000, "8:8:0");
  result = Run();
  EXPECT_EQ(Loss(result), 3 * 3600 + 1) << "it was not, as after a crash";
  EXPECT_EQ(CheckOf(result, "archived").hint,
            "after a crash archive_timeout ships nothing until something is written: SELECT "
            "pg_switch_wal()");
}

TEST_F(WalArchiveProbeTest, NothingIsPromisedBeyondTheLastTimeThePrimaryWasSeen) {
  AddBase();
  clock_.Advance(10min);
  SeePrimary(5 * kBytes);
  EXPECT_EQ(Loss(Run()), 0);
  clock_.Advance(2min);
  const model::ProbeResult later = Run();
  EXPECT_EQ(ValueOf(later, "wal_archive_lag_seconds"), 120);
  EXPECT_EQ(Loss(later), 120);
  EXPECT_EQ(CheckOf(later, "archived").severity, Severity::kOk);
  clock_.Advance(14min);
  const model::ProbeResult result = Run();
  EXPECT_EQ(Loss(result), 16 * 60);
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kCritical);
  EXPECT_EQ(CheckOf(result, "archived").message,
            "0 B behind \"db\", for 16m; it was last seen 16m ago > max_lag 15m");
  SeePrimary(5 * kBytes);
  EXPECT_EQ(Loss(Run()), 0) << "it has idled all the time";
}

// drwatch cannot log in to it, say.
TEST_F(WalArchiveProbeTest, WhatCameSinceThePrimaryWasSeenIsNotUnknown) {
  AddBase();
  SeePrimary(3 * kBytes);
  clock_.Advance(20min);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 20 * 60 - 4)
      << "since the last commit here";
  SeePrimary(7 * kBytes);
  clock_.Advance(20min);
  EXPECT_GE(ValueOf(Run(), "wal_archive_lag_seconds"), 20 * 60);
}

// Its commits, base backup and files are dated by it. The loss counts by this machine's clock.
TEST_F(WalArchiveProbeTest, AServersClockThatIsAheadMakesNoLossSmaller) {
  AddBase();
  SeePrimary(5 * kBytes);
  clock_.StepWall(-10min);
  model::ProbeResult result = Run();
  EXPECT_EQ(Loss(result), 0) << "not in the future";
  EXPECT_EQ(ValueOf(result, "pitr_window_seconds"), 0);
  EXPECT_EQ(CheckOf(result, "time").severity, Severity::kWarning);
  EXPECT_EQ(ValueOf(result, "backup_check_success"), 0);
  SeePrimary(6 * kBytes, "8:8:0");
  clock_.Advance(1min);
  SeePrimary(7 * kBytes, "9:9:0");
  result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 60);
  EXPECT_EQ(Loss(result), 60);
  clock_.Advance(2min);
  EXPECT_EQ(Loss(Run()), 180) << "nobody sees the primary any more";
  clock_.StepWall(10min);
  result = Run();
  EXPECT_EQ(Loss(result), 180);
  EXPECT_EQ(ValueOf(result, "backup_check_success"), std::nullopt);
}

TEST_F(WalArchiveProbeTest, AServersClockThatIsAheadMakesNoGapSmaller) {
  AddBase();
  spec_.in_flight_segments = 0;
  SeePrimary(2 * kBytes + 600);
  clock_.Advance(1s);
  SeePrimary(3 * kBytes + 100, "8:8:0");
  clock_.Advance(1min);
  SeePrimary(5 * kBytes, "9:9:0");
  clock_.StepWall(-10min);
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(2)));
  Run();  // each reads what follows each other
  Run();
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_gaps"), 1);
  EXPECT_EQ(Loss(result), 60) << Describe(result);
  clock_.Advance(1min);
  SeePrimary(5 * kBytes, "9:9:0");
  EXPECT_EQ(Loss(Run()), 120);
}

TEST_F(WalArchiveProbeTest, AServersClockThatIsAheadMakesWhatCameUnseenNoYounger) {
  AddBase();
  clock_.StepWall(-10min);
  SeePrimary(3 * kBytes);
  clock_.Advance(1min);
  EXPECT_EQ(Loss(Run()), 0);
  clock_.Advance(20min);
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 20 * 60);
  EXPECT_EQ(Loss(result), 20 * 60);
}

TEST_F(WalArchiveProbeTest, AServersClockThatIsAheadMakesWhatWaitedNoYounger) {
  AddBase();
  clock_.StepWall(-10min);
  positions_.archive_notes().Put("db", {.last_archived = builder_.Name(3), .waited_seconds = 1200});
  SeePrimary(7 * kBytes + 100);
  EXPECT_EQ(Loss(Run()), 1200);
}

TEST_F(WalArchiveProbeTest, WithoutAPrimaryWhatCameIsAsOldAsItsArrival) {
  AddBase();
  spec_.primary.clear();
  clock_.StepWall(-1h);
  EXPECT_EQ(Loss(Run()), 0);
  DateSegment(3, clock_.Now());
  clock_.Advance(20min);
  EXPECT_EQ(Loss(Run()), 20 * 60);
  probe_.reset();  // as after a restart
  EXPECT_EQ(Loss(Run()), 20 * 60);
  clock_.StepWall(1h);
  probe_.reset();
  EXPECT_EQ(Loss(Run()), 20 * 60 - 4) << "its clock was right";
}

TEST_F(WalArchiveProbeTest, ADamagedSegmentThatIsDatedInTheFutureIsTold) {
  segments_[2][5000] ^= 4;
  Archive(2);
  DateSegment(2, start_ + 24h);
  clock_.Advance(1min);
  SeePrimary(5 * kBytes);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0) << "it may be being written";
  clock_.Advance(10s);
  segments_[2][5001] ^= 4;
  Archive(2);
  DateSegment(2, start_ + 25h);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0);
  clock_.Advance(10s);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0) << "it has changed since";
  clock_.Advance(10s);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 1);
}

// By a clock that is a minute behind this machine's.
TEST_F(WalArchiveProbeTest, ASegmentThatIsBeingCopiedIsNoDamageWhateverDatesIt) {
  clock_.Advance(1h);
  SeePrimary(5 * kBytes);
  const std::string name = "archive/" + builder_.Name(3);
  for (const std::size_t part : {0, 1, 2, 3}) {
    folder_.Write(name, segments_[3].substr(0, part * kBytes / 4));
    DateSegment(3, clock_.Now() - 60s);
    EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0) << part;
    clock_.Advance(10s);
    SeePrimary(5 * kBytes);
  }
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0);
  clock_.Advance(5s);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 1) << "nobody writes on";
}

// Of a file server, here.
TEST_F(WalArchiveProbeTest, AClockThatIsAheadMakesWhatIsOnItsWayNeitherLostNorYounger) {
  OpenDatabase();
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(2)));
  DateSegment(3, clock_.Now() + 2h);
  spec_.max_lag = 15min;
  const auto lost = [this] { return ValueOf(Run(), "wal_archive_missing_segments"); };
  EXPECT_EQ(lost(), 0);
  clock_.Advance(14min);
  EXPECT_EQ(lost(), 0);
  probe_.reset();  // over a restart
  EXPECT_EQ(lost(), 0);
  clock_.Advance(2min);
  EXPECT_EQ(lost(), 1) << "it has waited long enough, by this machine's clock";
  clock_.Advance(110min);
  EXPECT_EQ(lost(), 1) << "its date has come";
  // The next one, of which nobody remembers when it came.
  DateSegment(3, clock_.Now() + 2h);
  ProbeServices services;
  services.clock = &clock_;
  services.only_run = true;
  WalArchiveProbe once(config_, services);
  EXPECT_EQ(ValueOf(once.Run({base::Deadline::After(10s), {}, clock_.Now(), &clock_}),
                    "wal_archive_missing_segments"),
            1);
}

TEST_F(WalArchiveProbeTest, TellsForHowLongWalMayBeOnItsWay) {
  spec_.max_lag = 70min;
  Run();
  const auto supply = [this](std::uint64_t end) {
    return positions_.archive_notes().FindWal("base", {"shop", spec_.data},
                                              {{{1, 2 * kBytes, end}}, WalBuilder::kSystem});
  };
  EXPECT_EQ(supply(5 * kBytes).state, WalSupply::State::kHeld);
  EXPECT_EQ(supply(7 * kBytes).state, WalSupply::State::kMissing);
  EXPECT_EQ(supply(7 * kBytes).patience, base::Duration(70min));
}

TEST_F(WalArchiveProbeTest, TellsWhatIsOnItsWayAndWhenTheNewestSegmentArrived) {
  for (const auto& file : std::filesystem::directory_iterator(folder_.Path("archive"))) {
    std::filesystem::last_write_time(file, std::chrono::file_clock::from_sys(start_ + 9s));
  }
  SeePrimary(7 * kBytes + 100);
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_pending_segments"), 2);
  EXPECT_EQ(ValueOf(result, "wal_archive_last_segment_timestamp_seconds"), At(9));
}

// The archiver has failed since long before the first look at the server, or before drwatch was
// down.
TEST_F(WalArchiveProbeTest, WhatNobodySawBeingWrittenIsNotFresh) {
  AddBase();
  clock_.Advance(30min);
  positions_.archive_notes().Put("db", {builder_.Name(3), {}, 0, 20 * 60});
  SeePrimary(7 * kBytes + 100);
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 20 * 60);
  EXPECT_EQ(Loss(result), 30 * 60 - 4) << "since the last commit in the archive";
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kCritical);
  EXPECT_NE(CheckOf(result, "archived").message.find("for at least 20m"), std::string::npos);
  // No whole segment is missing: what the open one holds counts from the first look.
  SeePrimary(5 * kBytes + 100);
  result = Run();
  EXPECT_EQ(Loss(result), 0);
  clock_.Advance(3h);
  SeePrimary(8 * kBytes);
  EXPECT_EQ(Loss(Run()), 3 * 3600 + 30 * 60 - 4) << "nobody looked for three hours";
}

// The new primary archives elsewhere, or not at all; it had not received all that is archived.
TEST_F(WalArchiveProbeTest, ATimelineOfWhichNothingCameIsNotArchived) {
  AddBase();
  clock_.Advance(1min);
  SeePrimary(5 * kBytes);
  EXPECT_EQ(Loss(Run()), 0);
  const auto promoted = [this] {
    positions_.Observe("db", {std::to_string(WalBuilder::kSystem), 2}, 4 * kBytes + 100,
                       clock_.Steady(), 1s);
  };
  promoted();
  EXPECT_EQ(Loss(Run()), 60 - 4) << "the last commit in the archive";
  clock_.Advance(20min);
  promoted();
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 20 * 60);
  EXPECT_EQ(CheckOf(result, "archived").message,
            "nothing is here of timeline 2, which \"db\" is on, for at least 20m > max_lag 15m");
  probe_.reset();  // as after a change of its settings
  EXPECT_EQ(ValueOf(Run(), "wal_archive_lag_seconds"), 20 * 60);
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(3)));
  folder_.Write("archive/00000002.history", "1\t0/400050\tno recovery target specified\n");
  promoted();
  EXPECT_EQ(ValueOf(Run(), "wal_archive_lag_seconds"), 0)
      << "it archives, and its open segment counts from now";
}

// pg_receivewal is dead; each run of --once is a first look.
TEST_F(WalArchiveProbeTest, AnOnlyRunSeesThatTheEndOfAnArchiveHasBeenMissingForLong) {
  only_run_ = true;
  AddBase();
  clock_.Advance(48h);
  SeePrimary(35 * kBytes + 100);
  const model::ProbeResult result = Run();
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kCritical);
  EXPECT_EQ(CheckOf(result, "archived").message,
            "30.0 MiB behind \"db\"; one look does not show for how long; the newest segment came "
            "47h59m56s ago > max_lag 15m");
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), std::nullopt);
}

TEST_F(WalArchiveProbeTest, AnOnlyRunPassesAServerThatIdles) {
  only_run_ = true;
  AddBase();
  clock_.Advance(48h);
  SeePrimary(6 * kBytes - 1);
  EXPECT_EQ(CheckOf(Run(), "archived").severity, Severity::kOk);
}

TEST_F(WalArchiveProbeTest, AnOnlyRunPassesABusyServerThatArchivesWell) {
  only_run_ = true;
  AddBase();
  clock_.Advance(1min);
  SeePrimary(7 * kBytes + 100);
  EXPECT_EQ(CheckOf(Run(), "archived").severity, Severity::kOk) << "all of it is young";
}

TEST_F(WalArchiveProbeTest, AnOnlyRunBelievesAnArchiverWhatWaitsForIt) {
  only_run_ = true;
  AddBase();
  clock_.Advance(48h);
  SeePrimary(7 * kBytes + 100);
  const auto sent = [this](std::uint64_t segment) {
    positions_.archive_notes().Put("db", {.last_archived = verify::SegmentName(1, segment, kBytes),
                                          .waited_seconds = 5,
                                          .segment_bytes = kBytes});
    return CheckOf(Run(), "archived");
  };
  EXPECT_EQ(sent(4).message, "2.0 MiB behind \"db\", for at least 5s") << "it idled before";
  EXPECT_EQ(sent(5).severity, Severity::kCritical) << "what it sent did not come here";
}

// After two days it streams again, and is far behind; or one transaction takes that long.
TEST_F(WalArchiveProbeTest, AnOnlyRunDoesNotKnowTheLagWhereOldCommitsCameJustNow) {
  only_run_ = true;
  AddBase();
  clock_.Advance(1h);
  DateSegment(3, clock_.Now());
  SeePrimary(35 * kBytes + 100);
  EXPECT_EQ(CheckOf(Run(), "archived").severity, Severity::kUnknown);
}

TEST_F(WalArchiveProbeTest, AnOnlyRunDoesNotPassATimelineOfWhichNothingIsHere) {
  only_run_ = true;
  AddBase();
  clock_.Advance(1min);
  positions_.Observe("db", {std::to_string(WalBuilder::kSystem), 2}, 5 * kBytes + 100,
                     clock_.Steady(), 1s);
  EXPECT_EQ(CheckOf(Run(), "archived").message,
            "nothing is here of timeline 2, which \"db\" is on; one look does not show for how "
            "long; the newest segment came 56s ago");
}

TEST_F(WalArchiveProbeTest, ATimelineOfWhichNothingCameHasWaitedAsLongAsItsArchiverSays) {
  AddBase();
  clock_.Advance(1h);
  positions_.archive_notes().Put("db", {.waited_seconds = 1200});
  positions_.Observe("db", {std::to_string(WalBuilder::kSystem), 2}, 5 * kBytes + 100,
                     clock_.Steady(), 1s);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_lag_seconds"), 1200);
}

// A segment between two base backups, of which the newer one has all that it needs.
TEST_F(WalArchiveProbeTest, WhatIsPrunedIsLostOnceThePruningIsOver) {
  AddTwoBases();
  clock_.Advance(1h);
  SeePrimary(5 * kBytes);
  Run();
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(1)));
  clock_.Advance(1s);
  SeePrimary(5 * kBytes);
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0);
  EXPECT_EQ(CheckOf(result, "segments").message,
            "3 segments of timeline 1, none is missing; 1 are being pruned");
  clock_.Advance(5min);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_missing_segments"), 1);
}

TEST_F(WalArchiveProbeTest, ARestartDoesNotLoseWhatIsBeingPruned) {
  OpenDatabase();
  AddTwoBases();
  clock_.Advance(1h);
  const auto missing = [&] {
    SeePrimary(5 * kBytes);
    return ValueOf(Run(), "wal_archive_missing_segments");
  };
  EXPECT_EQ(missing(), 0);
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(1)));
  clock_.Advance(1min);
  EXPECT_EQ(missing(), 0) << "it is being pruned";
  probe_.reset();
  clock_.Advance(1min);
  EXPECT_EQ(missing(), 0) << "it went away before the restart";
  probe_.reset();
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(2)));
  clock_.Advance(1min);
  EXPECT_EQ(missing(), 0) << "another one went away meanwhile";
  probe_.reset();
  clock_.Advance(5min);
  EXPECT_EQ(missing(), 2) << "the pruning is over";
  probe_.reset();
  EXPECT_EQ(missing(), 2);
}

TEST_F(WalArchiveProbeTest, AnOnlyRunLooksTwiceForWhatIsBeingPruned) {
  AddTwoBases();
  clock_.Advance(1h);
  SeePrimary(5 * kBytes);
  only_run_ = true;
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(1)));
  EXPECT_EQ(ValueOf(Run(), "wal_archive_missing_segments"), 1) << "nothing else goes away";
  probe_.reset();
  std::thread pruning([this] {
    std::this_thread::sleep_for(1s);
    std::filesystem::remove(folder_.Path("archive/" + builder_.Name(2)));
  });
  const model::ProbeResult result = Run();
  pruning.join();
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0) << Describe(result);
}

// Until the first segment of the new timeline comes, a recovery takes the old timeline's.
TEST_F(WalArchiveProbeTest, AServerThatWasBroughtBackIsNotArchivedBeforeItsFirstSegmentIs) {
  AddBase();
  clock_.Advance(10s);
  SeePrimary(4 * kBytes, "7:7:0");
  clock_.Advance(1s);
  SeePrimary(4 * kBytes + 2000, "8:8:0");
  clock_.Advance(1h);
  SeePrimary(5 * kBytes, "9:9:0");
  EXPECT_EQ(Loss(Run()), 0);
  folder_.Write("archive/00000002.history", "1\t0/400800\tbefore the mistake\n");
  std::filesystem::last_write_time(folder_.Path("archive/00000002.history"),
                                   std::chrono::file_clock::from_sys(clock_.Now()));
  const auto run_after = [this](base::Duration wait) {
    clock_.Advance(wait);
    positions_.Observe("db", {std::to_string(WalBuilder::kSystem), 2}, 4 * kBytes + 3000,
                       clock_.Steady(), 1s, "8:8:0");
    return Run();
  };
  run_after(1s);
  model::ProbeResult result = run_after(9s);
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 10) << "not what it has brought back";
  EXPECT_EQ(Loss(result), 10);
  EXPECT_TRUE(result.ok()) << Describe(result);
  EXPECT_EQ(CheckOf(result, "timelines").message,
            "timeline 1, 2; on its way: " + verify::SegmentName(2, 4, kBytes));
  result = run_after(15min);
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 15 * 60 + 10);
  EXPECT_EQ(Loss(result), 10 + 3601 + 15 * 60 + 10 - 3) << "the last commit before that segment";
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kCritical);
  EXPECT_EQ(CheckOf(result, "timelines").message,
            "until " + verify::SegmentName(2, 4, kBytes) +
                " is here, a recovery to the latest point goes on with timeline 1 behind the "
                "switch");
  probe_.reset();  // as after a restart
  EXPECT_EQ(ValueOf(Run(), "wal_archive_lag_seconds"), 15 * 60 + 10);
}

TEST_F(WalArchiveProbeTest, OfAPrimaryThatNeverAnsweredTheLastCommitIsWhatIsLeft) {
  AddBase();
  positions_.Expect("db");
  positions_.ObserveNothing("db");
  clock_.Advance(10min);
  const model::ProbeResult result = Run();
  EXPECT_FALSE(ValueOf(result, "wal_archive_lag_seconds"));
  EXPECT_EQ(CheckOf(result, "archived").severity, Severity::kUnknown);
  EXPECT_EQ(Loss(result), 10 * 60 - 4);
}

TEST_F(WalArchiveProbeTest, WhatIsStreamedOfTheOpenSegmentIsArchived) {
  AddBase();
  const auto commit = [this](std::int64_t second) {
    builder_.Commit(At(second));
    SeePrimary(builder_.Position());
  };
  const auto stream = [this] {
    folder_.Write("archive/" + builder_.Name(4) + ".partial", builder_.Segments()[4]);
  };
  clock_.Advance(20s);
  SeePrimary(builder_.Position());
  clock_.Advance(10s);
  commit(30);
  stream();
  clock_.Advance(10s);
  SeePrimary(builder_.Position());
  const model::ProbeResult streamed = Run();
  EXPECT_EQ(ValueOf(streamed, "wal_archive_lag_bytes"), 0);
  EXPECT_EQ(ValueOf(streamed, "wal_archive_lag_seconds"), 0);
  EXPECT_EQ(Loss(streamed), 0);
  // The stream breaks off.
  commit(40);
  clock_.Advance(60s);
  const model::ProbeResult behind = Run();
  EXPECT_GE(ValueOf(behind, "wal_archive_lag_seconds"), 60);
  EXPECT_EQ(ValueOf(behind, "wal_archive_last_commit_timestamp_seconds"), At(30));
  EXPECT_GE(Loss(behind), 60);
  EXPECT_LE(Loss(behind), 70);
  stream();
  SeePrimary(builder_.Position());
  EXPECT_EQ(Loss(Run()), 0);
  // What cannot be read holds nothing.
  folder_.Write("archive/" + builder_.Name(4) + ".partial", std::string(kBytes, 'x'));
  EXPECT_GT(Loss(Run()), 0);
}

TEST_F(WalArchiveProbeTest, EncryptedTextsAreNoFailure) {
  const std::string name = "archive/" + verify::SegmentName(1, 2, kBytes) + ".00000028.backup";
  folder_.Write(name, "Salted__12345678abcdef");
  const model::CheckOutcome sealed = CheckOf(Run(), "timelines");
  EXPECT_EQ(sealed.severity, Severity::kUnknown);
  EXPECT_EQ(sealed.message, "\"000000010000000000000002.00000028.backup\" is encrypted");
  folder_.Write("archive/00000002.history", "1 nowhere");
  EXPECT_EQ(CheckOf(Run(), "timelines").severity, Severity::kCritical);
}

TEST_F(WalArchiveProbeTest, APackingThatOnlyTheNameTellsIsRead) {
  spec_.primary.clear();
  std::filesystem::remove_all(folder_.Path("archive"));
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    folder_.Write("archive/" + builder_.Name(i) + ".lzma", Lzma(segments_[i]));
  }
  const std::string history = "1\t0/300000\tno recovery target specified\n";
  folder_.Write("archive/00000002.history.lzma", Lzma(history));
  const model::ProbeResult result = Run();
  EXPECT_TRUE(CheckOf(result, "timelines").message.starts_with("until 000000020000000000000003"))
      << CheckOf(result, "timelines").message;
  EXPECT_EQ(ValueOf(result, "wal_archive_segment_size_bytes"), kBytes);
  EXPECT_EQ(ValueOf(result, "wal_archive_timeline"), 2);
  // The parent was left in its segment 3: that one counts, what follows does not.
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0);
  folder_.Write("archive/00000002.history.lzma", Lzma("1 nowhere\n"));
  EXPECT_EQ(CheckOf(Run(), "timelines").severity, Severity::kCritical);
  // So little of it that no text shows: it may as well be encrypted.
  folder_.Write("archive/00000002.history.lzma", Lzma(history).substr(0, 30));
  EXPECT_EQ(CheckOf(Run(), "timelines").severity, Severity::kUnknown);
}

TEST_F(WalArchiveProbeTest, WhatItsNameCallsPackedMayBeEncrypted) {
  for (const std::string ending : {".lz4", ".br", ".lzma"}) {
    const std::string name = verify::SegmentName(1, 2, kBytes) + ".00000028.backup" + ending;
    folder_.Write("archive/" + name, "\xd4\x03\xf7\x91\x13\x0e\xc2\x88 of nobody known \xff\xfe");
    const model::CheckOutcome sealed = CheckOf(Run(), "timelines");
    EXPECT_EQ(sealed.severity, Severity::kUnknown) << ending;
    EXPECT_EQ(sealed.message, "\"" + name +
                                  "\" cannot be read: it is encrypted, or packed in a way that is "
                                  "not known");
    std::filesystem::remove(folder_.Path("archive/" + name));
  }
}

TEST_F(WalArchiveProbeTest, WhatCannotBeReadIsJudgedByNamesAndTimes) {
  constexpr std::uint64_t kSize = verify::kDefaultSegmentBytes;
  spec_.primary.clear();
  std::filesystem::remove_all(folder_.Path("archive"));
  positions_.archive_notes().PutBases(
      "base", {"shop", spec_.data},
      {{2 * kSize + 40, 2 * kSize + 500, 1, start_, "b1", 0, "base"}});
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    // gpg packs what it encrypts: nothing shows the size.
    folder_.Write("archive/" + builder_.Name(i) + ".gpg", "\x8c\x0d\x04\x09\x03\x08 sealed");
  }
  clock_.Advance(1min);
  for (const auto& file : std::filesystem::directory_iterator(folder_.Path("archive"))) {
    std::filesystem::last_write_time(file, std::chrono::file_clock::from_sys(start_));
  }
  const model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_segments"), 4);
  EXPECT_EQ(ValueOf(result, "wal_archive_bytes"), 4 * 13);
  EXPECT_EQ(ValueOf(result, "wal_archive_missing_segments"), 0);
  EXPECT_EQ(ValueOf(result, "wal_archive_corrupt_segments"), 0);
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), std::nullopt);
  EXPECT_EQ(CheckOf(result, "segments").severity, Severity::kOk);
  EXPECT_EQ(CheckOf(result, "verified").severity, Severity::kUnknown);
  // What is encrypted is as old as its file.
  EXPECT_EQ(Loss(result), 60);
  clock_.Advance(20min);
  std::filesystem::remove(folder_.Path("archive/" + builder_.Name(1) + ".gpg"));
  Run();  // it went away just now
  clock_.Advance(1s);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_missing_segments"), 1);
}

// The names of so few do not show that 4 GiB have more of them than usual; the server knows it.
TEST_F(WalArchiveProbeTest, TheServerTellsTheSizeOfEncryptedSegments) {
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::string path = "archive/" + builder_.Name(i);
    std::filesystem::remove(folder_.Path(path));
    folder_.Write(path + ".gpg", "\x8c\x0d\x04\x09\x03\x08 sealed");
  }
  AddBase();
  SeePrimary(5 * kBytes);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_segment_size_bytes"), verify::kDefaultSegmentBytes);
  positions_.archive_notes().Put("db", {.segment_bytes = static_cast<std::int64_t>(kBytes)});
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_segment_size_bytes"), kBytes);
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_bytes"), 0);
  EXPECT_EQ(CheckOf(result, "window").severity, Severity::kOk) << CheckOf(result, "window").message;
  SeePrimary(7 * kBytes, "8:8:0");
  clock_.Advance(1min);
  SeePrimary(8 * kBytes, "9:9:0");
  result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_bytes"), 3 * kBytes);
  EXPECT_EQ(ValueOf(result, "wal_archive_lag_seconds"), 60);
}

// Positions of another cluster look like those of this one.
TEST_F(WalArchiveProbeTest, ABaseBackupOfAnotherClusterIsNoWayBack) {
  const auto add_base = [this](std::uint64_t cluster) {
    positions_.archive_notes().PutBases(
        "base", {"shop", spec_.data},
        {{2 * kBytes + 40, 2 * kBytes + 500, 1, start_ + 2s, "b1", cluster, "base"}});
  };
  const auto ways = [this] { return Run().replay_bases.size(); };
  SeePrimary(5 * kBytes);
  add_base(WalBuilder::kSystem + 1);
  EXPECT_EQ(ways(), 0u);
  add_base(WalBuilder::kSystem);
  EXPECT_EQ(ways(), 1u);
  // Where the segments do not say whose they are, the primary does.
  probe_.reset();
  positions_.archive_notes().Put("db", {.segment_bytes = static_cast<std::int64_t>(kBytes)});
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::string path = "archive/" + builder_.Name(i);
    std::filesystem::remove(folder_.Path(path));
    folder_.Write(path + ".gpg", "\x8c\x0d\x04\x09\x03\x08 sealed");
  }
  EXPECT_EQ(ways(), 1u);
  add_base(WalBuilder::kSystem + 1);
  EXPECT_EQ(ways(), 0u);
}

// Its files are of the day they were copied.
TEST_F(WalArchiveProbeTest, TheWalTellsWhenABaseBackupHadEnded) {
  catalog::WalBase copied{2 * kBytes + 40, 2 * kBytes + 500, 1, start_ + 1h, "b1", 0, "base"};
  copied.begun = start_ - 1h;
  positions_.archive_notes().PutBases("base", {"shop", spec_.data}, {copied});
  clock_.Advance(2h);
  const auto window = [this](const std::string& side) {
    const auto at = ValueOf(Run(), "pitr_window_" + side + "_timestamp_seconds");
    return at.value_or(0) - base::ToUnixSeconds(start_);
  };
  EXPECT_EQ(window("start"), 3) << "the first commit in the segment behind it";
  EXPECT_EQ(window("end"), 4);
  std::string stopped = base::FormatRfc3339(start_ + 1s).substr(0, 19);
  stopped[10] = ' ';
  folder_.Write("archive/" + builder_.Name(1) + ".00000028.backup",
                "START WAL LOCATION: " + verify::FormatLsn(2 * kBytes + 40) +
                    " (file x)\nSTOP WAL LOCATION: " + verify::FormatLsn(2 * kBytes + 500) +
                    " (file x)\nSTOP TIME: " + stopped + " UTC\nSTART TIMELINE: 1\n");
  EXPECT_EQ(window("start"), 2) << "within the second that its .backup file tells";
}

TEST_F(WalArchiveProbeTest, TheDateOfACopyPromisesNoData) {
  for (const std::size_t i : {2, 3}) {
    std::filesystem::remove(folder_.Path("archive/" + builder_.Name(i)));
  }
  catalog::WalBase copied{2 * kBytes + 40, 2 * kBytes + 500, 1, start_ + 1h, "b1", 0, "base"};
  copied.begun = start_ - 1h;
  positions_.archive_notes().PutBases("base", {"shop", spec_.data}, {copied});
  clock_.Advance(2h);
  EXPECT_EQ(Loss(Run()), 2 * 3600 - 2) << "since the last commit";
}

TEST_F(WalArchiveProbeTest, AClockThatWasNotSetYetMakesNoArchiveOld) {
  spec_.window = 24h;
  AddBase();
  clock_.Advance(1h);
  const base::Duration behind = clock_.Now() - base::Timestamp{};
  clock_.StepWall(-behind);
  Run();
  clock_.StepWall(behind);
  EXPECT_EQ(ValueOf(Run(), "pitr_window_growing"), 1);
}

TEST_F(WalArchiveProbeTest, TheNewestSegmentIsReadAtOnceWhereAllAreTooMany) {
  clock_.Advance(10s);
  spec_.primary.clear();
  spec_.read_rate_bytes = 4 << 20;
  AddBase();
  // Half of it for reading: time for one of them.
  const model::ProbeResult result = Run(1s);
  EXPECT_EQ(ValueOf(result, "wal_archive_last_commit_timestamp_seconds"), At(4));
  EXPECT_EQ(ValueOf(result, "pitr_window_end_timestamp_seconds"), At(4));
  ASSERT_TRUE(probe_->WaitIdle(base::Deadline::After(10s)));
  EXPECT_EQ(ValueOf(Run(), "wal_archive_unverified_segments"), 0);
}

TEST_F(WalArchiveProbeTest, WhatCouldNotBeReadIsTriedAgain) {
  testing::FakeS3 server("bucket");
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    server.Put("wal/" + builder_.Name(i), segments_[i], start_);
  }
  spec_.place.path = "s3://bucket/wal";
  spec_.place.s3.emplace();
  spec_.place.s3->endpoint = server.endpoint();
  spec_.place.s3->access_key_id = "AK";
  spec_.place.s3->secret_access_key.value = base::Secret("topsecret");
  const auto refuse = [&](const std::string& name, int status, const std::string& code) {
    server.Intercept([=](const testing::FakeRequest& request) -> std::optional<testing::FakeReply> {
      if (request.target.find(name) == std::string::npos) return std::nullopt;
      return testing::FakeReply{.status = status,
                                .body = "<Error><Code>" + code + "</Code></Error>"};
    });
  };
  clock_.Advance(1min);
  refuse("list-type=2", 403, "InvalidAccessKeyId");
  const std::string hint = CheckOf(Run(), "place").hint;
  EXPECT_NE(hint.find("does not know the access key id"), std::string::npos) << hint;
  // The keys are refused: that says nothing of the segments.
  refuse("wal/0", 401, "Unauthorized");
  model::ProbeResult result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_unverified_segments"), 4);
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), std::nullopt);
  // One that may not be read does not keep the others from being read.
  refuse(builder_.Name(2), 403, "AccessDenied");
  result = Run();
  EXPECT_EQ(ValueOf(result, "wal_archive_unverified_segments"), 0);
  EXPECT_EQ(ValueOf(result, "wal_archive_corrupt_segments"), 0);
  EXPECT_EQ(CheckOf(result, "verified").severity, Severity::kUnknown);
  EXPECT_TRUE(CheckOf(result, "verified")
                  .message.starts_with("1 segments cannot be read: " + builder_.Name(2) + ": "))
      << CheckOf(result, "verified").message;
  server.Intercept(nullptr);
  clock_.Advance(5min);
  EXPECT_EQ(CheckOf(Run(), "verified").severity, Severity::kUnknown);
  clock_.Advance(5min);
  result = Run();
  EXPECT_EQ(CheckOf(result, "verified").severity, Severity::kOk);
  EXPECT_EQ(ValueOf(result, "backup_verification_success"), 1);
}

TEST_F(WalArchiveProbeTest, WithoutReadingTheyMustHaveTheirSizeAllTheSame) {
  spec_.verify = false;
  AddBase();
  clock_.Advance(10min);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0);
  EXPECT_EQ(ValueOf(Run(), "backup_verified_bytes_total"), 0) << "nothing is read";
  const std::string name = "archive/" + builder_.Name(3);
  const auto write = [&](const std::string& content) {
    folder_.Write(name, content);
    const timespec time{base::ToUnixMillis(clock_.Now() - 5min) / 1000, 0};  // nobody writes on
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, folder_.Path(name).c_str(), times, 0), 0);
  };
  for (const std::string& content : {std::string(), segments_[3].substr(0, kBytes / 4)}) {
    write(content);
    const model::ProbeResult result = Run();
    EXPECT_EQ(ValueOf(result, "wal_archive_corrupt_segments"), 1) << content.size();
    EXPECT_EQ(result.severity(), Severity::kCritical);
  }
  // Encrypted by nobody knows what, under a plain name.
  std::string noise(kBytes / 2 + 100, ' ');
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<char>(i * i * 2654435761u >> 13);
  write(noise);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0);
  write(segments_[3]);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 0);
  // Who packs them all without saying so has no size that they must have.
  for (std::uint64_t number = 6; number < 30; ++number) {
    folder_.Write("archive/" + verify::SegmentName(1, number, kBytes), std::string(number, 'x'));
  }
  const model::ProbeResult packed = Run();
  EXPECT_EQ(ValueOf(packed, "wal_archive_corrupt_segments"), 0);
  EXPECT_LE(*ValueOf(packed, "backup_verified_bytes_total"), kBytes) << "none of those is read";
}

// As "cp ... || true" leaves them on a full disk.
TEST_F(WalArchiveProbeTest, WithoutReadingEmptySegmentsAreDamagedHoweverManyThereAre) {
  spec_.verify = false;
  for (std::uint64_t number = 5; number < 30; ++number) {
    folder_.Write("archive/" + verify::SegmentName(1, number, kBytes), "");
  }
  for (std::uint64_t number = 30; number < 60; ++number) {
    folder_.Write("archive/" + verify::SegmentName(1, number, kBytes), "packed");
  }
  for (const auto& file : std::filesystem::directory_iterator(folder_.Path("archive"))) {
    std::filesystem::last_write_time(file, std::chrono::file_clock::from_sys(start_));
  }
  clock_.Advance(10min);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_corrupt_segments"), 25);
}

TEST_F(WalArchiveProbeTest, OnlyWhatCanReadThemIsAdvisedForUnreadSegments) {
  spec_.window = 24h;
  spec_.in_flight_segments = 0;
  AddBase();
  positions_.archive_notes().Put("db", {.segment_bytes = static_cast<std::int64_t>(kBytes)});
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::string path = folder_.Path("archive/" + builder_.Name(i));
    std::filesystem::remove(path);
    folder_.Write("archive/" + builder_.Name(i) + ".gpg", "\x8c\x0d\x04\x09\x03\x08 sealed");
    std::filesystem::last_write_time(path + ".gpg", std::chrono::file_clock::from_sys(start_ + 4s));
  }
  clock_.Advance(5s);  // they may be being written: they are not judged yet
  const auto said = CheckOf(Run(), "window");
  EXPECT_EQ(said.severity, Severity::kUnknown) << said.message;
  EXPECT_EQ(said.hint, "the service reads on at every run");
}

TEST_F(WalArchiveProbeTest, FollowsAStanzaUpgrade) {
  spec_.repository = config::Repository::kPgBackRest;
  spec_.verify = false;
  const auto push = [this](const std::string& id, std::uint64_t number) {
    folder_.Write("archive/archive/main/" + id + "/0000000100000000/" +
                      verify::SegmentName(1, number, kBytes) + "-" + std::string(40, 'a'),
                  segments_[0]);
  };
  push("9.6-1", 1);
  push("9.6-1", 2);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_segments"), 2);
  push("9.6-1", 3);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_segments"), 3);
  push("15-2", 9);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_segments"), 1);
  push("15-2", 10);
  EXPECT_EQ(ValueOf(Run(), "wal_archive_segments"), 2);
}

TEST_F(WalArchiveProbeTest, AFirstRunWaitsForBaseBackups) {
  SeePrimary(5 * kBytes);
  ArchiveNotes& notes = positions_.archive_notes();
  const auto base = notes.ExpectBases("base", {"shop", spec_.data});
  const auto other_base = notes.ExpectBases("of another service", {"mail", spec_.data});
  std::jthread other([this] {
    const base::StopToken never;
    never.Wait(base::Deadline::After(base::Duration(100)));
    AddBase();
  });
  EXPECT_TRUE(ValueOf(Run(), "pitr_window_end_timestamp_seconds"));
}

TEST_F(WalArchiveProbeTest, TellsHowMuchIsReplayedOnABaseAndHowQuicklyItWasRead) {
  SeePrimary(5 * kBytes);
  AddBase();
  spec_.read_rate_bytes = 0;
  const model::ProbeResult result = Run();
  ASSERT_EQ(result.replay_bases.size(), 1u);
  EXPECT_EQ(result.replay_bases[0].wal_bytes, 3 * static_cast<std::int64_t>(kBytes))
      << "segments 2, 3 and 4";
  ASSERT_TRUE(result.replay_bases[0].wal_reading);
  EXPECT_EQ(result.replay_bases[0].wal_reading->bytes, 4 * static_cast<std::int64_t>(kBytes));
  EXPECT_EQ(Run().replay_bases.at(0).wal_reading->bytes, 4 * static_cast<std::int64_t>(kBytes))
      << "nothing was read again";
}

TEST_F(WalArchiveProbeTest, ABackupProbeThatSeesNothingIsNotWaitedForLong) {
  const auto base = positions_.archive_notes().ExpectBases("base", {"shop", spec_.data});
  positions_.archive_notes().EndRun("base", false);
  const auto began = std::chrono::steady_clock::now();
  Run();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

}  // namespace
}  // namespace drwatch::probes
