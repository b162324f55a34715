#include "verify/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "verify/fnv.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

using model::Reason;

Reason ReasonOf(int error_number) {
  if (error_number == EACCES || error_number == EPERM) return Reason::kPermission;
  return error_number == ENOENT ? Reason::kNotFound : Reason::kStorage;
}

// The entries of one folder by name, those of folders with the '/' behind them: the order of whole
// names.
class Entries {
 public:
  // `folder` is open. False if there are more than kMaxFiles.
  bool Read(DIR* folder) {
    while (const dirent* item = ::readdir(folder)) {
      const std::string_view name = item->d_name;
      if (name == "." || name == "..") continue;
      const unsigned char type = TypeOf(folder, *item);
      if (type != DT_DIR && type != DT_REG) continue;
      entries_.push_back({texts_.size(), name.size() + (type == DT_DIR ? 1 : 0)});
      texts_.append(name).append(type == DT_DIR ? "/" : "");
      if (static_cast<std::int64_t>(entries_.size()) > kMaxFiles) return false;
    }
    std::sort(entries_.begin(), entries_.end(),
              [this](const Entry& a, const Entry& b) { return Text(a) < Text(b); });
    return true;
  }
  std::size_t size() const { return entries_.size(); }
  std::string_view operator[](std::size_t index) const { return Text(entries_[index]); }

 private:
  struct Entry {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  static unsigned char TypeOf(DIR* folder, const dirent& item) {
    if (item.d_type != DT_LNK && item.d_type != DT_UNKNOWN) return item.d_type;
    struct stat info {};
    // A dangling link, or a file deleted meanwhile: whoever needs it will miss it by name.
    if (::fstatat(::dirfd(folder), item.d_name, &info, 0) != 0) return DT_UNKNOWN;
    return IFTODT(info.st_mode);
  }
  std::string_view Text(const Entry& entry) const {
    return std::string_view(texts_).substr(entry.begin, entry.size);
  }

  std::string texts_;
  std::vector<Entry> entries_;
};

std::uint64_t StampOf(const struct stat& info) {
  const std::array<std::uint64_t, 6> parts = {static_cast<std::uint64_t>(info.st_dev),
                                              static_cast<std::uint64_t>(info.st_ino),
                                              static_cast<std::uint64_t>(info.st_mtim.tv_sec),
                                              static_cast<std::uint64_t>(info.st_mtim.tv_nsec),
                                              static_cast<std::uint64_t>(info.st_ctim.tv_sec),
                                              static_cast<std::uint64_t>(info.st_ctim.tv_nsec)};
  return Fnv1a({reinterpret_cast<const char*>(parts.data()), sizeof parts});
}

class Walker {
 public:
  Walker(const std::string& root, const TakeTreeFile& take) : root_(root + "/"), take_(take) {}

  // `prefix` is empty or ends with '/'. False once nothing more is wanted.
  Walked<bool> Enter(const std::string& prefix) {
    const std::string path = root_ + prefix;
    DIR* const handle = ::opendir(path.c_str());
    // Of a mount point: few may look into it, and no backup needs it.
    if (handle == nullptr && errno == EACCES && path.ends_with("/lost+found/")) return true;
    if (handle == nullptr) return Fail(path, errno);
    struct stat self {};
    const bool fresh =
        ::fstat(::dirfd(handle), &self) == 0 && entered_.emplace(self.st_dev, self.st_ino).second;
    Entries entries;
    const bool few = !fresh || entries.Read(handle);
    ::closedir(handle);
    if (!few) return TooMany();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string name = prefix + std::string(entries[i]);
      Walked<bool> more = name.ends_with('/') ? Enter(name) : Take(name);
      if (!more || !*more) return more;
    }
    return true;
  }

 private:
  Walked<bool> Take(const std::string& name) {
    struct stat info {};
    if (::stat((root_ + name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return true;
    if (++taken_ > kMaxFiles) return TooMany();
    return take_({name, info.st_size, StampOf(info)});
  }
  static tl::unexpected<Fault> TooMany() {
    return Unjudged(Reason::kLimit, "more than " + std::to_string(kMaxFiles) + " files");
  }
  static tl::unexpected<Fault> Fail(const std::string& path, int error_number) {
    return Unjudged(ReasonOf(error_number), "cannot read folder " +
                                                base::Quote(base::Truncate(path, 500)) + ": " +
                                                base::ErrnoText(error_number));
  }

  const std::string root_;
  const TakeTreeFile& take_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  std::int64_t taken_ = 0;
};

}  // namespace

Walked<void> EachFile(const std::string& folder, const TakeTreeFile& take) {
  auto walked = Walker(folder, take).Enter("");
  if (!walked) return tl::unexpected(std::move(walked.error()));
  return {};
}

}  // namespace drwatch::verify
