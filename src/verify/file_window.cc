#include "verify/file_window.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>

namespace drwatch::verify {

struct WindowSlot {
  std::atomic<bool> taken{false};
  // Of a closed one they hold no address.
  std::atomic<std::uintptr_t> begin{UINTPTR_MAX};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> lost{false};
};

namespace {

// One for each thread that reads a file; who finds none reads in another way.
constexpr std::size_t kMaxWindows = 128;

std::array<WindowSlot, kMaxWindows> slots;
std::uintptr_t page_bytes;
struct sigaction previous_action;

WindowSlot* FindSlot(std::uintptr_t address) {
  const auto found = std::find_if(slots.begin(), slots.end(), [address](const WindowSlot& slot) {
    return slot.begin <= address && address < slot.end;
  });
  return found != slots.end() ? &*found : nullptr;
}

// Puts zeros where the rest of the window was: whoever reads it goes on. Only what may be called in
// a signal handler.
void OnFault(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error_number = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  WindowSlot* const slot = FindSlot(address);
  const std::uintptr_t page = address - address % page_bytes;
  const bool mended =
      slot != nullptr && ::mmap(reinterpret_cast<void*>(page), slot->end - page, PROT_READ,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  if (mended) {
    slot->lost = true;
  } else {
    // The instruction is run again, and fails again.
    ::sigaction(SIGBUS, &previous_action, nullptr);
  }
  errno = error_number;
}

bool InstallHandler() {
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  return ::sigaction(SIGBUS, &action, &previous_action) == 0;
}

WindowSlot* TakeSlot() {
  static const bool installed = InstallHandler();
  if (!installed) return nullptr;
  for (WindowSlot& slot : slots) {
    if (!slot.taken.exchange(true)) return &slot;
  }
  return nullptr;
}

}  // namespace

FileWindow::FileWindow(FileWindow&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

bool FileWindow::Open(int fd, std::int64_t offset, std::size_t bytes) {
  Close();
  WindowSlot* const slot = TakeSlot();
  if (slot == nullptr) return false;
  void* const data = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) {
    slot->taken = false;
    return false;
  }
  slot->lost = false;
  slot->end = reinterpret_cast<std::uintptr_t>(data) + bytes;
  slot->begin = reinterpret_cast<std::uintptr_t>(data);
  slot_ = slot;
  data_ = static_cast<char*>(data);
  size_ = bytes;
  return true;
}

void FileWindow::Close() {
  if (slot_ == nullptr) return;
  // Where it was, another one may be mapped at once.
  slot_->begin = UINTPTR_MAX;
  slot_->end = 0;
  ::munmap(data_, size_);
  slot_->taken = false;
  slot_ = nullptr;
  data_ = nullptr;
  size_ = 0;
}

bool FileWindow::lost() const { return slot_ != nullptr && slot_->lost; }

}  // namespace drwatch::verify
