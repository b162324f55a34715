#include "probes/archive_notes.h"

#include <algorithm>

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

void ArchiveNotes::PutBases(const std::string& probe, const std::string& service,
                            std::vector<catalog::WalBase> bases) {
  const std::lock_guard lock(mutex_);
  bases_[probe] = {service, std::move(bases)};
}

std::vector<catalog::WalBase> ArchiveNotes::Bases(const std::vector<std::string>& probes,
                                                  const std::string& service) const {
  const std::lock_guard lock(mutex_);
  std::vector<catalog::WalBase> all;
  for (const auto& [probe, known] : bases_) {
    const bool named = std::find(probes.begin(), probes.end(), probe) != probes.end();
    if (probes.empty() ? known.service != service : !named) continue;
    all.insert(all.end(), known.bases.begin(), known.bases.end());
  }
  return all;
}

}  // namespace drwatch::probes
