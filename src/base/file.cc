#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::base {
UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> ReadFile(const std::string& path, std::int64_t max_bytes) {
  const std::string context = "cannot read " + Quote(path) + ": ";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return Fail(context + ErrnoText(errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Fail(context + ErrnoText(errno));
  if (!S_ISREG(info.st_mode)) return Fail(context + "not a regular file");
  std::string contents;
  while (true) {
    constexpr std::size_t kStep = 64 << 10;
    const std::size_t size = contents.size();
    contents.resize(size + kStep);
    const ssize_t got = ::read(fd.get(), contents.data() + size, kStep);
    contents.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(context + ErrnoText(errno));
    if (got == 0) return contents;
    if (static_cast<std::int64_t>(contents.size()) > max_bytes) {
      return Fail(context + "longer than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

Status WriteAll(const UniqueFd& fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd.get(), contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail(ErrnoText(errno));
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status WriteFileAtomically(const std::string& path, std::string_view contents, Readers readers) {
  const std::string context = "cannot write " + Quote(path) + ": ";
  const std::string temporary = path + ".tmp." + Hex(RandomBytes(4));
  const mode_t mode = readers == Readers::kOwner ? 0600 : 0666;
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) return Fail(context + ErrnoText(errno));
  Status status = WriteAll(fd, contents);
  if (status && ::fsync(fd.get()) != 0) status = Fail(ErrnoText(errno));
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0) status = Fail(ErrnoText(errno));
  if (!status) {
    ::unlink(temporary.c_str());
    return Fail(context + status.error().message);
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd folder_fd(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd.valid()) ::fsync(folder_fd.get());
  return {};
}

Status MakeFolders(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder(path);
  std::filesystem::path made;
  for (const auto& part : folder) {
    made /= part;
    if (made.empty() || std::filesystem::is_directory(made, error)) continue;
    if (::mkdir(made.c_str(), 0750) != 0 && errno != EEXIST) {
      return Fail("cannot create folder " + Quote(made.string()) + ": " + ErrnoText(errno));
    }
  }
  if (!std::filesystem::is_directory(folder, error)) return Fail(Quote(path) + " is not a folder");
  return {};
}

std::string ErrnoText(int error_number) {
  char buffer[128];
  return Lower(::strerror_r(error_number, buffer, sizeof buffer));
}

}  // namespace drwatch::base
