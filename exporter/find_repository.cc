#include "exporter/find_repository.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "catalog/pgbackrest_info_file.h"
#include "catalog/place.h"
#include "catalog/repository.h"

namespace drwatch::exporter {

namespace {

namespace fs = std::filesystem;

bool IsFolder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// What cannot be read may.
bool HoldsFiles(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (!at->is_directory(gone)) return true;
  }
  return static_cast<bool>(error);
}

std::optional<catalog::RecognisedRepository> Recognise(const fs::path& path) {
  if (!IsFolder(path)) return std::nullopt;
  const auto place = catalog::MakeFolderPlace(path.string());
  auto found = catalog::RecogniseRepository(*place, {base::Deadline(base::SteadyTime::max()), {}});
  if (!found || found->kind == config::Repository::kNone) return std::nullopt;
  return *std::move(found);
}

// The repository around the folder of one stanza.
std::optional<FoundRepository> Around(fs::path stanza, const catalog::RecognisedRepository& found) {
  const std::string name = stanza.filename().string();
  for (int i = 0; i < found.above; ++i) stanza = stanza.parent_path();
  const auto root = Recognise(stanza);
  if (!root || root->above != 0 || root->kind != found.kind) return std::nullopt;
  return FoundRepository{stanza.string(), found.kind, {name}, ""};
}

// As it was given, without dots and a '/' at its end: a link may have led into the stanza.
fs::path WholePath(const std::string& path) {
  std::error_code error;
  fs::path whole = fs::absolute(path, error).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

std::optional<FoundRepository> FindStanza(const std::string& path) {
  const auto found = Recognise(path);
  if (!found) return std::nullopt;
  if (found->above == 0) return FoundRepository{path, found->kind, found->stanzas, ""};
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return std::nullopt;
  if (auto around = Around(real, *found)) return around;
  return Around(WholePath(path), *found);
}

}  // namespace

std::optional<FoundRepository> FindRepository(const std::string& path) {
  if (auto found = FindStanza(path)) return found;
  const fs::path whole = WholePath(path);
  if (!IsFolder(whole) || !catalog::IsPgBackRestLabel(whole.filename().string())) {
    return std::nullopt;
  }
  auto found = FindStanza(whole.parent_path().string());
  const bool of_stanza = found && found->kind == config::Repository::kPgBackRest &&
                         found->stanzas.size() == 1 &&
                         found->stanzas.front() == whole.parent_path().filename();
  if (!of_stanza) return std::nullopt;
  found->label = whole.filename().string();
  return found;
}

std::vector<std::string> SplitAtRepositories(const std::string& path) {
  if (FindRepository(path)) return {path};
  std::vector<std::string> inside;
  bool any = false;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (IsFolder(at->path()) && !HoldsFiles(at->path())) continue;
    inside.push_back(at->path().string());
    const auto found = FindStanza(inside.back());
    any = any || (found && found->path == inside.back());
  }
  if (error || !any) return {path};
  std::sort(inside.begin(), inside.end());
  return inside;
}

}  // namespace drwatch::exporter
