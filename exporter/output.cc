#include "exporter/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "base/file.h"
#include "base/strings.h"

namespace drwatch::exporter {
namespace {

// Whether `path` is something to write to that is no file of its own: /dev/stdout, too, which leads
// to one that somebody else opened.
bool IsStream(const std::string& path) {
  struct stat status = {};
  if (path.starts_with("/dev/")) return true;
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

// Opened as it is: what no file is must not be made one.
base::Status WriteToStream(const std::string& path, std::string_view text) {
  const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  const base::Status written =
      fd.valid() ? base::WriteAll(fd, text) : base::Fail(base::ErrnoText(errno));
  if (written) return {};
  return base::Fail("cannot write " + base::Quote(path) + ": " + written.error().message);
}

}  // namespace

base::Status WriteOutput(const std::string& path, std::string_view text) {
  if (IsStream(path)) return WriteToStream(path, text);
  return base::WriteFileAtomically(path, text, base::Readers::kByUmask);
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
