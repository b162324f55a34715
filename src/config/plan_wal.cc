// The plan of WAL archives: what their WAL is replayed upon, and for how long both are kept.
#include <algorithm>
#include <variant>

#include "base/duration.h"
#include "base/strings.h"
#include "config/plan.h"
#include "config/schedule_pause.h"

namespace drwatch::config {
namespace {

// More than any window needs; so many of the longest pauses are a time that can be told.
constexpr int kMaxCount = 10'000;

// True if base backups may be among what the probe finds: not among dumps, whatever they are
// called.
bool MayFindBaseBackups(const BackupProbe& backup) {
  for (const char* other : {"dump", "wal", "rdb", "aof", "files"}) {
    if (backup.kind == other) return false;
  }
  for (const char* ending : {".sql", ".dump", ".pgdump", ".rdb", ".aof"}) {
    if (backup.pattern.find(ending) != std::string::npos) return false;
  }
  return true;
}

// What the base backups of an archive promise together.
struct Bases {
  std::optional<base::Duration> pause;  // between two, of those that come most often
  // For how long one is kept, of those that are kept longest; nullopt: not all of them say.
  std::optional<base::Duration> kept;
};

// For how long each is kept at least: until so many newer ones are there, or for so long.
std::optional<base::Duration> KeptFor(const BackupProbe& backup) {
  std::optional<base::Duration> kept = backup.retention;
  if (backup.min_count && backup.schedule) {
    const int count = std::min(*backup.min_count, kMaxCount);
    const base::Duration counted = count * LongestPause(*backup.schedule);
    kept = std::max(kept.value_or(counted), counted);
  }
  return kept;
}

Bases PromisesOf(const std::vector<const Probe*>& probes) {
  Bases bases;
  bases.kept = base::Duration(0);
  for (const Probe* probe : probes) {
    const auto& backup = std::get<BackupProbe>(probe->spec);
    const auto kept = KeptFor(backup);
    bases.kept = bases.kept && kept ? std::optional(std::max(*bases.kept, *kept)) : std::nullopt;
    if (const auto age = WorstAge(backup)) bases.pause = std::min(bases.pause.value_or(*age), *age);
  }
  return bases;
}

// A point is reached from the base backup before it: one is needed until the next one is as old as
// the window. Backup programs keep that one beyond their time; what deletes files does not.
void CheckBaseRetention(const Probe& probe, const WalArchiveProbe& wal, const Bases& bases,
                        Problems& problems) {
  const bool by_program = wal.repository != Repository::kNone;
  const base::Duration pause =
      by_program ? base::Duration(0) : bases.pause.value_or(base::Duration(0));
  if (!bases.kept || *bases.kept >= *wal.window + pause) return;
  std::string message = "WAL archive " + base::Quote(probe.name) +
                        " promises any point of the last " + base::FormatDuration(*wal.window) +
                        ", and base backups are kept for " + base::FormatDuration(*bases.kept);
  if (*bases.kept >= *wal.window) {
    message += ": they may be " + base::FormatDuration(pause) +
               " apart, and the one before the window is needed, too";
  }
  problems.AddWarning(
      probe.position, message,
      "keep a base backup for longer than \"window\", by the pause to the next one");
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

void CheckWalArchive(const Config& config, const Probe& probe, const WalArchiveProbe& wal,
                     Problems& problems) {
  const std::string name = "WAL archive " + base::Quote(probe.name);
  const std::vector<const Probe*> found = BaseBackupsOf(config, probe, wal);
  if (found.empty()) {
    return problems.AddWarning(
        probe.position, name + " has no base backup: WAL alone brings nothing back",
        "add a probe of type backup for the base backups, of the same service; dumps are none");
  }
  const bool base_offsite = std::any_of(found.begin(), found.end(), [](const Probe* base) {
    return std::get<BackupProbe>(base->spec).offsite;
  });
  if (wal.offsite && !base_offsite) {
    problems.AddWarning(probe.position,
                        name +
                            " is off-site, and none of its base backups is: after the loss of "
                            "the site it brings nothing back",
                        "keep base backups there, too, and give their probe \"offsite: true\"");
  }
  const Bases bases = PromisesOf(found);
  if (wal.window) CheckBaseRetention(probe, wal, bases, problems);
  if (wal.retention && bases.pause) CheckWalRetention(probe, wal, *bases.pause, problems);
}

}  // namespace

std::vector<const Probe*> BaseBackupsOf(const Config& config, const Probe& probe,
                                        const WalArchiveProbe& wal) {
  const std::vector<std::string>& named = wal.base_backups;
  std::vector<const Probe*> bases;
  for (const Probe& other : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&other.spec);
    if (backup == nullptr || !MayFindBaseBackups(*backup)) continue;
    const bool counts = named.empty()
                            ? other.service == probe.service && backup->data == wal.data
                            : std::find(named.begin(), named.end(), other.name) != named.end();
    if (counts) bases.push_back(&other);
  }
  return bases;
}

void CheckWalArchives(const Config& config, Problems& problems) {
  for (const Probe& probe : config.probes) {
    const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec);
    if (wal != nullptr) CheckWalArchive(config, probe, *wal, problems);
  }
}

}  // namespace drwatch::config
