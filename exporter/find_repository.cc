#include "exporter/find_repository.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "catalog/place.h"
#include "catalog/repository.h"

namespace drwatch::exporter {

std::optional<FoundRepository> FindRepository(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return std::nullopt;
  const auto place = catalog::MakeFolderPlace(path);
  auto found = catalog::RecogniseRepository(*place, {base::Deadline(base::SteadyTime::max()), {}});
  if (!found || found->kind == config::Repository::kNone) return std::nullopt;
  if (found->above == 0) return FoundRepository{path, found->kind, std::move(found->stanzas)};
  std::error_code error;
  std::filesystem::path root = std::filesystem::canonical(path, error);
  if (error) return std::nullopt;
  const std::string stanza = root.filename().string();
  for (int i = 0; i < found->above; ++i) root = root.parent_path();
  return FoundRepository{root.string(), found->kind, {stanza}};
}

}  // namespace drwatch::exporter
