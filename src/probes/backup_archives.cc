#include "probes/backup_archives.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

// What a run waits at most for the first look at a WAL archive, which may wait itself for its
// primary.
constexpr base::Duration kArchivePatience{5000};

const config::BackupProbe& SpecOf(const config::Probe& config) {
  return std::get<config::BackupProbe>(config.spec);
}

// Whose it is, as its pg_control says. What was found before counts where reading these bytes again
// was prevented.
std::uint64_t ClusterOf(const BackupVerdict& verdict) {
  const auto& before = verdict.before;
  const bool same = before && before->fingerprint == verdict.fingerprint;
  const std::uint64_t found = verdict.needs_wal.system_identifier;
  return found == 0 && same ? before->needs_wal.system_identifier : found;
}

}  // namespace

FindWal FindWalFor(const config::Probe& config, PositionRing* positions) {
  if (positions == nullptr) return nullptr;
  const ArchiveNotes::Owner owner{config.service, SpecOf(config).data};
  return [&notes = positions->archive_notes(), probe = config.name,
          owner](const verify::NeededWal& needed) { return notes.FindWal(probe, owner, needed); };
}

BackupArchives::BackupArchives(const config::Probe& config, PositionRing* positions,
                               const BackupVerdicts& verdicts)
    : spec_(SpecOf(config)),
      probe_(config.name),
      owner_(config.service, spec_.data),
      notes_(positions != nullptr ? &positions->archive_notes() : nullptr),
      verdicts_(verdicts) {
  if (notes_ != nullptr) awaited_ = notes_->ExpectBases(probe_, owner_);
}

void BackupArchives::NoteBases(const std::vector<catalog::Artefact>& complete,
                               catalog::Place* bucket, const RunContext& context) {
  if (notes_ == nullptr) return;
  using State = catalog::WalBase::State;
  std::map<std::string, State> states;
  std::map<std::string, std::uint64_t> systems;  // manifests say it from PostgreSQL 17 on
  for (const catalog::Artefact& artefact : complete) {
    if (!artefact.folder) continue;
    const auto verdict =
        spec_.verify.enabled ? verdicts_.Find(artefact) : std::optional<BackupVerdict>();
    // Whether its WAL is there the archive tells itself.
    const bool needs_wal = verdict && !verdict->needs_wal.empty();
    const bool found_broken = verdict && verdict->outcome == verify::Outcome::kBroken;
    const bool broken = artefact.defect || (found_broken && !needs_wal);
    const bool passed = needs_wal || PassedAll(spec_, artefact, verdict);
    states[artefact.name] = broken ? State::kBroken : passed ? State::kProven : State::kUnproven;
    if (verdict) systems[artefact.name] = ClusterOf(*verdict);
  }
  const base::Deadline deadline = base::Deadline::After(context.deadline.Remaining() / 2);
  std::vector<catalog::WalBase> bases = bases_.Find(complete, bucket, {deadline, context.stop});
  for (catalog::WalBase& base : bases) {
    base.probe = probe_;
    base.state = states[base.name];
    if (base.system_identifier == 0) base.system_identifier = systems[base.name];
  }
  notes_->PutBases(probe_, owner_, std::move(bases));
}

void BackupArchives::AwaitArchives(const std::vector<catalog::Artefact>& complete,
                                   const RunContext& context) const {
  if (notes_ == nullptr || !spec_.verify.enabled) return;
  const bool open =
      std::any_of(complete.begin(), complete.end(), [this](const catalog::Artefact& artefact) {
        if (!artefact.folder) return false;
        const auto verdict = verdicts_.Find(artefact);
        return verdict && !verdict->needs_wal.empty() && WasPrevented(*verdict);
      });
  if (!open) return;
  const base::Duration patience = std::min(kArchivePatience, context.deadline.Remaining() / 4);
  notes_->AwaitArchives(probe_, owner_, base::Deadline::After(patience), context.stop);
}

void BackupArchives::EndRun(bool saw) const {
  if (notes_ != nullptr) notes_->EndRun(probe_, saw);
}

bool BackupArchives::IsLeft(const std::string& name) const {
  return notes_ != nullptr && notes_->IsLeft(probe_, owner_, name);
}

}  // namespace drwatch::probes
