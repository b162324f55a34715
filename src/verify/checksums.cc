#include "verify/checksums.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "verify/decoder.h"

namespace drwatch::verify {

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const handle = ::opendir(folder.c_str());
  if (handle == nullptr) return names;
  while (const dirent* entry = ::readdir(handle)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  ::closedir(handle);
  return names;
}

std::pair<std::string, std::string> SplitPath(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Checksums::Checksums(const std::string& path) {
  auto [folder, name] = SplitPath(path);
  outside_ = {{std::make_shared<ChecksumFolder>(folder, NamesIn(folder)), name}};
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    inside_ = std::make_shared<ChecksumFolder>(path, NamesIn(path));
  }
}

Checksums::Checksums(std::string name, std::shared_ptr<const ChecksumFolder> beside,
                     std::shared_ptr<const ChecksumFolder> inside)
    : outside_({{std::move(beside), std::move(name)}}), inside_(std::move(inside)) {}

Checksums Checksums::Below(const std::string& folder, const std::string& path) const {
  Checksums below(path);
  const bool beside_is_here = folder.find('/') == folder.npos;
  if (beside_is_here) below.outside_.clear();
  if (inside_) below.outside_.push_back({inside_, folder});
  for (const Place& place : outside_) {
    below.outside_.push_back({place.folder, place.name + "/" + folder});
  }
  return below;
}

std::vector<ChecksumFolder::Expected> Checksums::Find(const std::string& relative) const {
  return FindAs(relative, [](std::string_view name) { return std::string(name); });
}

std::vector<ChecksumFolder::Expected> Checksums::FindUnpacked(const std::string& relative) const {
  return FindAs(relative, UnpackedName);
}

std::vector<ChecksumFolder::Expected> Checksums::FindAs(
    const std::string& relative, std::string (*tell)(std::string_view name)) const {
  std::vector<ChecksumFolder::Expected> all;
  if (inside_) all = inside_->Find(tell(relative));
  for (const Place& place : outside_) {
    const auto outer = place.folder->Find(tell(place.name + (inside_ ? "/" + relative : "")));
    all.insert(all.end(), outer.begin(), outer.end());
  }
  return all;
}

std::vector<std::string> Checksums::Names() const {
  if (!inside_) return {};
  std::vector<std::string> names = inside_->NamesBelow("");
  for (const Place& place : outside_) {
    const std::vector<std::string> outer = place.folder->NamesBelow(place.name + "/");
    names.insert(names.end(), outer.begin(), outer.end());
  }
  // What a list says of files elsewhere is not about this artefact.
  std::erase_if(names, [](const std::string& name) {
    return name.starts_with('/') || name.starts_with("../");
  });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> Checksums::problems() const {
  auto problems = inside_ ? inside_->problems() : std::vector<std::string>();
  // Lists beside the artefact are mostly about others: only its sidecars are its own.
  for (const Place& place : outside_) {
    for (const std::string& problem : place.folder->problems()) {
      if (problem.starts_with(place.name + ".")) problems.push_back(problem);
    }
  }
  return problems;
}

}  // namespace drwatch::verify
