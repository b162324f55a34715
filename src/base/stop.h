// Deadlines and stop requests for blocking calls.
//
// Every blocking call takes a `Deadline` and a `StopToken`; code that polls file descriptors puts
// `token.fd()` beside them, so that a stop ends the wait at once.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"

struct pollfd;

namespace drwatch::base {

// A point in steady time by which a call must have returned. A value; copy it freely.
class Deadline {
 public:
  explicit Deadline(SteadyTime at) : at_(at) {}
  static Deadline After(Duration timeout);
  SteadyTime at() const { return at_; }
  // Never negative. Rounded up, so that waiting for Remaining() reaches the deadline.
  Duration Remaining() const;
  bool Expired() const { return Remaining() == Duration(0); }
  // The earlier of this one and `other`.
  Deadline Min(Deadline other) const { return other.at_ < at_ ? other : *this; }

 private:
  SteadyTime at_;
};

// The asking side's view of a stop. Copies share one state, which outlives its StopSource.
// Thread-safe.
class StopToken {
 public:
  // A token that is never stopped (fd() is -1, which poll() ignores).
  StopToken() = default;
  bool stopped() const;
  // Readable once a stop was requested; owned by the state, never read from it. -1 if this token
  // can never be stopped.
  int fd() const;
  // Waits until the deadline or a stop, whichever is first. True if stopped. Replaces sleeping.
  bool Wait(Deadline deadline) const;

 private:
  friend class StopSource;
  struct State;
  explicit StopToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// The side that asks for a stop. Aborts if the process has no file descriptor left for it.
// Thread-safe.
class StopSource {
 public:
  StopSource();
  StopToken token() const { return StopToken(state_); }
  // May be called more than once, and from a signal handler.
  void RequestStop() const;

 private:
  std::shared_ptr<StopToken::State> state_;
};

enum class WaitResult { kReady, kTimeout, kStopped };

// poll() on `fds` until one is ready, the deadline passes or the token is stopped. `revents` are
// filled as poll() does.
WaitResult PollUntil(std::vector<pollfd>& fds, Deadline deadline, const StopToken& stop);

}  // namespace drwatch::base
