#include "verify/digest_lanes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "verify/parallel.h"
#include "verify/sha_wide.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;

std::string RandomText(std::mt19937& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// Lengths around those where padding, blocks and turns change.
std::size_t RandomLength(std::mt19937& random) {
  constexpr std::array<std::size_t, 4> kAround = {0, 64, 128, 16 << 10};
  switch (random() % 3) {
    case 0:
      return kAround[random() % kAround.size()] + random() % 66;
    case 1:
      return random() % 1000;
    default:
      return random() % (200 << 10);
  }
}

void UpdateInPieces(StreamDigest& digest, std::string_view text, std::mt19937& random) {
  while (!text.empty()) {
    const std::size_t piece = std::min(text.size(), 1 + RandomLength(random));
    digest.Update(text.substr(0, piece));
    text.remove_prefix(piece);
  }
}

// Each of so many lanes hashes texts of its own.
void HashInLanes(unsigned seed, std::size_t lanes) {
  unsigned number = 0;
  DigestLanes().Run(lanes, [&](DigestLane& lane) {
    std::mt19937 random(seed * 16 + number++);
    for (std::size_t text_count = random() % 8; text_count > 0; --text_count) {
      constexpr std::array kAlgorithms = {DigestAlgorithm::kSha1, DigestAlgorithm::kSha256,
                                          DigestAlgorithm::kMd5};
      const DigestAlgorithm algorithm = kAlgorithms[random() % kAlgorithms.size()];
      const std::string text = RandomText(random, RandomLength(random));
      StreamDigest digest(algorithm, &lane);
      UpdateInPieces(digest, text, random);
      EXPECT_EQ(base::Hex(digest.Finish()), base::Hex(base::ComputeDigest(algorithm, text)))
          << "seed " << seed << ", " << text.size() << " bytes";
    }
  });
  EXPECT_EQ(number, lanes);
}

using HashFunction = void (*)(ShaKind, std::span<const ShaStream>, std::size_t);

// Of one to kShaStreams messages.
void ExpectOpenSslsDigests(HashFunction hash) {
  std::mt19937 random(7);
  for (const auto& [kind, algorithm] : {std::pair(ShaKind::kSha1, DigestAlgorithm::kSha1),
                                        std::pair(ShaKind::kSha256, DigestAlgorithm::kSha256)}) {
    for (std::size_t count = 1; count <= kShaStreams; ++count) {
      constexpr std::size_t kBytes = 5 * kShaBlockBytes;
      std::vector<std::string> texts;
      std::array<ShaState, kShaStreams> states;
      std::vector<ShaStream> streams;
      for (std::size_t i = 0; i < count; ++i) {
        // With the end that makes the last block a digest's last one.
        std::string text = RandomText(random, kBytes - kShaBlockBytes);
        texts.push_back(text);
      }
      for (std::size_t i = 0; i < count; ++i) {
        std::string& text = texts[i];
        const std::string expected = base::ComputeDigest(algorithm, text);
        const std::size_t bits = text.size() * 8;
        text += '\x80';
        text.append(kShaBlockBytes - 3, '\0');
        text += static_cast<char>(bits >> 8);
        text += static_cast<char>(bits & 0xff);
        states[i] = ShaStart(kind);
        streams.push_back({&states[i], text.data()});
        texts.push_back(expected);
      }
      hash(kind, streams, kBytes / kShaBlockBytes);
      for (std::size_t i = 0; i < count; ++i) {
        std::string found;
        for (const std::uint32_t word : states[i]) {
          for (int shift = 24; shift >= 0; shift -= 8) found += static_cast<char>(word >> shift);
        }
        const std::string& expected = texts[count + i];
        EXPECT_EQ(base::Hex(found.substr(0, expected.size())), base::Hex(expected))
            << count << " messages, number " << i;
      }
    }
  }
}

TEST(ShaBlocksTest, HashesSeveralMessagesAsOpenSslHashesEach) {
  if (HasShaInstructions()) ExpectOpenSslsDigests(HashBlocks);
  // Which may not be what the one above does.
  if (HasWideSha()) ExpectOpenSslsDigests(HashBlocksWide);
}

TEST(DigestLanesTest, HashesAsOpenSslWhoeverElseHashes) {
  if (!HasShaInstructions()) return;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    HashInLanes(seed, 1 + seed % DigestLanes::kMaxLanes);
  }
}

TEST(DigestLanesTest, TheyTakeTurns) {
  if (!HasShaInstructions()) return;
  constexpr int kRounds = 50;
  const std::string text(64 << 10, 'x');
  std::vector<int> order;
  int number = 0;
  DigestLanes().Run(DigestLanes::kMaxLanes, [&](DigestLane& lane) {
    const int self = number++;
    StreamDigest digest(DigestAlgorithm::kSha1, &lane);
    for (int round = 0; round < kRounds; ++round) {
      order.push_back(self);
      digest.Update(text);
    }
  });
  ASSERT_EQ(order.size(), kRounds * DigestLanes::kMaxLanes);
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(order[i], static_cast<int>(i % DigestLanes::kMaxLanes));
  }
}

TEST(DigestLanesTest, NobodyWaitsForThoseWhoLeft) {
  if (!HasShaInstructions()) return;
  std::size_t number = 0;
  DigestLanes().Run(DigestLanes::kMaxLanes, [&](DigestLane& lane) {
    const std::size_t self = number++;
    if (self % 2 == 0) return;  // hashes nothing
    const std::string text(100'000 * self, 'y');
    StreamDigest digest(DigestAlgorithm::kSha256, &lane);
    digest.Update(text);
    if (self == 1) return;  // stops before its end
    EXPECT_EQ(digest.Finish(), base::ComputeDigest(DigestAlgorithm::kSha256, text));
  });
  EXPECT_EQ(number, DigestLanes::kMaxLanes);
}

TEST(DigestLanesTest, ALaneMayHaveLanes) {
  if (!HasShaInstructions()) return;
  int done = 0;
  DigestLanes().Run(2, [&](DigestLane& outer) {
    const std::string text(3'000'000, 'o');
    StreamDigest digest(DigestAlgorithm::kSha1, &outer);
    digest.Update(text);
    HashInLanes(5, 3);
    digest.Update(text);
    EXPECT_EQ(digest.Finish(), base::ComputeDigest(DigestAlgorithm::kSha1, text + text));
    ++done;
  });
  EXPECT_EQ(done, 2);
}

// Of 100 parts, with what each thread reads.
struct Done {
  std::set<std::size_t> parts;
  std::set<const ReadBudget*> budgets;
  std::int64_t bytes_read = 0;
  bool in_lanes = false;
};
Done DoParts(const VerifyOptions& options, std::size_t stop_at = SIZE_MAX) {
  Done done;
  std::mutex mutex;
  ReadBudget whole(options);
  ForEachPart(100, whole, [&](std::size_t index, ReadBudget& budget) {
    EXPECT_TRUE(budget.Spend(10));
    StreamDigest digest(DigestAlgorithm::kSha1, budget.lane());
    digest.Update(std::string(20 << 10, 'z'));
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(done.parts.insert(index).second);
    done.budgets.insert(&budget);
    if (budget.lane() != nullptr) done.in_lanes = true;
    return index != stop_at;
  });
  done.bytes_read = whole.bytes_read();
  return done;
}

TEST(ParallelTest, EachPartIsDoneOnce) {
  for (const int jobs : {0, 1, 3}) {
    for (const int streams : {0, 1, 4, 9}) {
      VerifyOptions options;
      options.jobs = jobs;
      options.streams = streams;
      const Done done = DoParts(options);
      EXPECT_EQ(done.parts.size(), 100);
      EXPECT_EQ(done.bytes_read, 1000);
      EXPECT_EQ(done.in_lanes, streams > 1 && HasShaInstructions());
      EXPECT_LE(done.budgets.size(), PartsAtATime(options));
    }
  }
}

TEST(ParallelTest, ARateIsNotSharedByTurns) {
  VerifyOptions options;
  options.jobs = 2;
  options.streams = 4;
  options.read_rate_bytes = 1 << 30;
  const Done done = DoParts(options);
  EXPECT_FALSE(done.in_lanes);
  EXPECT_EQ(PartsAtATime(options), 2);
  EXPECT_EQ(done.bytes_read, 1000);
}

TEST(ParallelTest, TellsHowLongTheLongestWaited) {
  VerifyOptions options;
  options.jobs = 2;
  options.read_rate_bytes = 100'000;
  std::atomic<std::int64_t> paced{0};
  options.paced = &paced;
  ReadBudget whole(options);
  // Each thread may read 50 000 bytes a second: one waits 0.1 s and the other twice that.
  std::atomic<std::size_t> begun{0};
  ForEachPart(2, whole, [&begun](std::size_t index, ReadBudget& budget) {
    ++begun;
    while (begun < 2) std::this_thread::yield();  // one each
    return budget.Spend(index == 0 ? 5'000 : 10'000).has_value();
  });
  EXPECT_EQ(whole.bytes_read(), 15'000);
  EXPECT_EQ(paced, whole.paced().count());
  EXPECT_GE(paced, 90'000'000);
}

TEST(ParallelTest, NoneIsBegunAfterAStop) {
  // With several jobs others may do any number of parts before the one that stops ends.
  VerifyOptions options;
  options.streams = 4;
  const Done done = DoParts(options, 3);
  EXPECT_TRUE(done.parts.contains(3));
  EXPECT_LT(done.parts.size(), 3 + 1 + PartsAtATime(options) * 2);
}

TEST(ParallelTest, NothingIsDoneOfNothing) {
  ReadBudget whole((VerifyOptions()));
  ForEachPart(0, whole, [](std::size_t, ReadBudget&) {
    ADD_FAILURE();
    return true;
  });
}

}  // namespace
}  // namespace drwatch::verify
