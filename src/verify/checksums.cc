#include "verify/checksums.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

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
  name_ = name;
  beside_ = std::make_shared<ChecksumFolder>(folder, NamesIn(folder));
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    inside_ = std::make_shared<ChecksumFolder>(path, NamesIn(path));
  }
}

Checksums::Checksums(std::string name, std::shared_ptr<const ChecksumFolder> beside,
                     std::shared_ptr<const ChecksumFolder> inside)
    : name_(std::move(name)), beside_(std::move(beside)), inside_(std::move(inside)) {}

std::vector<ChecksumFolder::Expected> Checksums::Find(const std::string& relative) const {
  if (!inside_) return beside_->Find(name_);
  std::vector<ChecksumFolder::Expected> all = inside_->Find(relative);
  const auto& outer = beside_->Find(name_ + "/" + relative);
  all.insert(all.end(), outer.begin(), outer.end());
  return all;
}

std::vector<std::string> Checksums::Names() const {
  if (!inside_) return {};
  std::vector<std::string> names = inside_->NamesBelow("");
  const std::vector<std::string> outer = beside_->NamesBelow(name_ + "/");
  names.insert(names.end(), outer.begin(), outer.end());
  // What a list says of files elsewhere is not about this artefact.
  std::erase_if(names, [](const std::string& name) {
    return name.starts_with('/') || name.starts_with("../");
  });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> Checksums::problems() const {
  // Lists beside the artefact are mostly about others: only what is inside is its own.
  return inside_ ? inside_->problems() : std::vector<std::string>();
}

}  // namespace drwatch::verify
