// For LD_PRELOAD: the wall clock is ahead by as many seconds as the file $DRWATCH_TEST_CLOCK says,
// from the moment it says so. Steady time goes on as ever. Tests use it to set the clock of one
// program and not of the machine.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

long OffsetSeconds() {
  static const char* const path = std::getenv("DRWATCH_TEST_CLOCK");
  if (path == nullptr) return 0;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32] = {};
  [[maybe_unused]] const ssize_t got = ::pread(file, text, sizeof text - 1, 0);
  ::close(file);
  return std::strtol(text, nullptr, 10);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, out);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += OffsetSeconds();
  return result;
}

extern "C" int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
