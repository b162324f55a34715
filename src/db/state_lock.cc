#include "db/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace drwatch::db {
namespace {

std::string LockName(const std::string& path) { return path + ".lock"; }

}  // namespace

base::Result<base::UniqueFd> LockState(const std::string& path) {
  const std::string name = LockName(path);
  base::UniqueFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) {
    return base::Fail("cannot open " + base::Quote(name) + ": " + base::ErrnoText(errno),
                      "make the folder of storage.path writable for the user drwatch runs as");
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return base::Fail("cannot lock " + base::Quote(name) + ": " + base::ErrnoText(errno));
    }
    char owner[32] = {};
    const ssize_t got = ::pread(lock.get(), owner, sizeof owner - 1, 0);
    const std::string pid(base::Trim(got > 0 ? owner : ""));
    return base::Fail("state " + base::Quote(path) + " is in use by another process" +
                          (base::ParseInt(pid) ? " (pid " + pid + ")" : ""),
                      "stop the other drwatch or give this one its own storage.path");
  }
  // Who holds the lock is a courtesy for the message above; the lock itself is what counts.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
  }
  return lock;
}

bool IsStateLocked(const std::string& path) {
  const base::UniqueFd lock(::open(LockName(path).c_str(), O_RDWR | O_CLOEXEC));
  return lock.valid() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace drwatch::db
