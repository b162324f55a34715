#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/folder_summary.h"
#include "catalog/place.h"

namespace drwatch::catalog {
namespace {

using model::Reason;

// How deep folders are followed; deeper ones are an error, not a silence.
constexpr int kMaxDepth = 64;
// Links to folders that one listing follows: what they lead to may lead on, in ever other ways.
constexpr int kMaxLinks = 2'000;
// Tablespaces of a backup lie in it, or are somewhere else's.
constexpr std::string_view kTablespaceLinks = "pg_tblspc/";
// How often a walk looks at the clock.
constexpr std::int64_t kLookEvery = 256;

Reason ReasonOf(int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) return Reason::kNotFound;
  if (error_number == EACCES || error_number == EPERM) return Reason::kPermission;
  return Reason::kStorage;
}

tl::unexpected<Finding> Fail(Reason reason, std::string message) {
  return tl::unexpected(Finding{reason, std::move(message)});
}
tl::unexpected<Finding> FailWith(int error_number, const std::string& what) {
  return Fail(ReasonOf(error_number), what + ": " + base::ErrnoText(error_number));
}

// Links resolved. Empty if there is no such thing.
std::string RealPath(const std::string& path) {
  std::array<char, PATH_MAX> buffer;
  return ::realpath(path.c_str(), buffer.data()) == nullptr ? "" : buffer.data();
}

// True if `path` lies below `root`, both without links.
bool IsBelow(const std::string& path, const std::string& root) {
  if (root == "/") return path.size() > 1;
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

// The place's folder and those that links have led to so far, without links.
using Roots = std::vector<std::string>;

// How a folder lies to those that are being listed.
enum class Side {
  kInside,   // below one of them: it is listed by a name of its own
  kAround,   // one of them, or above one: listing it would never end
  kOutside,  // elsewhere
};
Side SideOf(const std::string& real, const Roots& roots) {
  for (const std::string& root : roots) {
    if (real == root || IsBelow(root, real)) return Side::kAround;
  }
  const bool inside = std::any_of(roots.begin(), roots.end(),
                                  [&](const std::string& root) { return IsBelow(real, root); });
  return inside ? Side::kInside : Side::kOutside;
}

bool LeadsNowhere(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

// The first part of `name` below `root` that is a link that leads nowhere, "" if there is none.
std::string DeadLink(const std::string& root, const std::string& name) {
  for (std::size_t end = name.find('/');; end = name.find('/', end + 1)) {
    const std::string path = root + "/" + name.substr(0, end);
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return "";
    if (S_ISLNK(info.st_mode) && ::stat(path.c_str(), &info) != 0 && LeadsNowhere(errno)) {
      return path;
    }
    if (end == std::string::npos) return "";
  }
}

tl::unexpected<Finding> FailNowhere(const std::string& link) {
  return Fail(Reason::kNotFound, base::Quote(link) + " is a link that leads nowhere");
}

// "a/b" yes; "/a", "a//b", "../a" no: no name may lead out of the place.
bool IsPlainName(std::string_view name) {
  for (const std::string_view part : base::Split(name, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return name.find('\0') == std::string_view::npos;
}

base::UniqueFd OpenAt(int folder, const std::string& name, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH;
  return base::UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
}

// A regular file at `name` below `root`, opened in one call: repositories hold thousands of small
// files, and finding where each lies without links takes longer than reading it. Not valid where
// the kernel does not say on its own that it lies there (no openat2, a link with a whole path), or
// there is nothing to open: RealPath() tells.
base::UniqueFd OpenBelow(const std::string& root, const std::string& name) {
  if (!IsPlainName(name)) return {};
  const base::UniqueFd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  // Nothing but a regular file is ever opened.
  if (!folder.valid() || ::fstatat(folder.get(), name.c_str(), &info, 0) != 0 ||
      !S_ISREG(info.st_mode)) {
    return {};
  }
  return OpenAt(folder.get(), name, verify::FileSource::kOpenFlags);
}

// What stat(2) says of `name` below `root`; false if that is for RealPath() to find out, as above.
bool LookBelow(const std::string& root, const std::string& name, struct stat& info) {
  if (!IsPlainName(name)) return false;
  const base::UniqueFd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return false;
  const base::UniqueFd file = OpenAt(folder.get(), name, O_PATH | O_CLOEXEC);
  return file.valid() && ::fstat(file.get(), &info) == 0;
}

PlaceObject ObjectOf(std::string name, const struct stat& info) {
  PlaceObject object;
  object.size_bytes = info.st_size;
  object.modified = ModifiedAt(info);
  object.fingerprint = FingerprintOf(name, info);
  object.name = std::move(name);
  return object;
}

class Lister {
 public:
  Lister(std::string root, const ListOptions& options, const PlaceContext& context,
         const Place::TakeObject& take)
      : root_(std::move(root)), options_(options), context_(context), take_(take) {}

  // The folders, with `one_level`.
  tl::expected<std::vector<std::string>, Finding> Run() {
    Roots roots = {RealPath(root_)};
    if (roots.front().empty()) return FailWith(errno, "cannot look at " + base::Quote(root_));
    const std::size_t slash = options_.prefix.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "" : options_.prefix.substr(0, slash + 1);
    if (!folder.empty()) {
      auto there = LeadsTo(folder.substr(0, folder.size() - 1), roots);
      if (!there) return tl::unexpected(std::move(there.error()));
      if (!*there) return std::move(folders_);
    }
    if (auto entered = Enter(folder, roots, 0); !entered) return tl::unexpected(entered.error());
    return std::move(folders_);
  }

 private:
  // Sorted as the whole names are: a folder counts with the '/' behind it.
  struct Entry {
    std::string name;  // ends with '/' if it is a folder
    unsigned char type = DT_UNKNOWN;
    std::string real = {};  // of a link to a folder elsewhere: where that is
  };

  tl::expected<bool, Finding> LeadsTo(const std::string& folder, Roots& roots) const;
  tl::expected<void, Finding> Enter(const std::string& folder, const Roots& roots, int depth);
  tl::expected<void, Finding> EnterLink(const std::string& folder, const Entry& entry, Roots roots,
                                        int depth);
  tl::expected<std::vector<Entry>, Finding> ReadEntries(int fd, const std::string& folder,
                                                        const Roots& roots);
  void FollowLink(int fd, const std::string& folder, const Roots& roots, Entry& entry) const;
  tl::expected<void, Finding> Add(int fd, const std::string& folder, const Entry& entry);
  tl::expected<void, Finding> InTime();
  bool Wanted(const std::string& name) const;

  const std::string root_;
  const ListOptions& options_;
  const PlaceContext& context_;
  const Place::TakeObject& take_;
  std::vector<std::string> folders_;
  std::int64_t taken_ = 0;
  std::int64_t looked_ = 0;
  int links_ = 0;
};

// Adds what links on the way to `folder` lead to. False: as in a bucket, nothing lies below a
// prefix that is not there.
tl::expected<bool, Finding> Lister::LeadsTo(const std::string& folder, Roots& roots) const {
  if (!IsPlainName(folder)) return false;
  if (SideOf(RealPath(root_ + "/" + folder), roots) == Side::kInside) return true;
  for (std::size_t end = folder.find('/');; end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    const std::string real = RealPath(root_ + "/" + part);
    if (real.empty()) {
      if (!LeadsNowhere(errno)) return true;  // who enters it is told why not
      const std::string link = DeadLink(root_, part);
      if (!link.empty()) return FailNowhere(link);
      return false;
    }
    const Side side = SideOf(real, roots);
    if (side == Side::kAround) return false;
    if (side == Side::kOutside) roots.push_back(real);
    if (end == std::string::npos) return true;
  }
}

tl::expected<void, Finding> Lister::InTime() {
  if (++looked_ % kLookEvery != 0) return {};
  if (!context_.deadline.Expired() && !context_.stop.stopped()) return {};
  return Fail(Reason::kTimeout, "listing " + base::Quote(root_) + " takes too long");
}

// False if neither `name` nor, for a folder, anything in it is asked for.
bool Lister::Wanted(const std::string& name) const {
  const bool folder = name.ends_with('/');
  const std::string& prefix = options_.prefix;
  if (!name.starts_with(prefix) && !(folder && prefix.starts_with(name))) return false;
  return name > options_.start_after || (folder && options_.start_after.starts_with(name));
}

// A link to a folder elsewhere is one of the place. What lies in the place has a name of its own.
void Lister::FollowLink(int fd, const std::string& folder, const Roots& roots, Entry& entry) const {
  struct stat info {};
  if (folder.ends_with(kTablespaceLinks)) return;
  if (::fstatat(fd, entry.name.c_str(), &info, 0) != 0 || !S_ISDIR(info.st_mode)) return;
  std::string real = RealPath(root_ + "/" + folder + entry.name);
  if (real.empty() || SideOf(real, roots) != Side::kOutside) return;
  entry.type = DT_DIR;
  entry.real = std::move(real);
}

tl::expected<std::vector<Lister::Entry>, Finding> Lister::ReadEntries(int fd,
                                                                      const std::string& folder,
                                                                      const Roots& roots) {
  // fdopendir() takes the descriptor over; the caller keeps its own.
  DIR* const handle = ::fdopendir(::dup(fd));
  if (handle == nullptr) return FailWith(errno, "cannot read folder " + base::Quote(folder));
  std::vector<Entry> entries;
  tl::expected<void, Finding> in_time;
  errno = 0;
  while (const dirent* item = in_time ? ::readdir(handle) : nullptr) {
    Entry entry{item->d_name, item->d_type};
    if (entry.name == "." || entry.name == ".." || entry.name == kLostAndFound) continue;
    struct stat info {};
    if (entry.type == DT_UNKNOWN && ::fstatat(fd, item->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
      entry.type = IFTODT(info.st_mode);
    }
    if (entry.type == DT_LNK) FollowLink(fd, folder, roots, entry);
    if (entry.type == DT_DIR) entry.name += '/';
    if (Wanted(folder + entry.name)) entries.push_back(std::move(entry));
    in_time = InTime();
    errno = 0;
  }
  const int error_number = errno;
  ::closedir(handle);
  if (!in_time) return tl::unexpected(std::move(in_time.error()));
  if (error_number != 0) return FailWith(error_number, "cannot read folder " + base::Quote(folder));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

tl::expected<void, Finding> Lister::EnterLink(const std::string& folder, const Entry& entry,
                                              Roots roots, int depth) {
  if (++links_ > kMaxLinks) {
    return Fail(Reason::kLimit, "more than " + std::to_string(kMaxLinks) + " links to folders in " +
                                    base::Quote(root_));
  }
  roots.push_back(entry.real);
  return Enter(folder + entry.name, roots, depth);
}

tl::expected<void, Finding> Lister::Enter(const std::string& folder, const Roots& roots,
                                          int depth) {
  const std::string path = root_ + "/" + folder;
  if (depth > kMaxDepth) return Fail(Reason::kLimit, "folders too deep in " + base::Quote(path));
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    // What is no folder, or was removed meanwhile, holds nothing.
    if (!folder.empty() && (errno == ENOENT || errno == ENOTDIR)) return {};
    return FailWith(errno, "cannot read folder " + base::Quote(path));
  }
  auto entries = ReadEntries(fd.get(), folder, roots);
  if (!entries) return tl::unexpected(std::move(entries.error()));
  for (const Entry& entry : *entries) {
    tl::expected<void, Finding> done;
    if (entry.type != DT_DIR) {
      done = Add(fd.get(), folder, entry);
    } else if (options_.one_level && (folder + entry.name).size() > options_.prefix.size()) {
      folders_.push_back(folder + entry.name);
    } else if (entry.real.empty()) {
      done = Enter(folder + entry.name, roots, depth + 1);
    } else {
      done = EnterLink(folder, entry, roots, depth + 1);
    }
    if (!done) return done;
  }
  return {};
}

tl::expected<void, Finding> Lister::Add(int fd, const std::string& folder, const Entry& entry) {
  struct stat info {};
  if (::fstatat(fd, entry.name.c_str(), &info, 0) != 0) {
    if (!LeadsNowhere(errno)) {
      return FailWith(errno, "cannot look at " + base::Quote(folder + entry.name));
    }
    // Else it is gone meanwhile.
    if (entry.type == DT_LNK && options_.dead_links != nullptr) {
      options_.dead_links->push_back(folder + entry.name);
    }
    return {};
  }
  if (!S_ISREG(info.st_mode)) return {};
  const PlaceObject object = ObjectOf(folder + entry.name, info);
  if (++taken_ > options_.max_objects) {
    return Fail(Reason::kLimit, "more than " + std::to_string(options_.max_objects) + " files in " +
                                    base::Quote(root_));
  }
  take_(object);
  return InTime();
}

class FolderPlace final : public Place, private ObjectLook {
 public:
  explicit FolderPlace(std::string path) : path_(std::move(path)) {
    while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  }
  std::string Describe() const override { return path_; }
  tl::expected<PlaceListing, Finding> List(const ListOptions& options,
                                           const PlaceContext& context) override {
    PlaceListing listing;
    const TakeObject keep = [&](const PlaceObject& object) { listing.objects.push_back(object); };
    auto folders = Lister(path_, options, context, keep).Run();
    if (!folders) return tl::unexpected(std::move(folders.error()));
    listing.folders = *std::move(folders);
    return listing;
  }
  tl::expected<void, Finding> Each(const ListOptions& options, const PlaceContext& context,
                                   const TakeObject& take) override {
    auto folders = Lister(path_, options, context, take).Run();
    if (!folders) return tl::unexpected(std::move(folders.error()));
    return {};
  }
  const ObjectLook* look() const override { return this; }
  tl::expected<PlaceObject, Finding> Look(const std::string& name) const override;
  tl::expected<std::string, Finding> Read(const std::string& name, std::int64_t max_bytes,
                                          const PlaceContext& context) override {
    auto bytes = ReadPart(name, max_bytes + 1, context);
    if (bytes && static_cast<std::int64_t>(bytes->size()) > max_bytes) {
      return Fail(Reason::kLimit,
                  base::Quote(name) + " is longer than " + base::FormatSize(max_bytes));
    }
    return bytes;
  }
  tl::expected<std::string, Finding> ReadHead(const std::string& name, std::int64_t size,
                                              const PlaceContext& context) override {
    return ReadPart(name, size, context);
  }
  verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& name,
                                                       verify::ReadBudget& budget,
                                                       verify::DigestTee* tee) override {
    auto source = OpenFile(name, budget, tee);
    if (!source) return verify::Unjudged(source.error().reason, source.error().message);
    if (!*source) return tl::unexpected(std::move(source->error()));
    return std::make_unique<verify::FileSource>(std::move(**source));
  }

 private:
  // A Finding: nothing of that name lies in the place. A Fault: it cannot be read.
  tl::expected<verify::Walked<verify::FileSource>, Finding> OpenFile(const std::string& name,
                                                                     verify::ReadBudget& budget,
                                                                     verify::DigestTee* tee) const;
  // Where the object lies, links resolved: anywhere, they are followed as a restore does.
  tl::expected<std::string, Finding> PathOf(const std::string& name) const {
    const std::string what = "cannot open " + base::Quote(name);
    if (!IsPlainName(name)) return Fail(Reason::kNotFound, what + ": not a name in a place");
    std::string real = RealPath(path_ + "/" + name);
    if (real.empty()) {
      const int error_number = errno;
      const std::string link = LeadsNowhere(error_number) ? DeadLink(path_, name) : "";
      if (!link.empty()) return FailNowhere(link);
      return FailWith(error_number, what);
    }
    return real;
  }
  tl::expected<std::string, Finding> ReadPart(const std::string& name, std::int64_t size,
                                              const PlaceContext& context) const;
  std::string path_;
};

tl::expected<PlaceObject, Finding> FolderPlace::Look(const std::string& name) const {
  struct stat info {};
  if (!LookBelow(path_, name, info)) {
    auto path = PathOf(name);
    if (!path) return tl::unexpected(std::move(path.error()));
    const std::string what = "cannot look at " + base::Quote(name);
    if (::stat(path->c_str(), &info) != 0) return FailWith(errno, what);
  }
  if (!S_ISREG(info.st_mode)) {
    return Fail(Reason::kNotFound, base::Quote(name) + " is no regular file");
  }
  return ObjectOf(name, info);
}

tl::expected<verify::Walked<verify::FileSource>, Finding> FolderPlace::OpenFile(
    const std::string& name, verify::ReadBudget& budget, verify::DigestTee* tee) const {
  if (base::UniqueFd fd = OpenBelow(path_, name); fd.valid()) {
    return verify::FileSource::Take(std::move(fd), budget, tee);
  }
  auto path = PathOf(name);
  if (!path) return tl::unexpected(std::move(path.error()));
  return verify::FileSource::Open(*path, budget, tee);
}

// At most `size` bytes from the start.
tl::expected<std::string, Finding> FolderPlace::ReadPart(const std::string& name, std::int64_t size,
                                                         const PlaceContext& context) const {
  verify::VerifyOptions options;
  options.deadline = context.deadline;
  options.stop = context.stop;
  verify::ReadBudget budget(options);
  auto opened = OpenFile(name, budget, nullptr);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  auto& source = *opened;
  std::string bytes;
  while (source && static_cast<std::int64_t>(bytes.size()) < size) {
    auto part = source->Next();
    if (!part) return Fail(part.error().reason, base::Quote(name) + ": " + part.error().message);
    if (part->empty()) break;
    bytes += part->substr(0, static_cast<std::size_t>(size) - bytes.size());
  }
  if (!source) {
    return Fail(source.error().reason, base::Quote(name) + ": " + source.error().message);
  }
  return bytes;
}

}  // namespace

tl::expected<void, Finding> Place::Each(const ListOptions& options, const PlaceContext& context,
                                        const TakeObject& take) {
  auto listing = List(options, context);
  if (!listing) return tl::unexpected(std::move(listing.error()));
  for (const PlaceObject& object : listing->objects) take(object);
  return {};
}

std::unique_ptr<Place> MakeFolderPlace(const std::string& path) {
  return std::make_unique<FolderPlace>(path);
}

}  // namespace drwatch::catalog
