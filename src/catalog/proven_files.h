// Which stored files were read to their end and found whole, and when: backups that share files do
// not each read them again. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "verify/known_files.h"

namespace drwatch::catalog {

class ProvenFiles final : public verify::KnownFiles {
 public:
  // More are not remembered, only read again: about 11 bytes each. Nor is anything for longer than
  // 45 days.
  static constexpr std::size_t kMaxFiles = 2'000'000;

  ProvenFiles();
  // `key` stands for the file, its place and what was to be proven of it: StampOf(). True if it was
  // put no longer than `reuse` ago; begun minutes count whole.
  bool Holds(std::uint64_t key, base::Duration reuse) const override;
  void Put(std::uint64_t key) override;

 private:
  // A hash table with open addresses that grows on its own: what it takes meanwhile is little of
  // all. In a slot lie 48 bits of a key and the minute; 0 is free.
  struct Shard {
    std::vector<std::uint64_t> slots;
    std::size_t used = 0;

    // The slot of `key`, or the free one where it belongs.
    std::uint64_t& At(std::uint64_t key);
    void Grow();
  };
  static constexpr std::size_t kShards = 64;

  // Since the start, from 1 on.
  std::int64_t Minute() const;
  void Clear();

  base::SteadyTime start_;
  mutable std::mutex mutex_;
  mutable std::array<Shard, kShards> shards_;
  std::size_t used_ = 0;
};

}  // namespace drwatch::catalog
