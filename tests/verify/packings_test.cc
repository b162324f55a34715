// Packings that backup programs use and dumps seldom have: brotli, lzma, snappy. The samples were
// made by the packings' own programs (testdata/verify/make_packed.sh).
#include <gtest/gtest.h>

#include "samples.h"
#include "verify/decoder.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string Packed(const std::string& ending) { return Sample("packed/plain.sql" + ending); }

TEST(PackingsTest, UnpacksWhatTheirProgramsMade) {
  for (const auto& [ending, name, level] :
       {std::tuple(".br", "brotli", Level::kFormat), std::tuple(".lzma", "lzma", Level::kFormat),
        std::tuple(".snappy", "snappy", Level::kContent)}) {
    const Verdict verdict = WalkBytes(Packed(ending), std::string("plain.sql") + ending);
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << ending << ": " << verdict.message;
    EXPECT_EQ(verdict.level, level) << ending;
    EXPECT_TRUE(verdict.format.ends_with(std::string(" in ") + name)) << verdict.format;
  }
}

TEST(PackingsTest, BrotliWindowsBeyondTheStandardHaveALimit) {
  std::string bytes = Sample("packed/large.sql.br");
  const Verdict verdict = WalkBytes(bytes, "large.sql.br");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_TRUE(verdict.format.ends_with(" in brotli")) << verdict.format;
  bytes[1] = static_cast<char>((bytes[1] & 0xC0) | 28);
  const Verdict huge = WalkBytes(bytes, "large.sql.br");
  EXPECT_EQ(huge.outcome, Outcome::kUnjudged);
  EXPECT_EQ(huge.reason, Reason::kLimit);
}

TEST(PackingsTest, SeesEveryTruncation) {
  for (const std::string ending : {".br", ".lzma", ".snappy"}) {
    const std::string bytes = Packed(ending);
    for (std::size_t size = 1; size < bytes.size(); size += size < 100 ? 1 : 97) {
      const Verdict verdict = WalkBytes(bytes.substr(0, size), "plain.sql" + ending);
      EXPECT_NE(verdict.outcome, Outcome::kIntact) << ending << " of " << size << " bytes";
    }
    const Verdict last = WalkBytes(bytes.substr(0, bytes.size() - 1), "plain.sql" + ending);
    EXPECT_EQ(last.outcome, Outcome::kBroken) << ending;
    EXPECT_EQ(last.reason, Reason::kIncomplete) << ending << ": " << last.message;
    const Verdict longer = WalkBytes(bytes + "junk", "plain.sql" + ending);
    EXPECT_EQ(longer.outcome, Outcome::kBroken) << ending;
  }
}

// What a packed stream unpacks to, as far as it is sound.
std::pair<std::string, bool> UnpackSnappy(std::string_view packed) {
  MemorySource source(packed);
  Reader reader(source);
  const auto decoder = MakeDecoder(Compression::kSnappy, reader);
  std::string unpacked;
  while (true) {
    const auto bytes = decoder->Next();
    if (!bytes || bytes->empty()) return {unpacked, bytes.has_value()};
    unpacked += *bytes;
  }
}

TEST(PackingsTest, SnappyChecksumsSeeEveryFlippedBit) {
  const std::string bytes = Packed(".snappy");
  for (std::size_t at = 0; at < bytes.size(); at += at < 300 ? 1 : 13) {
    const auto [unpacked, whole] = UnpackSnappy(Flipped(bytes, at, static_cast<int>(at % 8)));
    // A copy may come from another place where the same stands.
    EXPECT_TRUE(!whole || unpacked == Sample("plain.sql")) << "byte " << at;
  }
}

TEST(PackingsTest, HostileSnappyStaysWithinItsBlocks) {
  const std::string begin("\xff\x06\x00\x00sNaPpY", 10);
  const std::string sum(4, '\0');
  const auto chunk = [&](const std::string& block) {
    const std::size_t size = block.size() + 4;
    const std::string length = {static_cast<char>(size), static_cast<char>(size >> 8), '\0'};
    return begin + std::string(1, '\0') + length + sum + block;
  };
  for (const std::string& block :
       {std::string("\xff\xff\xff\xff\x0f\x00", 6),      // 4 GiB of it
        std::string("\x05\x01\x00", 3),                  // a copy from before the start
        std::string("\x05\xfc\xff\xff\xff\x7f", 6),      // a literal of 2 GiB
        std::string("\x80\x80\x80\x80\x80\x80\x01", 7),  // a length without end
        std::string("\x01\x00"
                    "ab",
                    4)}) {  // more than it says
    const Verdict verdict = WalkBytes(chunk(block), "x.snappy");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken);
    EXPECT_NE(verdict.message.find("damaged block"), std::string::npos) << verdict.message;
  }
}

TEST(PackingsTest, NamesTellOnlyWhereThereIsNoMagicNumber) {
  EXPECT_EQ(DetectCompression("anything", "x.br"), Compression::kBrotli);
  EXPECT_EQ(DetectCompression("anything", "x.lzma"), Compression::kLzma);
  EXPECT_EQ(DetectCompression("anything", "x.gz"), std::nullopt);
  EXPECT_EQ(DetectCompression("\x1f\x8b\x08", "x.br"), Compression::kGzip);
  // An error page under such a name is one.
  const Verdict page = WalkBytes("<html><body>no</body></html>", "x.br");
  EXPECT_EQ(page.reason, Reason::kWrongFormat);
}

}  // namespace
}  // namespace drwatch::verify
