#include "probes/base_backups.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "catalog/backup_wal.h"
#include "verify/carried_wal.h"
#include "verify/data_folder.h"
#include "verify/file_source.h"
#include "verify/manifest.h"
#include "verify/verdict.h"

namespace drwatch::probes {
namespace {

verify::Walked<std::unique_ptr<verify::Source>> OpenIn(const catalog::Artefact& artefact,
                                                       catalog::Place* place,
                                                       const std::string& file,
                                                       verify::ReadBudget& budget) {
  if (place != nullptr) return place->Open(artefact.name + "/" + file, budget, nullptr);
  auto source = verify::FileSource::Open(artefact.path + "/" + file, budget, nullptr);
  if (!source) return tl::unexpected(std::move(source.error()));
  return std::make_unique<verify::FileSource>(std::move(*source));
}

verify::VerifyOptions OptionsOf(const catalog::PlaceContext& context) {
  verify::VerifyOptions options;
  options.deadline = context.deadline;
  options.stop = context.stop;
  return options;
}

// nullopt: there is none, or it cannot be read now.
std::optional<verify::Walked<verify::Manifest>> ReadManifest(const catalog::Artefact& artefact,
                                                             catalog::Place* place,
                                                             const catalog::PlaceContext& context) {
  if (place == nullptr && verify::WasStarted(verify::FolderFiles(artefact.path))) {
    return std::nullopt;  // its manifest is of the past
  }
  verify::ReadBudget budget(OptionsOf(context));
  auto source = OpenIn(artefact, place, "backup_manifest", budget);
  if (!source) return std::nullopt;
  verify::Reader reader(**source);
  auto manifest = verify::ReadManifest(reader, verify::ManifestParts::kWithoutFiles);
  const bool cut_off = !manifest && manifest.error().outcome == verify::Outcome::kUnjudged &&
                       manifest.error().reason != model::Reason::kWrongFormat;
  return cut_off ? std::nullopt : std::optional(std::move(manifest));
}

// The cluster of one that lies there plain: manifests name it from PostgreSQL 17 on. 0: not known.
std::uint64_t ReadCluster(const catalog::Artefact& artefact, catalog::Place* place,
                          const catalog::PlaceContext& context) {
  verify::ReadBudget budget(OptionsOf(context));
  auto source = OpenIn(artefact, place, std::string(verify::kControlFile), budget);
  if (!source) return 0;
  verify::Reader reader(**source);
  const auto head = reader.Peek(verify::kControlHeadBytes);
  return head ? verify::SystemIdentifierOf(*head) : 0;
}

std::vector<catalog::WalBase> BaseOf(const catalog::Artefact& artefact,
                                     const verify::Walked<verify::Manifest>& manifest) {
  if (!manifest || manifest->wal.empty()) return {};
  // Several ranges: the backup of a standby that followed a promotion; the newest stands first.
  const auto [first, last] =
      std::minmax_element(manifest->wal.begin(), manifest->wal.end(),
                          [](const auto& a, const auto& b) { return a.start < b.start; });
  // A manifest of which the date is to come is not believed. Its server writes it last, when the
  // backup has ended.
  const base::Timestamp begun = std::min(manifest->taken.value_or(artefact.time), artefact.time);
  catalog::WalBase base{first->start, last->end, first->timeline,
                        std::max(artefact.modified, begun), artefact.name};
  base.begun = begun;
  base.system_identifier = manifest->system_identifier.value_or(0);
  base.stop_timeline = last->timeline;
  return {base};
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
      if (auto base = catalog::WalBaseOf(*artefact)) bases.push_back(*std::move(base));
      continue;
    }
    const bool same = known != known_.end() && known->second.first == artefact->fingerprint;
    if (same) {
      kept[artefact->path] = std::move(known->second);
    } else if (reads < kMaxReads) {
      ++reads;
      const auto manifest = ReadManifest(*artefact, place, context);
      if (!manifest) continue;
      std::vector<catalog::WalBase> found = BaseOf(*artefact, *manifest);
      for (catalog::WalBase& base : found) {
        if (base.system_identifier == 0) {
          base.system_identifier = ReadCluster(*artefact, place, context);
        }
      }
      kept[artefact->path] = {artefact->fingerprint, std::move(found)};
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
