// Which stored files were read to their end and found whole, and when: backups that share files do
// not each read them again. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"

namespace drwatch::catalog {

class ProvenFiles {
 public:
  // More are not remembered, only read again: about 40 bytes each.
  static constexpr std::size_t kMaxFiles = 2'000'000;

  ProvenFiles();
  // `key` stands for the file, its place and what was to be proven of it: StampOf().
  bool Holds(std::uint64_t key, base::Duration reuse) const;
  void Put(std::uint64_t key);

 private:
  std::uint32_t SecondsSinceStart() const;

  const base::SteadyTime start_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint32_t> proven_;  // seconds since start_
};

}  // namespace drwatch::catalog
