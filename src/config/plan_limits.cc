// The plan of each backup: its limits against its schedule, and objectives that nothing proves.
#include <algorithm>
#include <variant>
#include <vector>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "config/plan.h"
#include "config/schedule_pause.h"

namespace drwatch::config {
namespace {

// Slots looked at to tell how many a retention can hold.
constexpr int kMaxCount = 10'000;
constexpr int kStarts = 64;
constexpr base::Timestamp kStart = base::FromUnixMillis(1'767'225'600'000);  // 2026-01-01

// The shortest time over which so many runs are spread.
base::Duration ShortestSpread(const Schedule& schedule, int runs) {
  std::vector<base::Timestamp> slots{schedule.NextSlot(kStart)};
  for (int i = 1; i < runs + kStarts; ++i) slots.push_back(schedule.NextSlot(slots.back()));
  base::Duration shortest = base::Duration::max();
  for (std::size_t first = 0; first < kStarts; ++first) {
    const std::size_t last = first + static_cast<std::size_t>(runs) - 1;
    shortest = std::min(shortest, slots[last] - slots[first]);
  }
  return shortest;
}

// What deletes files may thin them out, and then keeps some for longer than `retention`, which is
// for how long each of them is kept. The programs of repositories do not.
void CheckCount(const Probe& probe, const BackupProbe& backup, Problems& problems) {
  if (backup.repository == Repository::kNone) return;
  if (!backup.min_count || !backup.retention || *backup.min_count > kMaxCount) return;
  const base::Duration spread = ShortestSpread(*backup.schedule, *backup.min_count);
  if (spread <= *backup.retention) return;
  problems.AddWarning(probe.position,
                      "backup " + base::Quote(probe.name) + " wants " +
                          std::to_string(*backup.min_count) +
                          " to be kept, which takes its schedule " + base::FormatDuration(spread) +
                          ", and keeps them for " + base::FormatDuration(*backup.retention),
                      "make \"min_count\" smaller or \"retention\" longer");
}

void CheckSchedule(const Probe& probe, const BackupProbe& backup, Problems& problems) {
  const base::Duration pause = LongestPause(*backup.schedule);
  const std::string name = "backup " + base::Quote(probe.name);
  const std::string leaves =
      ", and its schedule leaves " + base::FormatDuration(pause) + " between two runs";
  if (backup.max_age && *backup.max_age <= pause) {
    problems.AddWarning(
        probe.position, name + " may be " + base::FormatDuration(*backup.max_age) + " old" + leaves,
        "max_age must be longer than the schedule's longest pause, by what a run takes");
  }
  if (backup.retention && *backup.retention <= pause) {
    problems.AddWarning(probe.position,
                        name + " is kept for " + base::FormatDuration(*backup.retention) + leaves +
                            ": there are times without any backup",
                        "keep it until the next one is there");
  }
  if (backup.grace > pause) {
    problems.AddWarning(probe.position,
                        name + " may be " + base::FormatDuration(backup.grace) + " late" + leaves +
                            ": a run that is left out is told when the next ones are due",
                        "\"grace\" must be shorter than the schedule's longest pause");
  }
  CheckCount(probe, backup, problems);
}

// The service whose objective the probe's points are for; nullptr: there is no objective.
const Service* ObjectiveOf(const Config& config, const Probe& probe) {
  const auto service =
      std::find_if(config.services.begin(), config.services.end(),
                   [&](const Service& each) { return each.name == probe.service; });
  return service == config.services.end() || !service->rpo ? nullptr : &*service;
}

// Points of an objective that count unproven.
void CheckProof(const Config& config, const Probe& probe, bool verified, Problems& problems) {
  const Service* const service = ObjectiveOf(config, probe);
  if (verified || service == nullptr) return;
  problems.AddWarning(probe.position,
                      PromiseOf("service " + base::Quote(service->name), *service->rpo) +
                          ", and probe " + base::Quote(probe.name) +
                          " does not verify what it is kept by: a damaged one counts",
                      "leave out \"verify: false\", or limit it with \"read_rate\"");
}

// A probe that looks too seldom has the objective broken between two looks, whatever is there by
// then. `promised` is how old the newest point may become, `pause` how old it becomes anyway.
void CheckInterval(const Config& config, const Probe& probe, std::optional<base::Duration> promised,
                   base::Duration pause, Problems& problems) {
  const Service* const service = ObjectiveOf(config, probe);
  if (service == nullptr || !promised || *promised > *service->rpo) return;  // said of the service
  if (pause == *service->rpo || pause + probe.interval <= *service->rpo) return;
  const std::string comes = pause > base::Duration(0) ? " for what is there after up to " +
                                                            base::FormatDuration(pause) + " only"
                                                      : "";
  problems.AddWarning(probe.position,
                      PromiseOf("service " + base::Quote(service->name), *service->rpo) +
                          ", and probe " + base::Quote(probe.name) + " looks every " +
                          base::FormatDuration(probe.interval) + comes +
                          ": it counts as broken between two looks",
                      "shorten the probe's \"interval\"");
}

void CheckInterval(const Config& config, const Probe& probe, const BackupProbe& backup,
                   Problems& problems) {
  const auto age = WorstAge(backup);
  const bool by_schedule = backup.schedule && (!backup.max_age || *backup.max_age > *age);
  CheckInterval(config, probe, age, by_schedule ? *age : base::Duration(0), problems);
}

// What is too large to be read in time is never proven.
void CheckReading(const Probe& probe, const BackupProbe& backup, Problems& problems) {
  const BackupProbe::Verify& verify = backup.verify;
  if (!verify.enabled || verify.read_rate_bytes <= 0) return;
  const double most = base::ToSeconds(verify.timeout) * static_cast<double>(verify.read_rate_bytes);
  if (static_cast<double>(backup.min_size_bytes) <= most) return;
  problems.AddWarning(
      probe.position,
      "backup " + base::Quote(probe.name) + " is at least " +
          base::FormatSize(backup.min_size_bytes) + ", and at " +
          base::FormatSize(verify.read_rate_bytes) + "/s its verification has read " +
          base::FormatSize(static_cast<std::int64_t>(most)) + " when its timeout ends it",
      "raise \"read_rate\" or \"timeout\" of \"verify\"");
}

}  // namespace

void CheckLimits(const Config& config, Problems& problems) {
  for (const Probe& probe : config.probes) {
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      if (backup->schedule) CheckSchedule(probe, *backup, problems);
      CheckProof(config, probe, backup->verify.enabled, problems);
      CheckInterval(config, probe, *backup, problems);
      CheckReading(probe, *backup, problems);
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      CheckProof(config, probe, wal->verify, problems);
      CheckInterval(config, probe, wal->max_lag, base::Duration(0), problems);
    }
  }
}

}  // namespace drwatch::config
