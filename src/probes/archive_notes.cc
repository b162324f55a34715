#include "probes/archive_notes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/strings.h"

namespace drwatch::probes {
namespace {

// How often one who waits for the first look at an archive or a backup looks whether it is over.
constexpr base::Duration kAwaitStep{20};

}  // namespace

void ArchiveNotes::Put(const std::string& probe, ArchiverNote note) {
  const std::lock_guard lock(mutex_);
  notes_[probe] = std::move(note);
}

std::optional<ArchiverNote> ArchiveNotes::Find(const std::string& probe) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(probe);
  return found == notes_.end() ? std::nullopt : std::optional(found->second);
}

std::shared_ptr<ArchiveNotes::Awaited> ArchiveNotes::ExpectBases(const std::string& probe,
                                                                 const Owner& owner) {
  auto awaited = std::make_shared<Awaited>(Awaited{owner});
  const std::lock_guard lock(mutex_);
  awaited_[probe] = awaited;
  return awaited;
}

void ArchiveNotes::EndRun(const std::string& probe, bool saw) {
  const std::lock_guard lock(mutex_);
  const auto found = awaited_.find(probe);
  if (found == awaited_.end()) return;
  const auto awaited = found->second.lock();
  if (saw || !awaited) {
    awaited_.erase(found);
  } else {
    awaited->ran = true;
  }
}

bool ArchiveNotes::Await(const IsFor& is_for, base::Deadline deadline,
                         const base::StopToken& stop) const {
  while (true) {
    bool all_seen = true, all_ran = true;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [probe, known] : awaited_) {
        const auto awaited = known.lock();
        if (!awaited || !is_for(probe, awaited->owner)) continue;
        all_seen = false;
        all_ran = all_ran && awaited->ran;
      }
    }
    if (all_ran || deadline.Expired()) return all_seen;
    if (stop.Wait(deadline.Min(base::Deadline::After(kAwaitStep)))) return false;
  }
}

bool ArchiveNotes::AwaitOthers(const std::string& probe, const Owner& owner,
                               base::Deadline deadline, const base::StopToken& stop) const {
  return Await([&](const auto& name, const auto& whose) { return whose == owner && name != probe; },
               deadline, stop);
}

bool ArchiveNotes::AwaitBases(const std::vector<std::string>& probes, const Owner& owner,
                              base::Deadline deadline, const base::StopToken& stop) const {
  const auto is_for = [&](const auto& name, const auto& whose) {
    return probes.empty() ? whose == owner
                          : std::find(probes.begin(), probes.end(), name) != probes.end();
  };
  return Await(is_for, deadline, stop);
}

void ArchiveNotes::PutBases(const std::string& probe, const Owner& owner,
                            std::vector<catalog::WalBase> bases) {
  const std::lock_guard lock(mutex_);
  awaited_.erase(probe);
  KnownBases& known = bases_[probe];
  known.owner = owner;
  known.had_any = known.had_any || !bases.empty();
  known.bases = std::move(bases);
}

std::vector<catalog::WalBase> ArchiveNotes::Bases(const std::vector<std::string>& probes,
                                                  const Owner& owner) const {
  const std::lock_guard lock(mutex_);
  std::vector<catalog::WalBase> all;
  for (const auto& [probe, known] : bases_) {
    const bool named = std::find(probes.begin(), probes.end(), probe) != probes.end();
    if (probes.empty() ? known.owner != owner : !named) continue;
    std::copy_if(known.bases.begin(), known.bases.end(), std::back_inserter(all),
                 [](const auto& base) { return base.state != catalog::WalBase::State::kBroken; });
  }
  return all;
}

bool ArchiveNotes::WatchBases(const std::vector<std::string>& probes, const Owner& owner) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(bases_.begin(), bases_.end(), [&](const auto& known) {
    if (probes.empty()) return known.second.owner == owner && known.second.had_any;
    return std::find(probes.begin(), probes.end(), known.first) != probes.end();
  });
}

std::shared_ptr<ArchiveNotes::Archive> ArchiveNotes::AddArchive(Archive archive) {
  auto shared = std::make_shared<Archive>(std::move(archive));
  const std::lock_guard lock(mutex_);
  std::erase_if(archives_, [](const auto& known) { return known.expired(); });
  archives_.push_back(shared);
  return shared;
}

void ArchiveNotes::PutHoldings(Archive& archive, catalog::WalHoldings holdings) {
  const std::lock_guard lock(mutex_);
  archive.holdings = std::move(holdings);
}

void ArchiveNotes::PutLeft(Archive& archive, std::set<std::pair<std::string, std::string>> left) {
  const std::lock_guard lock(mutex_);
  archive.left = std::move(left);
}

bool ArchiveNotes::IsLeft(const std::string& probe, const Owner& owner,
                          const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto archives = ArchivesFor(probe, owner);
  return std::any_of(archives.begin(), archives.end(), [&](const auto& archive) {
    return archive->left.contains({probe, name});
  });
}

// With the lock held.
std::vector<std::shared_ptr<const ArchiveNotes::Archive>> ArchiveNotes::ArchivesFor(
    const std::string& probe, const Owner& owner) const {
  std::vector<std::shared_ptr<const Archive>> found;
  for (const auto& known : archives_) {
    std::shared_ptr<const Archive> archive = known.lock();
    if (!archive) continue;
    const auto& named = archive->base_backups;
    const bool for_it = named.empty() ? archive->owner == owner
                                      : std::find(named.begin(), named.end(), probe) != named.end();
    if (for_it) found.push_back(std::move(archive));
  }
  return found;
}

WalSupply ArchiveNotes::FindWal(const std::string& probe, const Owner& owner,
                                const verify::NeededWal& needed) const {
  WalSupply supply;
  std::vector<std::string> against;
  bool unknown = false;
  const std::lock_guard lock(mutex_);
  const auto archives = ArchivesFor(probe, owner);
  for (const auto& archive : archives) {
    unknown = unknown || !archive->holdings;
    const auto lack = archive->holdings
                          ? catalog::FindLack(*archive->holdings, needed)
                          : std::optional(catalog::WalLack{"it was not looked at yet"});
    if (!lack) {
      supply.archives.push_back(archive->probe);
      continue;
    }
    against.push_back(base::Quote(archive->probe) + ": " + lack->why);
    if (lack->absent) supply.patience = std::max(supply.patience, archive->patience);
  }
  using State = WalSupply::State;
  if (!supply.archives.empty()) {
    supply.state = State::kHeld;
    return supply;
  }
  supply.state = unknown ? State::kUnknown : State::kMissing;
  supply.why = archives.empty() ? "no wal_archive probe is configured for it"
                                : "archive " + base::Join(against, "; archive ");
  return supply;
}

void ArchiveNotes::AwaitArchives(const std::string& probe, const Owner& owner,
                                 base::Deadline deadline, const base::StopToken& stop) const {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      const auto archives = ArchivesFor(probe, owner);
      if (std::all_of(archives.begin(), archives.end(),
                      [](const auto& archive) { return archive->holdings.has_value(); })) {
        return;
      }
    }
    if (deadline.Expired()) return;
    if (stop.Wait(deadline.Min(base::Deadline::After(kAwaitStep)))) return;
  }
}

}  // namespace drwatch::probes
