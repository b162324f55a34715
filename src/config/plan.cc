// The plan behind the configuration: what it promises and cannot keep, whatever happens at run
// time.
#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "base/duration.h"
#include "base/strings.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

// A fixed start, so that the answer does not depend on today: schedules repeat within this many
// slots as far as it matters here.
constexpr base::Timestamp kStart = base::FromUnixMillis(1'767'225'600'000);  // 2026-01-01
constexpr int kSlots = 400;

// The longest time between two slots.
base::Duration LongestGap(const Schedule& schedule) {
  base::Duration longest{0};
  base::Timestamp slot = schedule.NextSlot(kStart);
  for (int i = 0; i < kSlots; ++i) {
    const base::Timestamp next = schedule.NextSlot(slot);
    longest = std::max(longest, next - slot);
    slot = next;
  }
  return longest;
}

// How old the newest backup may become while everything is as configured.
std::optional<base::Duration> WorstAge(const BackupProbe& backup) {
  std::optional<base::Duration> age = backup.max_age;
  if (backup.schedule) {
    const base::Duration gap = LongestGap(*backup.schedule);
    age = age ? std::min(*age, gap) : gap;
  }
  return age;
}

// What of a service the plan's promises rest on.
struct Means {
  const Probe* best_backup = nullptr;
  std::optional<base::Duration> best_age;
  bool any = false;
  bool offsite = false;
  bool follows = false;  // a WAL archive: loses minutes, whatever the schedule
};

Means MeansOf(const Config& config, const Service& service) {
  Means means;
  for (const Probe& probe : config.probes) {
    if (probe.service != service.name) continue;
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      means.any = true;
      means.offsite = means.offsite || backup->offsite;
      const auto age = WorstAge(*backup);
      if (age && (!means.best_age || *age < *means.best_age)) {
        means.best_age = age;
        means.best_backup = &probe;
      }
    } else if (const auto* postgres = std::get_if<PostgresProbe>(&probe.spec)) {
      means.offsite = means.offsite || postgres->offsite;
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      means.follows = true;
      means.offsite = means.offsite || wal->offsite;
    }
  }
  return means;
}

void CheckService(const Config& config, const Service& service, Problems& problems) {
  const Means means = MeansOf(config, service);
  const std::string name = "service " + base::Quote(service.name);
  if (service.rpo && !means.any && !means.follows) {
    return problems.AddWarning(
        service.position,
        name + " promises an RPO of " + base::FormatDuration(*service.rpo) +
            " and has no backup: after a corruption that is replicated nothing brings it back",
        "add a probe of type backup with this service");
  }
  if (service.rpo && means.best_age && !means.follows && *means.best_age > *service.rpo) {
    problems.AddWarning(
        service.position,
        name + " promises an RPO of " + base::FormatDuration(*service.rpo) +
            ", and the newest backup may be " + base::FormatDuration(*means.best_age) +
            " old (probe " + base::Quote(means.best_backup->name) + ")",
        "archive WAL, take backups more often, or promise what the schedule can keep");
  }
  const bool backed_up = means.any || means.follows;
  if (backed_up && !means.offsite && (service.rpo || service.offsite_copies)) {
    problems.AddWarning(service.position,
                        name + " has no copy off-site: nothing survives the loss of the site",
                        "give the probe of a copy elsewhere \"offsite: true\"");
  }
}

// How many copies the configuration can have at all.
void CheckCopies(const Config& config, const Service& service, Problems& problems) {
  std::map<std::string, std::pair<int, int>> places;  // by backup: in all, off-site
  for (const Probe& probe : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&probe.spec);
    if (backup == nullptr || probe.service != service.name) continue;
    auto& [all, offsite] = places[backup->backup];
    ++all;
    if (backup->offsite) ++offsite;
  }
  for (const auto& [backup, counted] : places) {
    const auto check = [&](const std::optional<int>& wanted, int there, const std::string& what) {
      if (!wanted || there >= *wanted) return;
      problems.AddWarning(service.position,
                          "service " + base::Quote(service.name) + " wants " +
                              std::to_string(*wanted) + " " + what + " of backup " +
                              base::Quote(backup) + ", and " + std::to_string(there) +
                              " are configured",
                          "add a probe of type backup with the same \"backup\" for each place");
    };
    check(service.copies, counted.first, "copies");
    check(service.offsite_copies, counted.second, "off-site copies");
  }
}

void CheckBackup(const Probe& probe, const BackupProbe& backup, Problems& problems) {
  if (!backup.schedule) return;
  const base::Duration gap = LongestGap(*backup.schedule);
  const std::string name = "backup " + base::Quote(probe.name);
  if (backup.max_age && *backup.max_age < gap) {
    problems.AddWarning(probe.position,
                        name + " may be " + base::FormatDuration(*backup.max_age) +
                            " old, and its schedule leaves " + base::FormatDuration(gap) +
                            " between two runs",
                        "max_age must be longer than the schedule's longest pause");
  }
  if (backup.retention && *backup.retention < gap) {
    problems.AddWarning(probe.position,
                        name + " is kept for " + base::FormatDuration(*backup.retention) +
                            ", shorter than the " + base::FormatDuration(gap) +
                            " between two runs: there are times without any backup");
  }
}

// True if base backups may be among what the probe finds.
bool MayFindBaseBackups(const BackupProbe& backup) {
  for (const char* other : {"dump", "wal", "rdb", "aof"}) {
    if (backup.kind == other) return false;
  }
  return true;
}

// WAL is replayed upon a base backup, which must be older than the oldest point that is promised.
void CheckWalArchive(const Config& config, const Probe& probe, const WalArchiveProbe& wal,
                     Problems& problems) {
  const std::string name = "WAL archive " + base::Quote(probe.name);
  bool any = false;
  bool all_say = true;
  base::Duration kept{0};
  for (const Probe& other : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&other.spec);
    if (backup == nullptr) continue;
    const auto& named = wal.base_backups;
    const bool counts = named.empty()
                            ? other.service == probe.service && MayFindBaseBackups(*backup)
                            : std::find(named.begin(), named.end(), other.name) != named.end();
    if (!counts) continue;
    any = true;
    all_say = all_say && backup->retention;
    kept = std::max(kept, backup->retention.value_or(base::Duration{0}));
  }
  if (!any) {
    return problems.AddWarning(
        probe.position, name + " has no base backup: WAL alone brings nothing back",
        "add a probe of type backup for the base backups, of the same service");
  }
  if (wal.window && all_say && kept < *wal.window) {
    problems.AddWarning(probe.position,
                        name + " promises any point of the last " +
                            base::FormatDuration(*wal.window) + ", and base backups are kept for " +
                            base::FormatDuration(kept),
                        "keep a base backup for longer than \"window\"");
  }
}

}  // namespace

void CheckPlan(const Config& config, Problems& problems) {
  for (const Service& service : config.services) {
    CheckService(config, service, problems);
    CheckCopies(config, service, problems);
  }
  for (const Probe& probe : config.probes) {
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      CheckBackup(probe, *backup, problems);
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      CheckWalArchive(config, probe, *wal, problems);
    }
  }
}

}  // namespace drwatch::config
