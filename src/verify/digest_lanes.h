// SHA-1 and SHA-256 of several files at a time on one core (sha_blocks.h).
//
// Whoever proves a file pulls its bytes through readers and hashes them on the way. To hash several
// files at a time, a thread proves several at once, each in a lane: it leaves a lane as soon as
// that one has bytes to hash, and goes on with another (base/fiber.h). Once all have laid some
// down, they are hashed side by side. Nobody waits for anything but a turn, so that one who blocks,
// fails or stops early delays the others as it would without lanes.
//
// A lane must not hash while it holds a lock that another lane of the thread takes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/fiber.h"
#include "verify/blake2b.h"
#include "verify/sha_blocks.h"

namespace drwatch::verify {

// What is proven in one lane hashes with it.
class DigestLane {
 public:
  DigestLane() = default;
  DigestLane(const DigestLane&) = delete;
  DigestLane& operator=(const DigestLane&) = delete;
  // Takes `bytes`, which are whole blocks, into `state`. Others run meanwhile.
  void Hash(ShaKind kind, ShaState& state, std::string_view bytes);

 private:
  friend class DigestLanes;

  std::unique_ptr<base::Fiber> fiber_;
  ShaKind kind_ = ShaKind::kSha1;
  ShaStream stream_;
  std::size_t blocks_ = 0;  // to be hashed
};

// The lanes of one thread.
class DigestLanes {
 public:
  static constexpr std::size_t kMaxLanes = kShaStreams;

  // Calls `work` in each of `lanes` lanes, 1 to kMaxLanes (in fewer if the memory does not
  // suffice), and returns when all have returned.
  void Run(std::size_t lanes, const std::function<void(DigestLane&)>& work);

 private:
  // As many blocks as all of one kind have.
  void HashTogether(ShaKind kind);

  std::array<DigestLane, kMaxLanes> lanes_;
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
