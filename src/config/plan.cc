// The plan behind the configuration: what it promises and cannot keep, whatever happens at run
// time.
#include <algorithm>
#include <optional>
#include <set>
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

// True if base backups may be among what the probe finds: not among dumps, whatever they are
// called.
bool MayFindBaseBackups(const BackupProbe& backup) {
  for (const char* other : {"dump", "wal", "rdb", "aof"}) {
    if (backup.kind == other) return false;
  }
  for (const char* ending : {".sql", ".dump", ".pgdump", ".rdb", ".aof"}) {
    if (backup.pattern.find(ending) != std::string::npos) return false;
  }
  return true;
}

// The probes of the base backups that a WAL archive carries on.
std::vector<const Probe*> BaseBackupsOf(const Config& config, const Probe& probe,
                                        const WalArchiveProbe& wal) {
  std::vector<const Probe*> bases;
  for (const Probe& other : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&other.spec);
    if (backup == nullptr) continue;
    const auto& named = wal.base_backups;
    const bool counts = named.empty()
                            ? other.service == probe.service && backup->data == wal.data &&
                                  MayFindBaseBackups(*backup)
                            : std::find(named.begin(), named.end(), other.name) != named.end();
    if (counts) bases.push_back(&other);
  }
  return bases;
}

// WAL that lies off-site is a copy only together with a base backup there.
bool SurvivesTheSite(const Config& config, const Probe& probe, const WalArchiveProbe& wal) {
  const auto bases = BaseBackupsOf(config, probe, wal);
  return wal.offsite && std::any_of(bases.begin(), bases.end(), [](const Probe* base) {
           return std::get<BackupProbe>(base->spec).offsite;
         });
}

// What of a service the plan's promises rest on.
struct Means {
  const Probe* best_backup = nullptr;
  std::optional<base::Duration> best_age;
  bool by_schedule = false;  // that is when its schedule has the next one begin
  bool any = false;
  bool offsite = false;
  // A WAL archive with a base backup: loses minutes, whatever the schedule.
  const Probe* follower = nullptr;
  base::Duration follower_lag{0};
  bool elsewhere = false;  // something lies in another region, or may: nobody says in which
};

// Which data of its service it speaks of; empty: of none.
std::string DataOf(const Probe& probe) {
  if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) return backup->data;
  if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) return wal->data;
  const auto* postgres = std::get_if<PostgresProbe>(&probe.spec);
  return postgres != nullptr ? postgres->data : "";
}

bool IsElsewhere(const std::string& region, const Service& service) {
  return !region.empty() && region != service.region;
}

Means MeansOf(const Config& config, const Service& service, const std::string& data) {
  Means means;
  for (const Probe& probe : config.probes) {
    if (probe.service != service.name) continue;
    if (DataOf(probe) != data) continue;
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      means.any = true;
      means.offsite = means.offsite || backup->offsite;
      means.elsewhere = means.elsewhere || IsElsewhere(backup->region, service);
      const auto age = WorstAge(*backup);
      if (age && (!means.best_age || *age < *means.best_age)) {
        means.best_age = age;
        means.by_schedule = backup->schedule && (!backup->max_age || *backup->max_age > *age);
        means.best_backup = &probe;
      }
    } else if (const auto* postgres = std::get_if<PostgresProbe>(&probe.spec)) {
      means.offsite = means.offsite || postgres->offsite;
      means.elsewhere = means.elsewhere || IsElsewhere(postgres->region, service);
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      means.offsite = means.offsite || SurvivesTheSite(config, probe, *wal);
      means.elsewhere = means.elsewhere || IsElsewhere(wal->region, service);
      if (BaseBackupsOf(config, probe, *wal).empty()) continue;
      if (means.follower == nullptr || wal->max_lag < means.follower_lag) {
        means.follower = &probe;
        means.follower_lag = wal->max_lag;
      }
    }
  }
  return means;
}

// Whether what there is can keep the objective at all.
void CheckObjective(const Service& service, const Means& means, const std::string& name,
                    Problems& problems) {
  const std::string promise = name + " promises an RPO of " + base::FormatDuration(*service.rpo);
  if (!means.any && means.follower == nullptr) {
    return problems.AddWarning(
        service.position,
        promise +
            " and has no backup: after a corruption that is replicated nothing brings it back",
        "add a probe of type backup with this service");
  }
  // A backup that is begun when the objective is used up is finished too late.
  const bool too_late = means.best_age && *means.best_age == *service.rpo && means.by_schedule;
  const bool seldom = !means.best_age || *means.best_age > *service.rpo || too_late;
  if (means.best_age && seldom && means.follower == nullptr) {
    problems.AddWarning(service.position,
                        promise + ", and the newest backup may be " +
                            base::FormatDuration(*means.best_age) + " old " +
                            (too_late ? "before the next one begins " : "") + "(probe " +
                            base::Quote(means.best_backup->name) + ")",
                        "archive WAL, take backups more often, or promise what the schedule can "
                        "keep");
  }
  if (means.follower != nullptr && seldom && means.follower_lag > *service.rpo) {
    problems.AddWarning(service.position,
                        promise + ", and WAL may be missing in the archive for " +
                            base::FormatDuration(means.follower_lag) + " (probe " +
                            base::Quote(means.follower->name) + ")",
                        "make its \"max_lag\" shorter than the RPO");
  }
}

void CheckData(const Config& config, const Service& service, const std::string& data,
               const std::string& name, Problems& problems) {
  const Means means = MeansOf(config, service, data);
  if (service.rpo) CheckObjective(service, means, name, problems);
  if (!means.any && means.follower == nullptr) return;
  if (!means.offsite && (service.rpo || service.offsite_copies)) {
    problems.AddWarning(service.position,
                        name + " has no copy off-site: nothing survives the loss of the site",
                        "give the probe of a copy elsewhere \"offsite: true\"");
  }
  if (!means.elsewhere && service.rpo && !service.region.empty()) {
    problems.AddWarning(service.position,
                        name + " runs in " + base::Quote(service.region) +
                            ", and nothing says that it lies in another region: what the loss of "
                            "the region would cost is not watched",
                        "give the probe of a copy elsewhere its \"region\"");
  }
}

void CheckService(const Config& config, const Service& service, Problems& problems) {
  std::set<std::string> all;
  for (const Probe& probe : config.probes) {
    if (probe.service == service.name) all.insert(DataOf(probe));
  }
  all.erase("");
  if (all.empty()) all.insert("");
  for (const std::string& data : all) {
    std::string name = "service " + base::Quote(service.name);
    if (all.size() > 1) name += " (" + data + ")";
    CheckData(config, service, data, name, problems);
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

// Whether WAL is kept for as long as base backups need it. `pause` lies between two of them.
void CheckWalRetention(const Probe& probe, const WalArchiveProbe& wal, base::Duration pause,
                       Problems& problems) {
  const std::string start = "WAL archive " + base::Quote(probe.name) + " is kept for " +
                            base::FormatDuration(*wal.retention);
  const std::string apart = "base backups may be " + base::FormatDuration(pause) + " apart";
  const std::string hint = "keep WAL for longer, or take base backups more often";
  if (*wal.retention <= pause) {
    problems.AddWarning(
        probe.position,
        start + ", and " + apart + ": at times none of them can be brought to the present", hint);
  } else if (wal.window && *wal.retention < *wal.window + pause) {
    problems.AddWarning(probe.position,
                        start + ", and any point of the last " + base::FormatDuration(*wal.window) +
                            " needs " + base::FormatDuration(*wal.window + pause) +
                            " of it: " + apart,
                        hint);
  }
}

// WAL is replayed upon a base backup, which must be older than the oldest point that is promised.
void CheckWalArchive(const Config& config, const Probe& probe, const WalArchiveProbe& wal,
                     Problems& problems) {
  const std::string name = "WAL archive " + base::Quote(probe.name);
  const std::vector<const Probe*> bases = BaseBackupsOf(config, probe, wal);
  if (bases.empty()) {
    return problems.AddWarning(
        probe.position, name + " has no base backup: WAL alone brings nothing back",
        "add a probe of type backup for the base backups, of the same service; dumps are none");
  }
  if (wal.offsite && !SurvivesTheSite(config, probe, wal)) {
    problems.AddWarning(probe.position,
                        name +
                            " is off-site, and none of its base backups is: after the loss of "
                            "the site it brings nothing back",
                        "keep base backups there, too, and give their probe \"offsite: true\"");
  }
  bool all_say = true;
  base::Duration kept{0};
  std::optional<base::Duration> pause;  // between two base backups, of those that come most often
  for (const Probe* base : bases) {
    const auto& backup = std::get<BackupProbe>(base->spec);
    all_say = all_say && backup.retention;
    kept = std::max(kept, backup.retention.value_or(base::Duration{0}));
    if (const auto age = WorstAge(backup)) pause = std::min(pause.value_or(*age), *age);
  }
  if (wal.window && all_say && kept < *wal.window) {
    problems.AddWarning(probe.position,
                        name + " promises any point of the last " +
                            base::FormatDuration(*wal.window) + ", and base backups are kept for " +
                            base::FormatDuration(kept),
                        "keep a base backup for longer than \"window\"");
  }
  if (wal.retention && pause) CheckWalRetention(probe, wal, *pause, problems);
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
