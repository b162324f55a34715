#include "verify/file_verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/digest.h"
#include "base/strings.h"
#include "samples.h"
#include "support/temp_dir.h"

namespace drwatch::verify {
namespace {

constexpr std::size_t kPieceBytes = 1000;

// Hands out pieces, and notes how many bytes had gone out when the rest was to be hashed only.
class NotingSource final : public Source {
 public:
  NotingSource(std::string_view bytes, DigestTee* tee, std::size_t& only_hashed_from)
      : bytes_(bytes), tee_(tee), only_hashed_from_(only_hashed_from) {}

  Walked<std::string_view> Next() override {
    const std::string_view piece = bytes_.substr(at_, kPieceBytes);
    at_ += piece.size();
    if (tee_ != nullptr) tee_->Update(piece);
    return piece;
  }
  void OnlyHash() override { only_hashed_from_ = std::min(only_hashed_from_, at_); }

 private:
  const std::string_view bytes_;
  DigestTee* const tee_;
  std::size_t& only_hashed_from_;
  std::size_t at_ = 0;
};

class FileVerifierTest : public ::testing::Test {
 protected:
  FileVerifierTest() {
    const std::string digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content_);
    folder_.Write("SHA256SUMS", base::Hex(digest) + "  file\n");
  }

  Verdict Verify(const Walker& walker) {
    const Opener open = [&](DigestTee* tee) -> Walked<OpenedFile> {
      return OpenedFile{std::make_unique<NotingSource>(content_, tee, only_hashed_from_),
                        static_cast<std::int64_t>(content_.size())};
    };
    ReadBudget budget{{}};
    return VerifyStream(open, "", Checksums(folder_.path() + "/file"), budget, walker);
  }

  const std::string content_ = Noise(10 * kPieceBytes);
  const testing::TempDir folder_;
  std::size_t only_hashed_from_ = std::string::npos;
};

TEST_F(FileVerifierTest, WhatNoFormatNeedsIsOnlyHashed) {
  const Verdict verdict = Verify([](Reader& reader) -> Walked<Walk> {
    if (auto head = reader.Peek(1); !head) return tl::unexpected(head.error());
    Walk walk;
    walk.level = Level::kSize;
    return walk;
  });
  EXPECT_EQ(verdict.checksum, ChecksumState::kMatched);
  EXPECT_EQ(only_hashed_from_, kPieceBytes);
}

TEST_F(FileVerifierTest, WhatAFormatNeedsIsNotOnlyHashed) {
  const Verdict verdict = Verify([](Reader& reader) -> Walked<Walk> {
    if (auto all = reader.Skip(10 * kPieceBytes, "it"); !all) return tl::unexpected(all.error());
    return Walk{};
  });
  EXPECT_EQ(verdict.checksum, ChecksumState::kMatched);
  EXPECT_GE(only_hashed_from_, content_.size());
}

}  // namespace
}  // namespace drwatch::verify
