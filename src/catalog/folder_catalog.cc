#include "catalog/folder_catalog.h"

#include <sys/stat.h>

#include "catalog/folder_scan.h"
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

}  // namespace drwatch::catalog
