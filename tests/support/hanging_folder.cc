// For LD_PRELOAD: while the file $DRWATCH_TEST_HANG is there, whoever opens a folder whose path
// begins with what that file says waits, as on NFS whose server does not answer. All else goes on.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

bool Hangs(const char* folder) {
  static const char* const told = std::getenv("DRWATCH_TEST_HANG");
  if (told == nullptr) return false;
  const int file = ::open(told, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char prefix[4096] = {};
  const ssize_t got = ::read(file, prefix, sizeof prefix - 1);
  ::close(file);
  return got > 0 && std::strncmp(folder, prefix, static_cast<std::size_t>(got)) == 0;
}

}  // namespace

extern "C" DIR* opendir(const char* folder) {
  using Function = DIR* (*)(const char*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "opendir"));
  constexpr timespec kMoment{0, 5'000'000};
  while (Hangs(folder)) ::nanosleep(&kMoment, nullptr);
  return real(folder);
}
