#include "catalog/proven_files.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_set>

namespace drwatch::catalog {
namespace {

using std::chrono_literals::operator""h;

TEST(ProvenFilesTest, HoldsWhatWasPut) {
  ProvenFiles proven;
  std::unordered_set<std::uint64_t> keys;
  std::mt19937_64 random(1);
  // Hashes, and numbers that differ in little.
  for (std::uint64_t i = 0; i < 20'000; ++i) keys.insert(i % 2 == 0 ? random() : i << 20);
  for (const std::uint64_t key : keys) {
    EXPECT_FALSE(proven.Holds(key, 1h));
    proven.Put(key);
    proven.Put(key);
  }
  for (const std::uint64_t key : keys) EXPECT_TRUE(proven.Holds(key, 1h));
  for (int i = 0; i < 20'000; ++i) EXPECT_FALSE(proven.Holds(random(), 1h));
  EXPECT_TRUE(proven.Holds(*keys.begin(), base::Duration::max()));
  EXPECT_FALSE(proven.Holds(*keys.begin(), base::Duration(0)));
  EXPECT_FALSE(proven.Holds(*keys.begin(), base::Duration(999))) << "minutes count whole";
}

TEST(ProvenFilesTest, StartsAnewWhenItIsFull) {
  ProvenFiles proven;
  for (std::uint64_t key = 1; key <= ProvenFiles::kMaxFiles; ++key) proven.Put(key);
  proven.Put(1);
  EXPECT_TRUE(proven.Holds(1, 1h));
  EXPECT_TRUE(proven.Holds(ProvenFiles::kMaxFiles, 1h));
  proven.Put(ProvenFiles::kMaxFiles + 1);
  EXPECT_TRUE(proven.Holds(ProvenFiles::kMaxFiles + 1, 1h));
  EXPECT_FALSE(proven.Holds(1, 1h));
}

}  // namespace
}  // namespace drwatch::catalog
