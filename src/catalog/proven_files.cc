#include "catalog/proven_files.h"

#include <chrono>

namespace drwatch::catalog {

ProvenFiles::ProvenFiles() : start_(std::chrono::steady_clock::now()) {}

std::uint32_t ProvenFiles::SecondsSinceStart() const {
  const auto passed = std::chrono::steady_clock::now() - start_;
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(passed).count());
}

bool ProvenFiles::Holds(std::uint64_t key, base::Duration reuse) const {
  if (reuse <= base::Duration(0)) return false;
  const std::uint32_t now = SecondsSinceStart();
  const std::lock_guard lock(mutex_);
  const auto found = proven_.find(key);
  return found != proven_.end() && std::chrono::seconds(now - found->second) < reuse;
}

void ProvenFiles::Put(std::uint64_t key) {
  const std::uint32_t now = SecondsSinceStart();
  const std::lock_guard lock(mutex_);
  if (proven_.size() >= kMaxFiles && !proven_.contains(key)) proven_.clear();
  proven_[key] = now;
}

}  // namespace drwatch::catalog
