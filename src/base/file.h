// Files, as the program needs them: whole reads with a limit, atomic writes, and file descriptors
// that close themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace drwatch::base {

// Owns one file descriptor; closes it at the end of its life.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// The whole file. Errors: cannot open or read (with the reason), not a regular file, or longer than
// `max_bytes`.
Result<std::string> ReadFile(const std::string& path, std::int64_t max_bytes = 64 << 20);

// Who may read a file that is written: its owner alone (mode 0600), or whom the umask lets.
enum class Readers { kOwner, kByUmask };

// Writes a temporary file in the same folder, syncs it and renames it over `path`, then syncs the
// folder. Errors: which file and why; then `path` is what it was, and nothing lies beside it.
Status WriteFileAtomically(const std::string& path, std::string_view contents,
                           Readers readers = Readers::kOwner);

// Writes all of it, however often the system takes a part. Errors: the reason.
Status WriteAll(const UniqueFd& fd, std::string_view contents);

// Makes `path` and missing parents (mode 0750). Errors: the reason and which folder.
Status MakeFolders(const std::string& path);

// "no such file or directory" for ENOENT: strerror() in lower case, thread-safe.
std::string ErrnoText(int error_number);

}  // namespace drwatch::base
