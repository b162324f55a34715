// A backup probe on a folder of files of any age, and what its last run found.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "probes/backup_probe.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::probes {

inline std::string GoodDump() {
  return testing::ReadTestFile(testing::TestData("testdata/verify/custom.dump"));
}

class BackupProbeTest : public ::testing::Test {
 protected:
  BackupProbeTest() {
    config_.name = "nightly";
    config_.type = "backup";
    config_.service = "shop";
    spec_.place.path = folder_.Path("backups");
    spec_.max_age = std::chrono::hours(26);
    spec_.free_space_warning_ratio = 0;  // the machine may have a full disk
    std::filesystem::create_directory(spec_.place.path);
    auto database = db::Database::OpenInMemory(BackupMigrations());
    database_ = std::move(*database);
  }
  void Write(const std::string& name, base::Duration age, std::string_view content) {
    folder_.Write("backups/" + name, content);
    Touch(name, age);
  }
  void Touch(const std::string& name, base::Duration age) {
    const auto at = base::ToUnixMillis(clock_.Now() - age);
    const timespec time{at / 1000, at % 1000 * 1'000'000};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, folder_.Path("backups/" + name).c_str(), times, 0);
  }
  BackupProbe& Probe() {
    if (!probe_) {
      config_.spec = spec_;
      ProbeServices services;
      services.database = database_.get();
      services.clock = &clock_;
      services.only_run = only_run_ || database_ == nullptr;
      probe_ = std::make_unique<BackupProbe>(config_, services);
    }
    return *probe_;
  }
  void Restart() { probe_.reset(); }
  model::ProbeResult Run(base::Duration timeout = std::chrono::seconds(10)) {
    RunContext context{base::Deadline::After(timeout), {}, clock_.Now(), &clock_};
    last_ = Probe().Run(context);
    return last_;
  }
  // A sample of the last result: "backup_success", or "backup_check_success" with its check.
  std::optional<double> Value(std::string_view name, std::string_view check = {}) const {
    for (const model::MetricFamily& family : last_.families) {
      if (family.name != name) continue;
      for (const model::MetricPoint& point : family.points) {
        if (point.labels.Get("check") == check) return point.value;
      }
    }
    return std::nullopt;
  }
  model::CheckOutcome Check(std::string_view name) const {
    for (const model::CheckOutcome& check : last_.checks) {
      if (check.name == name) return check;
    }
    return {"absent", model::Severity::kOk, model::Reason::kNone, {}, {}};
  }
  model::Reason RunForReason() { return Run().Headline().reason; }

  testing::TempDir folder_;
  testing::FakeClock clock_;
  std::unique_ptr<db::Database> database_;
  bool only_run_ = false;
  config::Probe config_;
  config::BackupProbe spec_;
  std::unique_ptr<BackupProbe> probe_;
  model::ProbeResult last_;
};

}  // namespace drwatch::probes
