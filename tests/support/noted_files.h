// What verification notes as whole, without a memory that fades.
#pragma once

#include <mutex>
#include <set>

#include "verify/known_files.h"

namespace drwatch::testing {

class NotedFiles final : public verify::KnownFiles {
 public:
  bool Holds(std::uint64_t key, base::Duration /*reuse*/) const override {
    const std::lock_guard lock(mutex_);
    return keys_.contains(key);
  }
  void Put(std::uint64_t key) override {
    const std::lock_guard lock(mutex_);
    keys_.insert(key);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::uint64_t> keys_;
};

}  // namespace drwatch::testing
