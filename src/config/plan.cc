// The plan behind the configuration: what it promises and cannot keep, whatever happens at run
// time. Here: the objectives of services.
#include "config/plan.h"

#include <algorithm>
#include <functional>
#include <set>
#include <variant>

#include "base/duration.h"
#include "base/strings.h"
#include "config/schedule_pause.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

// What of a service's data is left, and what of it loses least.
struct Remains {
  const Probe* backup = nullptr;
  std::optional<base::Duration> age;  // that the newest backup may have
  bool by_schedule = false;           // that is when its schedule has the next one begin
  // A WAL archive with a base backup: loses minutes, whatever the schedule.
  const Probe* archive = nullptr;
  base::Duration archive_lag{0};
  bool backed = false;   // by a backup or an archive
  bool standby = false;  // loses seconds, unless it has replayed what went wrong

  bool ByArchive() const { return archive != nullptr && (!age || archive_lag <= *age); }
  const Probe* Best() const { return ByArchive() ? archive : backup; }
  base::Duration Loss() const { return ByArchive() ? archive_lag : *age; }  // if there is a Best()
  // A backup that is begun when the objective is used up is finished too late.
  bool TooLate(base::Duration rpo) const { return age && *age == rpo && by_schedule; }
  bool Keeps(base::Duration rpo) const {
    const bool in_time = age && *age <= rpo && !TooLate(rpo);
    return in_time || (archive != nullptr && archive_lag <= rpo);
  }
};

// Which data of its service it speaks of; empty: of none.
std::string DataOf(const Probe& probe) {
  if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) return backup->data;
  if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) return wal->data;
  const auto* postgres = std::get_if<PostgresProbe>(&probe.spec);
  return postgres != nullptr ? postgres->data : "";
}

struct Subject {
  const Service& service;
  std::string data;
  std::string name;  // for people
};

// What a disaster leaves, told by where it lies.
using Survives = std::function<bool(bool offsite, const std::string& region)>;

void AddBackup(const Probe& probe, const BackupProbe& backup, Remains& remains) {
  remains.backed = true;
  const auto age = WorstAge(backup);
  if (!age || (remains.age && *age >= *remains.age)) return;
  remains.age = age;
  remains.by_schedule = backup.schedule && (!backup.max_age || *backup.max_age > *age);
  remains.backup = &probe;
}

// WAL is a way back only together with a base backup that survives, too.
void AddArchive(const Config& config, const Probe& probe, const Survives& survives,
                Remains& remains) {
  const auto& wal = std::get<WalArchiveProbe>(probe.spec);
  const auto bases = BaseBackupsOf(config, probe, wal);
  const bool replayable = std::any_of(bases.begin(), bases.end(), [&](const Probe* base) {
    const auto& backup = std::get<BackupProbe>(base->spec);
    return survives(backup.offsite, backup.region);
  });
  if (!replayable) return;
  remains.backed = true;
  if (remains.archive != nullptr && wal.max_lag >= remains.archive_lag) return;
  remains.archive = &probe;
  remains.archive_lag = wal.max_lag;
}

Remains RemainsOf(const Config& config, const Subject& subject, const Survives& survives) {
  Remains remains;
  for (const Probe& probe : config.probes) {
    if (probe.service != subject.service.name || DataOf(probe) != subject.data) continue;
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      if (survives(backup->offsite, backup->region)) AddBackup(probe, *backup, remains);
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      if (survives(wal->offsite, wal->region)) AddArchive(config, probe, survives, remains);
    } else if (const auto* postgres = std::get_if<PostgresProbe>(&probe.spec)) {
      remains.standby = remains.standby || survives(postgres->offsite, postgres->region);
    }
  }
  return remains;
}

// Whether the objective can be kept at all: all of `remains` may be used.
void CheckObjective(const Subject& subject, const Remains& remains, Problems& problems) {
  const base::Duration rpo = *subject.service.rpo;
  const std::string promise = PromiseOf(subject.name, rpo);
  const Position& position = subject.service.position;
  if (!remains.backed) {
    return problems.AddWarning(
        position,
        promise +
            " and has no backup: after a corruption that is replicated nothing brings it back",
        "add a probe of type backup with this service");
  }
  if (remains.Keeps(rpo) || remains.Best() == nullptr) return;
  const std::string named = "(probe " + base::Quote(remains.Best()->name) + ")";
  const std::string loss = base::FormatDuration(remains.Loss());
  if (remains.ByArchive()) {
    return problems.AddWarning(
        position, promise + ", and WAL may be missing in the archive for " + loss + " " + named,
        "make its \"max_lag\" shorter than the RPO");
  }
  problems.AddWarning(
      position,
      promise + ", and the newest backup may be " + loss + " old " +
          (remains.TooLate(rpo) ? "before the next one begins " : "") + named,
      "archive WAL, take backups more often, or promise what the schedule can keep");
}

// The same of what a larger disaster leaves; `where` it lies.
void CheckLeft(const Subject& subject, const Remains& left, const std::string& where,
               std::set<const Probe*>& told, Problems& problems) {
  const base::Duration rpo = *subject.service.rpo;
  if (left.standby || left.Keeps(rpo) || left.Best() == nullptr) return;
  if (!told.insert(left.Best()).second) return;
  problems.AddWarning(
      subject.service.position,
      PromiseOf(subject.name, rpo) + ", and what lies " + where + " may be " +
          base::FormatDuration(left.Loss()) + " old " +
          (left.TooLate(rpo) ? "before the next backup begins " : "") + "(probe " +
          base::Quote(left.Best()->name) + ")",
      "archive WAL there or copy backups there more often, or promise what is kept there");
}

void CheckData(const Config& config, const Subject& subject, Problems& problems) {
  const Service& service = subject.service;
  const auto remains = [&](const Survives& survives) {
    return RemainsOf(config, subject, survives);
  };
  const Remains all = remains([](bool, const auto&) { return true; });
  if (service.rpo) CheckObjective(subject, all, problems);
  if (!all.backed) return;
  const Remains offsite = remains([](bool is_offsite, const auto&) { return is_offsite; });
  if (!offsite.backed && !offsite.standby && (service.rpo || service.offsite_copies)) {
    problems.AddWarning(service.position,
                        subject.name +
                            " has no copy off-site: nothing survives the loss of the "
                            "site",
                        "give the probe of a copy elsewhere \"offsite: true\"");
  }
  if (!service.rpo) return;
  std::set<const Probe*> told;  // what is too old anyway
  if (!all.Keeps(*service.rpo)) told.insert(all.Best());
  CheckLeft(subject, offsite, "off-site", told, problems);
  if (service.region.empty()) return;
  const Remains abroad = remains([&service](bool, const std::string& region) {
    return !region.empty() && region != service.region;
  });
  if (!abroad.backed && !abroad.standby) {
    return problems.AddWarning(
        service.position,
        subject.name + " runs in " + base::Quote(service.region) +
            ", and nothing says that it lies in another region: what the loss of the region would "
            "cost is not watched",
        "give the probe of a copy elsewhere its \"region\"");
  }
  CheckLeft(subject, abroad, "in another region", told, problems);
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
    CheckData(config, {service, data, name}, problems);
  }
}

// Nothing is back before what it depends on.
void CheckOrder(const Config& config, const Service& service, Problems& problems) {
  for (const Service& other : config.services) {
    const std::vector<std::string>& needs = service.depends_on;
    const bool needed = std::find(needs.begin(), needs.end(), other.name) != needs.end();
    if (!needed || !service.rto || !other.rto || *other.rto <= *service.rto) continue;
    problems.AddWarning(service.position,
                        "service " + base::Quote(service.name) + " promises an RTO of " +
                            base::FormatDuration(*service.rto) + " and depends on " +
                            base::Quote(other.name) + ", which may take " +
                            base::FormatDuration(*other.rto),
                        "what a service depends on needs an RTO that is no longer than its own");
  }
}

}  // namespace

std::optional<base::Duration> WorstAge(const BackupProbe& backup) {
  std::optional<base::Duration> age = backup.max_age;
  if (backup.schedule) {
    const base::Duration pause = LongestPause(*backup.schedule);
    age = age ? std::min(*age, pause) : pause;
  }
  return age;
}

std::string PromiseOf(const std::string& service, base::Duration rpo) {
  return service + " promises an RPO of " + base::FormatDuration(rpo);
}

void CheckPlan(const Config& config, Problems& problems) {
  for (const Service& service : config.services) {
    CheckService(config, service, problems);
    CheckOrder(config, service, problems);
  }
  CheckPlaces(config, problems);
  CheckGuesses(config, problems);
  CheckLimits(config, problems);
  CheckWalArchives(config, problems);
}

}  // namespace drwatch::config
