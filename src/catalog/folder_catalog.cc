#include "catalog/folder_catalog.h"

#include <sys/stat.h>

#include <algorithm>

#include "catalog/folder_scan.h"
#include "verify/checksums.h"
#include "verify/verify.h"

namespace drwatch::catalog {

FolderCatalog::FolderCatalog(FolderOptions options)
    : options_(std::move(options)), cache_(std::make_unique<CatalogCache>()) {
  while (options_.path.size() > 1 && options_.path.ends_with('/')) options_.path.pop_back();
}
FolderCatalog::~FolderCatalog() = default;

Listing FolderCatalog::List(base::Timestamp now, base::Deadline deadline,
                            const base::StopToken& stop) {
  Listing listing = ScanFolder(options_, *cache_, now, deadline, stop);
  if (!options_.into_dated_folders || !listing.IsAllInDatedFolders()) return listing;
  FolderOptions deeper = options_;
  deeper.recursive = true;
  return ScanFolder(deeper, *cache_, now, deadline, stop);
}

std::optional<std::uint64_t> FolderCatalog::CurrentFingerprint(const Artefact& artefact,
                                                               base::Deadline deadline,
                                                               const base::StopToken& stop) {
  if (artefact.folder) {
    const auto summary = SummariseFolder(artefact.path, deadline, stop);
    return summary ? std::optional(summary->fingerprint) : std::nullopt;
  }
  struct stat info {};
  if (::stat(artefact.path.c_str(), &info) != 0) return std::nullopt;
  return FingerprintOf(artefact.name, info);
}

verify::Verdict FolderCatalog::Verify(const Artefact& artefact,
                                      const verify::VerifyOptions& options) {
  verify::VerifyOptions own = options;
  own.known = &proven_;
  return verify::VerifyPath(artefact.path, own);
}

namespace {

// True for ".shop.dump.Xy12Zw", "shop.dump.1a2b3c4d.partial" and their like if "shop.dump" is
// listed.
bool WillBeListed(const verify::ChecksumFolder& said, const std::string& name) {
  if (!IsTemporaryName(name)) return false;
  std::string final_name = name.substr(name.starts_with('.') ? 1 : 0);
  for (auto dot = final_name.rfind('.'); dot != final_name.npos; dot = final_name.rfind('.')) {
    final_name.resize(dot);
    if (!said.Find(final_name).empty()) return true;
  }
  return false;
}

std::optional<base::Timestamp> ArrivingIn(const std::string& folder,
                                          const verify::ChecksumFolder& said) {
  std::optional<base::Timestamp> written;
  for (const std::string& one : verify::NamesIn(folder)) {
    if (!WillBeListed(said, one)) continue;
    struct stat info {};
    if (::stat((folder + "/" + one).c_str(), &info) != 0) continue;
    written = std::max(written, std::optional(ModifiedAt(info)));
  }
  return written;
}

}  // namespace

ArtefactTimes FolderCatalog::Times(const Artefact& artefact) {
  ArtefactTimes times{artefact.modified};
  struct stat info {};
  if (!artefact.folder && ::stat(artefact.path.c_str(), &info) == 0) {
    times.arrived = std::max(times.arrived, ChangedAt(info));
  }
  const auto [folder, name] = verify::SplitPath(artefact.path);
  for (const std::string& key : {folder, folder + "/"}) {  // of the place, of one below it
    const auto sums = cache_->sums.find(key);
    if (artefact.folder || sums == cache_->sums.end() || !sums->second.said) continue;
    times.listed = ListedAt(*sums->second.said, name);
    times.arriving = ArrivingIn(folder, *sums->second.said);
  }
  return times;
}

}  // namespace drwatch::catalog
