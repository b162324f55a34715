#include "probes/low_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace drwatch::probes {

void LowerPriority() {
  constexpr int kNice = 15;
  constexpr int kIoWhoThread = 1;        // IOPRIO_WHO_PROCESS, linux/ioprio.h
  constexpr int kIoIdleClass = 3 << 13;  // IOPRIO_CLASS_IDLE
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  ::syscall(SYS_ioprio_set, kIoWhoThread, 0, kIoIdleClass);
}

}  // namespace drwatch::probes
