#include "catalog/proven_files.h"

#include <chrono>
#include <utility>

namespace drwatch::catalog {
namespace {

constexpr int kMinuteBits = 16;
constexpr std::int64_t kMaxMinute = (1 << kMinuteBits) - 1;
constexpr std::size_t kFirstSlots = 64;

// splitmix64's finaliser: keys of names that differ in a digit differ in every bit.
std::uint64_t Spread(std::uint64_t key) {
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9ULL;
  key = (key ^ (key >> 27)) * 0x94d049bb133111ebULL;
  return key ^ (key >> 31);
}

}  // namespace

std::uint64_t& ProvenFiles::Shard::At(std::uint64_t key) {
  std::size_t at = static_cast<std::size_t>((key >> 32) * slots.size() >> 32);
  while (slots[at] != 0 && (slots[at] ^ key) >> kMinuteBits != 0) {
    if (++at == slots.size()) at = 0;
  }
  return slots[at];
}

// Keeps a fifth free.
void ProvenFiles::Shard::Grow() {
  if (slots.size() * 4 > used * 5 + kFirstSlots / 2) return;
  std::vector<std::uint64_t> old(slots.size() + slots.size() / 4 + kFirstSlots, 0);
  old.swap(slots);
  for (const std::uint64_t slot : old) {
    if (slot != 0) At(slot) = slot;
  }
}

ProvenFiles::ProvenFiles() : start_(std::chrono::steady_clock::now()) {}

std::int64_t ProvenFiles::Minute() const {
  const auto passed = std::chrono::steady_clock::now() - start_;
  return 1 + std::chrono::duration_cast<std::chrono::minutes>(passed).count();
}

void ProvenFiles::Clear() {
  shards_ = {};
  used_ = 0;
  start_ = std::chrono::steady_clock::now();
}

bool ProvenFiles::Holds(std::uint64_t key, base::Duration reuse) const {
  if (reuse <= base::Duration(0)) return false;
  key = Spread(key);
  const std::lock_guard lock(mutex_);
  Shard& shard = shards_[key % kShards];
  if (shard.used == 0) return false;
  const std::uint64_t slot = shard.At(key);
  const std::int64_t minute = Minute();
  const auto put = static_cast<std::int64_t>(slot & kMaxMinute);
  return put != 0 && minute <= kMaxMinute && std::chrono::minutes(minute - put + 1) <= reuse;
}

void ProvenFiles::Put(std::uint64_t key) {
  key = Spread(key);
  const std::lock_guard lock(mutex_);
  Shard& shard = shards_[key % kShards];
  const bool known = shard.used > 0 && shard.At(key) != 0;
  if (Minute() > kMaxMinute || (used_ >= kMaxFiles && !known)) Clear();
  shard.Grow();
  std::uint64_t& slot = shard.At(key);
  if (slot == 0) {
    ++shard.used;
    ++used_;
  }
  slot = (key & ~static_cast<std::uint64_t>(kMaxMinute)) | static_cast<std::uint64_t>(Minute());
}

}  // namespace drwatch::catalog
