#include "exporter/find_wal_archive.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "catalog/folder_catalog.h"
#include "verify/wal_name.h"

namespace drwatch::exporter {
namespace {

bool IsFolder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

WalShare ShareOfWal(const std::string& path) {
  using Kind = verify::WalFileName::Kind;
  const std::filesystem::path folder(path);
  if (!IsFolder(folder) || IsFolder(folder / "archive_status")) return {};
  catalog::FolderOptions options;
  options.path = path;
  catalog::FolderCatalog catalog(options);
  const auto listing = catalog.List(base::SystemClock().Now(),
                                    base::Deadline(base::SteadyTime::max()), base::StopToken());
  std::vector<catalog::Artefact> all = listing.complete.all();
  all.insert(all.end(), listing.recent.begin(), listing.recent.end());
  WalShare share;
  for (const catalog::Artefact& artefact : all) {
    const auto name = verify::ParseWalFileName(artefact.name);
    if (!name && artefact.folder) return {};
    if (!name) ++share.others;
    if (name && name->kind == Kind::kSegment) ++share.segments;
  }
  return share;
}

}  // namespace drwatch::exporter
