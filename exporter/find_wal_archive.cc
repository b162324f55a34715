#include "exporter/find_wal_archive.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
#include "catalog/place_catalog.h"
#include "verify/wal_name.h"

namespace drwatch::exporter {
namespace {

bool IsFolder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

// Whether segments may lie in folders of their own, as Barman and pgBackRest put them: the first 16
// digits of their names.
bool HasFoldersOfSegments(const std::filesystem::path& folder) {
  constexpr std::size_t kDigits = 16;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool named =
        name.size() == kDigits && name.find_first_not_of("0123456789ABCDEF") == std::string::npos;
    if (named && IsFolder(at->path())) return true;
  }
  return false;
}

WalShare CountWal(catalog::ArtefactCatalog& catalog, base::Deadline deadline) {
  using Kind = verify::WalFileName::Kind;
  const auto listing = catalog.List(base::SystemClock().Now(), deadline, base::StopToken());
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

}  // namespace

WalShare ShareOfWal(const std::string& path) {
  const std::filesystem::path folder(path);
  if (!IsFolder(folder) || IsFolder(folder / "archive_status")) return {};
  catalog::FolderOptions options;
  options.path = path;
  options.recursive = HasFoldersOfSegments(folder);
  catalog::FolderCatalog catalog(options);
  return CountWal(catalog, base::Deadline(base::SteadyTime::max()));
}

WalShare ShareOfWal(const config::PlaceAddress& bucket, base::Duration patience) {
  const base::SystemClock clock;
  const auto place = catalog::MakePlace(bucket, clock);
  catalog::PlaceCatalog catalog(*place, {});
  return CountWal(catalog, base::Deadline::After(patience));
}

}  // namespace drwatch::exporter
