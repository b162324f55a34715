#include "base/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <utility>

// Sanitizers follow stacks, and have to be told of a switch.
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define DRWATCH_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define DRWATCH_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define DRWATCH_ASAN
#endif
#ifdef __SANITIZE_THREAD__
#define DRWATCH_TSAN
#endif
#ifdef DRWATCH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef DRWATCH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace drwatch::base {
namespace {

// As much as a thread has by default.
constexpr std::size_t kStackBytes = 8 << 20;
// Below the stack: whoever grows out of it ends there.
constexpr std::size_t kGuardBytes = 64 << 10;

// One side of a switch, and what sanitizers know of it.
struct Side {
  ucontext_t context{};
#ifdef DRWATCH_ASAN
  const void* bottom = nullptr;
  std::size_t bytes = 0;
#endif
#ifdef DRWATCH_TSAN
  void* fiber = nullptr;
#endif
};

// `ends`: `from` is never gone back to.
void Switch(Side& from, Side& to, [[maybe_unused]] bool ends) {
#ifdef DRWATCH_ASAN
  void* frames = nullptr;
  __sanitizer_start_switch_fiber(ends ? nullptr : &frames, to.bottom, to.bytes);
#endif
#ifdef DRWATCH_TSAN
  __tsan_switch_to_fiber(to.fiber, 0);
#endif
  ::swapcontext(&from.context, &to.context);
#ifdef DRWATCH_ASAN
  __sanitizer_finish_switch_fiber(frames, &to.bottom, &to.bytes);
#endif
}

}  // namespace

struct Fiber::Stack {
  void* memory = MAP_FAILED;
  Side own;
  Side caller;

  Stack() {
    memory = ::mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    ::mprotect(memory, kGuardBytes, PROT_NONE);
    ::getcontext(&own.context);
    own.context.uc_stack.ss_sp = static_cast<char*>(memory) + kGuardBytes;
    own.context.uc_stack.ss_size = kStackBytes;
    own.context.uc_link = nullptr;
#ifdef DRWATCH_ASAN
    own.bottom = own.context.uc_stack.ss_sp;
    own.bytes = kStackBytes;
    // What another one that lay here was left with.
    __asan_unpoison_memory_region(own.bottom, own.bytes);
#endif
#ifdef DRWATCH_TSAN
    own.fiber = __tsan_create_fiber(0);
#endif
  }
  ~Stack() {
    if (memory == MAP_FAILED) return;
#ifdef DRWATCH_TSAN
    __tsan_destroy_fiber(own.fiber);
#endif
    ::munmap(memory, kGuardBytes + kStackBytes);
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
};

Fiber::Fiber(std::function<void()> work)
    : work_(std::move(work)), stack_(std::make_unique<Stack>()) {}

Fiber::~Fiber() = default;

std::unique_ptr<Fiber> Fiber::Make(std::function<void()> work) {
  std::unique_ptr<Fiber> fiber(new Fiber(std::move(work)));
  if (fiber->stack_->memory == MAP_FAILED) return nullptr;
  // The function of a context takes int.
  const auto self = reinterpret_cast<std::uintptr_t>(fiber.get());
  ::makecontext(&fiber->stack_->own.context, reinterpret_cast<void (*)()>(&Fiber::Enter), 2,
                static_cast<unsigned>(self), static_cast<unsigned>(self >> 32));
  return fiber;
}

void Fiber::Enter(unsigned low, unsigned high) {
  Fiber& self =
      *reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << 32 | std::uintptr_t{low});
#ifdef DRWATCH_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self.stack_->caller.bottom, &self.stack_->caller.bytes);
#endif
  [&self]() noexcept { self.work_(); }();
  self.ended_ = true;
  Switch(self.stack_->own, self.stack_->caller, true);
}

void Fiber::Resume() {
#ifdef DRWATCH_TSAN
  stack_->caller.fiber = __tsan_get_current_fiber();
#endif
  Switch(stack_->caller, stack_->own, false);
}

void Fiber::Yield() { Switch(stack_->own, stack_->caller, false); }

}  // namespace drwatch::base
