#include "probes/archive_notes.h"

#include <algorithm>
#include <iterator>

namespace drwatch::probes {

void ArchiveNotes::Put(const std::string& probe, ArchiverNote note) {
  const std::lock_guard lock(mutex_);
  notes_[probe] = std::move(note);
}

std::optional<ArchiverNote> ArchiveNotes::Find(const std::string& probe) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(probe);
  return found == notes_.end() ? std::nullopt : std::optional(found->second);
}

void ArchiveNotes::PutBases(const std::string& probe, const Owner& owner,
                            std::vector<catalog::WalBase> bases) {
  const std::lock_guard lock(mutex_);
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

}  // namespace drwatch::probes
