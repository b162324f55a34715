#include "exporter/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

#include "base/file.h"
#include "base/strings.h"

namespace drwatch::exporter {
namespace {

constexpr mode_t kMode = 0666;  // less the umask

// Whether `path` is something to write to that is no file of its own: /dev/stdout, too, which leads
// to one that somebody else opened.
bool IsStream(const std::string& path) {
  struct stat status = {};
  if (path.starts_with("/dev/")) return true;
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

base::Status WriteTo(const base::UniqueFd& fd, std::string_view text) {
  while (fd.valid() && !text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return fd.valid() && text.empty() ? base::Status() : base::Fail(base::ErrnoText(errno));
}

base::Status WriteFile(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  const base::UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  base::Status status = WriteTo(fd, text);
  if (status && ::fsync(fd.get()) != 0) status = base::Fail(base::ErrnoText(errno));
  if (status && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = base::Fail(base::ErrnoText(errno));
  }
  if (!status && fd.valid()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace

base::Status WriteOutput(const std::string& path, std::string_view text) {
  const base::Status written =
      IsStream(path)
          ? WriteTo(base::UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)), text)
          : WriteFile(path, text);
  if (written) return {};
  return base::Fail("cannot write " + base::Quote(path) + ": " + written.error().message);
}

bool OutputArrived() {
  std::cout.flush();
  if (std::cout.good()) return true;
  struct stat status = {};
  // Writing to a pipe or a socket fails only once its reader has left.
  return ::fstat(STDOUT_FILENO, &status) == 0 &&
         (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

int StatusOfOutput(int status, int failed) {
  if (OutputArrived()) return status;
  std::cerr << "drwatch: cannot write to standard output: what was said is not complete\n";
  return status == 0 ? failed : status;
}

}  // namespace drwatch::exporter
