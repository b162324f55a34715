#include "verify/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

using model::Reason;

Reason ReasonOf(int error_number) {
  if (error_number == EACCES || error_number == EPERM) return Reason::kPermission;
  return error_number == ENOENT ? Reason::kNotFound : Reason::kStorage;
}

class Lister {
 public:
  explicit Lister(std::string root) : root_(std::move(root)) {}

  Walked<void> Enter(const std::string& prefix) {
    const std::string path = prefix.empty() ? root_ : root_ + "/" + prefix;
    DIR* const handle = ::opendir(path.c_str());
    if (handle == nullptr) return Fail(path, errno);
    struct stat self {};
    if (::fstat(::dirfd(handle), &self) != 0 ||
        !entered_.emplace(self.st_dev, self.st_ino).second) {
      ::closedir(handle);
      return {};
    }
    std::vector<std::string> folders;
    Walked<void> result;
    while (const dirent* entry = ::readdir(handle)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info {};
      const std::string relative = prefix.empty() ? name : prefix + "/" + name;
      // A dangling link, or a file deleted meanwhile: whoever needs it will miss it by name.
      if (::fstatat(::dirfd(handle), entry->d_name, &info, 0) != 0) continue;
      if (S_ISDIR(info.st_mode)) folders.push_back(relative);
      if (S_ISREG(info.st_mode)) files_.push_back({relative, info.st_size});
      if (static_cast<std::int64_t>(files_.size()) > kMaxFiles) {
        result = Unjudged(Reason::kLimit, "more than " + std::to_string(kMaxFiles) + " files");
        break;
      }
    }
    ::closedir(handle);
    for (const std::string& folder : folders) {
      if (result) result = Enter(folder);
    }
    return result;
  }
  std::vector<TreeFile> Take() {
    std::sort(files_.begin(), files_.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.name < b.name; });
    return std::move(files_);
  }

 private:
  static Walked<void> Fail(const std::string& path, int error_number) {
    return Unjudged(ReasonOf(error_number), "cannot read folder " +
                                                base::Quote(base::Truncate(path, 500)) + ": " +
                                                base::ErrnoText(error_number));
  }

  std::string root_;
  std::vector<TreeFile> files_;
  std::set<std::pair<dev_t, ino_t>> entered_;
};

}  // namespace

Walked<std::vector<TreeFile>> ListFiles(const std::string& folder) {
  Lister lister(folder);
  if (auto entered = lister.Enter(""); !entered) return tl::unexpected(std::move(entered.error()));
  return lister.Take();
}

}  // namespace drwatch::verify
