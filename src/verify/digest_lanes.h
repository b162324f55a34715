// SHA-1 and SHA-256 of several files at a time on one core (sha_blocks.h).
//
// Whoever proves a file pulls its bytes through readers and hashes them on the way. To hash several
// files at a time, several threads each prove a file of their own, but take turns: only one of them
// runs at any moment. Who has bytes to hash lays them down and lets the next one run; once all have
// laid theirs down, the last one hashes them side by side. Nobody waits for anything but a turn, so
// that one who blocks, fails or stops early delays the others as it would on a single thread.
//
// A lane must not be waited for while a lock is held that another lane of the group takes.
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "verify/blake2b.h"
#include "verify/sha_blocks.h"

namespace drwatch::verify {

class DigestLane;

// A group of threads that share a core. Outlives its lanes.
class DigestLanes {
 public:
  static constexpr std::size_t kMaxLanes = kShaStreams;

  DigestLanes();
  ~DigestLanes();
  DigestLanes(const DigestLanes&) = delete;
  DigestLanes& operator=(const DigestLanes&) = delete;
  // Lets the first of them run: `lanes` threads, 1 to kMaxLanes, make a lane each, before or after.
  void Start(std::size_t lanes);

 private:
  friend class DigestLane;
  enum class State { kReady, kHashing, kLeft };
  // All but `turn` belongs to the lane whose turn it is.
  struct Lane {
    sem_t turn;
    State state = State::kLeft;
    ShaKind kind = ShaKind::kSha1;
    ShaStream stream;
    std::size_t blocks = 0;  // to be hashed
  };
  void Wait(std::size_t self);
  static void Pass(Lane& next);
  // The next one behind `self` in that state; nullptr: there is none.
  Lane* Find(std::size_t self, State state);
  // As many blocks as all of one kind have.
  void HashTogether(ShaKind kind);

  std::array<Lane, kMaxLanes> lanes_;
  std::atomic<std::size_t> made_{0};
};

// One thread's place in its group, from its first turn on. Made, used and destroyed by that thread.
class DigestLane {
 public:
  // Waits for its turn.
  explicit DigestLane(DigestLanes& group);
  ~DigestLane();
  DigestLane(const DigestLane&) = delete;
  DigestLane& operator=(const DigestLane&) = delete;
  // Takes `bytes`, which are whole blocks, into `state`. Others run meanwhile.
  void Hash(ShaKind kind, ShaState& state, std::string_view bytes);

 private:
  DigestLanes& group_;
  const std::size_t index_;
};

// As base::Digest, and in a lane if it may and there is one for the algorithm. Movable.
class StreamDigest {
 public:
  // `lane` outlives it; nullptr: none.
  StreamDigest(base::DigestAlgorithm algorithm, DigestLane* lane);
  // BLAKE2b of that length.
  explicit StreamDigest(Blake2b blake2b) : blake2b_(blake2b), lane_(nullptr) {}
  void Update(std::string_view bytes);
  // The raw digest. The object can only be destroyed or assigned afterwards.
  std::string Finish();

 private:
  void HashWhole(std::string_view blocks);

  std::optional<base::Digest> plain_;
  std::optional<Blake2b> blake2b_;
  DigestLane* lane_;
  ShaKind kind_ = ShaKind::kSha1;
  ShaState state_{};
  std::uint64_t bytes_ = 0;
  std::array<char, kShaBlockBytes> rest_{};  // the first bytes_ % kShaBlockBytes: of a block
};

}  // namespace drwatch::verify
