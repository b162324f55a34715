#include "probes/base_backups.h"

#include <optional>

#include "base/file.h"
#include "verify/manifest.h"
#include "verify/verdict.h"

namespace drwatch::probes {
namespace {

std::optional<std::string> ReadManifest(const catalog::Artefact& artefact, catalog::Place* place,
                                        const catalog::PlaceContext& context) {
  if (place == nullptr) {
    auto text = base::ReadFile(artefact.path + "/backup_manifest", verify::kMaxManifestBytes);
    return text ? std::optional(std::move(*text)) : std::nullopt;
  }
  auto text = place->Read(artefact.name + "/backup_manifest", verify::kMaxManifestBytes, context);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

// Of a backup in a repository, whose program wrote down all there is to know.
std::optional<catalog::WalBase> BaseOf(const catalog::Artefact& artefact) {
  const catalog::RepositoryFacts& facts = *artefact.facts;
  const auto first = verify::ParseWalFileName(facts.wal_start);
  if (artefact.defect || !first || facts.stop_lsn == 0) return std::nullopt;
  return catalog::WalBase{facts.start_lsn, facts.stop_lsn, first->timeline, artefact.time,
                          artefact.name};
}

std::vector<catalog::WalBase> BaseOf(const catalog::Artefact& artefact, const std::string& text) {
  const auto manifest = verify::ParseManifest(text);
  if (!manifest || manifest->wal.empty()) return {};
  // Several ranges: the backup of a standby that followed a promotion.
  const verify::WalRange& first = manifest->wal.front();
  return {{first.start, manifest->wal.back().end, first.timeline,
           manifest->taken.value_or(artefact.time), artefact.name}};
}

}  // namespace

std::vector<catalog::WalBase> BaseBackups::Find(const std::vector<catalog::Artefact>& artefacts,
                                                catalog::Place* place,
                                                const catalog::PlaceContext& context) {
  decltype(known_) kept;
  std::vector<catalog::WalBase> bases;
  int reads = 0;
  // The newest first: they matter most while not all are read.
  for (auto artefact = artefacts.rbegin(); artefact != artefacts.rend(); ++artefact) {
    if (!artefact->folder) continue;
    const auto known = known_.find(artefact->path);
    if (artefact->facts) {
      if (auto base = BaseOf(*artefact)) bases.push_back(*std::move(base));
      continue;
    }
    const bool same = known != known_.end() && known->second.first == artefact->fingerprint;
    if (same) {
      kept[artefact->path] = std::move(known->second);
    } else if (reads < kMaxReads) {
      ++reads;
      const auto text = ReadManifest(*artefact, place, context);
      if (!text) continue;  // none, or not now
      kept[artefact->path] = {artefact->fingerprint, BaseOf(*artefact, *text)};
    } else {
      continue;
    }
    const auto& found = kept[artefact->path].second;
    bases.insert(bases.end(), found.begin(), found.end());
  }
  known_ = std::move(kept);
  return bases;
}

}  // namespace drwatch::probes
