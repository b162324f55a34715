#include "catalog/stored_checksum.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/s3_head.h"
#include "verify/crc.h"

namespace drwatch::catalog {
namespace {

constexpr std::string_view kBytes = "123456789";

// "" if nothing can be made again, else "name ok" or "name differs".
std::string Judge(const net::S3Head& head, std::int64_t part_bytes = 0,
                  std::string_view bytes = kBytes) {
  const auto checksum = StoredChecksum::Choose(head, part_bytes);
  if (checksum == nullptr) return "";
  // In odd pieces, across the bounds of parts.
  for (std::size_t i = 0; i < bytes.size(); i += 7) checksum->Update(bytes.substr(i, 7));
  return checksum->Name() + (checksum->Matches() ? " ok" : " differs");
}

net::S3Head Tagged(const std::string& etag) {
  net::S3Head head;
  head.etag = etag;
  return head;
}

net::S3Head Summed(const std::string& name, const std::string& base64) {
  net::S3Head head;
  head.checksums[name] = net::DecodeBase64(base64).value();
  return head;
}

TEST(StoredChecksumTest, MakesEtagsOfWholeUploads) {
  EXPECT_EQ(Judge(Tagged("25f9e794323b453885f5181f1b624d0b")), "ETag ok");
  EXPECT_EQ(Judge(Tagged("25f9e794323b453885f5181f1b624d0c")), "ETag differs");
  EXPECT_EQ(Judge(Tagged("D41D8CD98F00B204E9800998ECF8427E"), 0, ""), "ETag ok");
}

TEST(StoredChecksumTest, MakesEtagsOfParts) {
  EXPECT_EQ(Judge(Tagged("393e928fcf5925fcbd3a06aaf20b2d38-3"), 4), "ETag ok");
  EXPECT_EQ(Judge(Tagged("393e928fcf5925fcbd3a06aaf20b2d38-3"), 5), "ETag differs");
  EXPECT_EQ(Judge(Tagged("393e928fcf5925fcbd3a06aaf20b2d38-3")), "");
  EXPECT_EQ(Judge(Tagged("5927c5d64d94a5786f90003aa26d0159-1"), 9), "ETag ok");
}

TEST(StoredChecksumTest, KnowsEtagsThatSayNothingOfTheBytes) {
  net::S3Head head = Tagged("25f9e794323b453885f5181f1b624d0b");
  for (const char* encryption : {"aws:kms", "aws:kms:dsse", "customer"}) {
    head.encryption = encryption;
    EXPECT_EQ(Judge(head), "");
  }
  head.encryption = "AES256";
  EXPECT_EQ(Judge(head), "ETag ok");
  for (const char* etag : {"", "-", "xyz", "25f9e7", "25f9e794323b453885f5181f1b624d0b-0",
                           "25f9e794323b453885f5181f1b624d0b-x", "CIjBmLWW0YMDEAE="}) {
    EXPECT_EQ(Judge(Tagged(etag), 4), "") << etag;
  }
}

TEST(StoredChecksumTest, MakesTheChecksumsOfWholeObjects) {
  EXPECT_EQ(Judge(Summed("crc32", "y/Q5Jg==")), "crc32 ok");
  EXPECT_EQ(Judge(Summed("crc32c", "4waSgw==")), "crc32c ok");
  EXPECT_EQ(Judge(Summed("crc64nvme", "rosUhgp5mIg=")), "crc64nvme ok");
  EXPECT_EQ(Judge(Summed("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=")), "sha1 ok");
  EXPECT_EQ(Judge(Summed("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")), "sha256 ok");
  EXPECT_EQ(Judge(Summed("md5", "JfnnlDI7RTiF9RgfG2JNCw==")), "md5 ok");
  EXPECT_EQ(Judge(Summed("crc64nvme", "rosUhgp5mIk=")), "crc64nvme differs");
  EXPECT_EQ(Judge(Summed("sha3", "AAAA")), "");
}

TEST(StoredChecksumTest, MakesChecksumsOfChecksums) {
  net::S3Head head = Summed("sha256", "RWtJBRAdYQ9Y6rETLya5JMkap8fADJo5biSsdBWQ50E=");
  head.composite = true;
  EXPECT_EQ(Judge(head, 4), "sha256 ok");
  EXPECT_EQ(Judge(head), "");  // the parts are not known
  head = Summed("crc32", "+vEo6Q==");
  head.composite = true;
  EXPECT_EQ(Judge(head, 4), "crc32 ok");
}

TEST(StoredChecksumTest, FitsParts) {
  EXPECT_TRUE(PartsFit(9, 4, 3));
  EXPECT_TRUE(PartsFit(8, 4, 2));
  EXPECT_TRUE(PartsFit(0, 4, 1));
  EXPECT_FALSE(PartsFit(9, 5, 3));
  EXPECT_FALSE(PartsFit(9, 0, 3));
  EXPECT_EQ(PartsOfEtag("x-10"), 10);
  EXPECT_EQ(PartsOfEtag("x"), std::nullopt);
  EXPECT_EQ(PartsOfEtag("x-10001"), std::nullopt);
}

TEST(StoredChecksumTest, GuessesTheSizeOfParts) {
  constexpr std::int64_t kMiB = 1 << 20;
  const auto guess = [](std::int64_t size, int parts) {
    std::vector<std::int64_t> sizes;
    for (const std::int64_t bytes : GuessPartBytes(size, parts)) sizes.push_back(bytes / kMiB);
    return sizes;
  };
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(guess(100 * kMiB, 13), (Sizes{8}));
  EXPECT_EQ(guess(41 * kMiB, 9), (Sizes{5}));
  EXPECT_EQ(guess(20 * kMiB + 1, 2), (Sizes{16, 15, 11})) << "never more than three";
  EXPECT_EQ(guess(1000 * kMiB, 77), (Sizes{13})) << "the smallest that fits";
  EXPECT_EQ(guess(10'000 * 512 * kMiB, 10'000), (Sizes{512}));
  EXPECT_EQ(guess(9, 3), (Sizes{})) << "no program makes such parts";
  EXPECT_EQ(guess(100 * kMiB, 1), (Sizes{}));
  EXPECT_EQ(guess(0, 2), (Sizes{}));
}

TEST(StoredChecksumTest, OneOfTheGuessesHasToMatch) {
  const net::S3Head head = Tagged("393e928fcf5925fcbd3a06aaf20b2d38-3");  // of 1234, 5678 and 9
  const auto matches = [&head](const std::vector<std::int64_t>& guesses) {
    const auto checksum = StoredChecksum::Guess(head, guesses);
    checksum->Update("123456789");
    return checksum->Matches();
  };
  EXPECT_TRUE(matches({3, 4, 5}));
  EXPECT_FALSE(matches({3, 5}));
  EXPECT_EQ(StoredChecksum::Guess(head, {}), nullptr);
}

TEST(CrcTest, GoesOnWhereItStopped) {
  const std::string text(1000, 'a');
  std::uint64_t whole = verify::Crc64Nvme(0, text);
  std::uint64_t pieces = 0;
  for (std::size_t i = 0; i < text.size(); i += 13) {
    pieces = verify::Crc64Nvme(pieces, std::string_view(text).substr(i, 13));
  }
  EXPECT_EQ(whole, pieces);
  EXPECT_EQ(verify::Crc64Nvme(0, kBytes), 0xae8b14860a799888ULL);
  EXPECT_EQ(verify::Crc32(0, kBytes), 0xcbf43926U);
}

}  // namespace
}  // namespace drwatch::catalog
