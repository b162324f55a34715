#include "verify/decoder.h"

#include <bzlib.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zstd.h>

#include <cstdlib>
#include <memory>

#include "piece_source.h"
#include "samples.h"
#include "verify/crc.h"
#include "verify/inflate.h"
#include "verify/xxh32.h"

namespace drwatch::verify {
namespace {

using model::Reason;

struct Unpacked {
  std::string bytes;
  std::optional<Fault> fault;
  bool checked = false;
};
Unpacked Unpack(Compression compression, std::string_view packed, std::size_t piece = 1 << 20) {
  PieceSource source(packed, piece);
  Reader reader(source);
  const auto decoder = MakeDecoder(compression, reader);
  Unpacked result;
  while (true) {
    auto bytes = decoder->Next();
    if (!bytes) result.fault = bytes.error();
    if (!bytes || bytes->empty()) break;
    result.bytes += *bytes;
  }
  result.checked = decoder->checked();
  return result;
}

std::string Zstd(std::string_view bytes, int checksum = 1) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size()));
  ZSTD_freeCCtx(context);
  return out;
}
std::string Lz4(std::string_view bytes,
                LZ4F_contentChecksum_t checksum = LZ4F_contentChecksumEnabled) {
  LZ4F_preferences_t options{};
  options.frameInfo.contentChecksumFlag = checksum;
  std::string out(LZ4F_compressFrameBound(bytes.size(), &options), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &options));
  return out;
}
std::string Xz(std::string_view bytes, lzma_check check = LZMA_CHECK_CRC64) {
  std::string out(lzma_stream_buffer_bound(bytes.size()), '\0');
  std::size_t size = 0;
  lzma_easy_buffer_encode(3, check, nullptr, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          bytes.size(), reinterpret_cast<std::uint8_t*>(out.data()), &size,
                          out.size());
  out.resize(size);
  return out;
}
std::string Bzip2(std::string_view bytes) {
  std::string out(bytes.size() * 2 + 1000, '\0');
  auto size = static_cast<unsigned>(out.size());
  BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(bytes.data()),
                           static_cast<unsigned>(bytes.size()), 9, 0, 0);
  out.resize(size);
  return out;
}

struct Case {
  Compression compression;
  std::string (*pack)(std::string_view);
};
class DecoderTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    All, DecoderTest,
    ::testing::Values(Case{Compression::kGzip, Gzip},
                      Case{Compression::kZstd, [](std::string_view b) { return Zstd(b); }},
                      Case{Compression::kLz4, [](std::string_view b) { return Lz4(b); }},
                      Case{Compression::kXz, [](std::string_view b) { return Xz(b); }},
                      Case{Compression::kBzip2, Bzip2}),
    [](const auto& each) { return std::string(CompressionName(each.param.compression)); });

TEST_P(DecoderTest, UnpacksWhateverTheSizeOfThePieces) {
  const std::string bytes = Noise(30'000);
  const std::string packed = GetParam().pack(bytes);
  ASSERT_EQ(DetectCompression(packed), GetParam().compression);
  for (const std::size_t piece : {1, 2, 3, 7, 100, 4096, 1 << 20}) {
    const Unpacked result = Unpack(GetParam().compression, packed, piece);
    EXPECT_FALSE(result.fault) << piece;
    EXPECT_TRUE(result.bytes == bytes) << piece;
    EXPECT_TRUE(result.checked);
  }
}

TEST_P(DecoderTest, UnpacksSeveralMembersInARow) {
  const std::string packed =
      GetParam().pack("first ") + GetParam().pack("") + GetParam().pack("last");
  for (const std::size_t piece : {1, 5, 1 << 20}) {
    const Unpacked result = Unpack(GetParam().compression, packed, piece);
    EXPECT_FALSE(result.fault) << (result.fault ? result.fault->message : "");
    EXPECT_EQ(result.bytes, "first last");
  }
}

TEST_P(DecoderTest, EveryTruncationIsIncomplete) {
  const std::string packed = GetParam().pack(Noise(3000));
  for (std::size_t size = 1; size < packed.size(); ++size) {
    const Unpacked result = Unpack(GetParam().compression, packed.substr(0, size));
    ASSERT_TRUE(result.fault) << size << " of " << packed.size();
    EXPECT_EQ(result.fault->outcome, Outcome::kBroken);
    EXPECT_EQ(result.fault->reason, Reason::kIncomplete) << size << ": " << result.fault->message;
  }
}

TEST_P(DecoderTest, NoFlippedBitGivesOtherBytes) {
  const std::string bytes = Noise(2000);
  const std::string packed = GetParam().pack(bytes);
  for (std::size_t at = 0; at < packed.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      const Unpacked result = Unpack(GetParam().compression, Flipped(packed, at, bit));
      // Bits that say nothing about the content (a time, the name of a system) may change; and a
      // checksum's own flag, which the decoder then says.
      if (!result.fault && result.checked) {
        EXPECT_TRUE(result.bytes == bytes) << at << "." << bit;
      }
    }
  }
}

TEST_P(DecoderTest, JunkAfterTheEndIsBroken) {
  const std::string packed = GetParam().pack("content");
  for (const std::string& junk : {std::string("junk"), std::string(600, 'x')}) {
    const Unpacked result = Unpack(GetParam().compression, packed + junk);
    ASSERT_TRUE(result.fault);
    EXPECT_EQ(result.fault->outcome, Outcome::kBroken);
  }
}

TEST(GzipTest, ZerosAfterTheLastMemberAreAccepted) {
  for (const std::size_t zeros : {1, 3, 512, 700'000}) {
    const Unpacked result = Unpack(Compression::kGzip, Gzip("x") + std::string(zeros, '\0'), 4096);
    EXPECT_FALSE(result.fault);
    EXPECT_EQ(result.bytes, "x");
  }
}

// ISA-L then gives back more than it got in that call.
TEST(GzipTest, PlacesOfFaultsLieInTheFileWhateverWasReadAhead) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(i * i) + " and ";
  const std::string packed = Gzip(text);
  for (std::size_t at = 10; at < packed.size(); ++at) {
    const Unpacked result = Unpack(Compression::kGzip, Flipped(packed, at), 1 + at % 13);
    ASSERT_TRUE(result.fault);
    ASSERT_EQ(result.fault->place.find("byte "), 0U);
    const std::string place = result.fault->place.substr(5);
    ASSERT_LE(place.size(), 5U) << place;
    ASSERT_LE(std::stoul(place), packed.size());
  }
}

TEST(GzipTest, FaultNamesThePlace) {
  const std::string packed = Gzip(Noise(100'000));
  const Unpacked cut = Unpack(Compression::kGzip, packed.substr(0, 12345));
  ASSERT_TRUE(cut.fault);
  EXPECT_EQ(cut.fault->place, "byte 12345");
  const Unpacked changed = Unpack(Compression::kGzip, Flipped(packed, packed.size() - 6));
  ASSERT_TRUE(changed.fault);
  EXPECT_EQ(changed.fault->message, "gzip checksum differs");
}

TEST(GzipTest, HeaderFieldsAreWalkedOver) {
  // Name, comment, extra field and header checksum, as RFC 1952 lays them out.
  std::string packed = Gzip("content");
  std::string header = packed.substr(0, 10);
  header[3] = 2 | 4 | 8 | 16;
  header += std::string(
                "\x03\x00"
                "abc",
                5) +
            std::string("name\0", 5) + std::string("note\0", 5);
  const std::uint32_t sum = Crc32(0, header);
  header += static_cast<char>(sum & 0xff);
  header += static_cast<char>(sum >> 8 & 0xff);
  for (const std::size_t piece : {1, 4, 4096}) {
    const Unpacked result = Unpack(Compression::kGzip, header + packed.substr(10), piece);
    EXPECT_FALSE(result.fault);
    EXPECT_EQ(result.bytes, "content");
  }
  // Every bit of it counts.
  for (std::size_t at = 4; at < header.size(); ++at) {
    EXPECT_TRUE(Unpack(Compression::kGzip, Flipped(header, at) + packed.substr(10)).fault) << at;
  }
  header[3] = static_cast<char>(0x88);
  EXPECT_TRUE(Unpack(Compression::kGzip, header + packed.substr(10)).fault);
}

TEST(GzipTest, NameWithoutEndIsNotReadForEver) {
  std::string packed = Gzip("content").substr(0, 10);
  packed[3] = 8;
  const Unpacked result = Unpack(Compression::kGzip, packed + std::string(4 << 20, 'n'));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->reason, Reason::kCorrupt);
}

TEST(ZlibTest, IsOneStreamAndNothingElse) {
  const std::string bytes = Noise(200'000);
  for (std::size_t piece : {1, 3, 100, 1 << 20}) {
    for (std::size_t junk = 0; junk < 12; ++junk) {
      const std::string packed = Deflated(bytes, 15) + std::string(junk, 'j');
      PieceSource source(packed, piece);
      Reader reader(source);
      Inflater inflater(Inflater::Wrapping::kZlib, 4096);
      ZlibDecoder decoder(reader, inflater);
      const auto size = Drain(decoder);
      ASSERT_EQ(size.has_value(), junk == 0) << piece << " " << junk;
      EXPECT_EQ(size.value_or(200'000), 200'000);
    }
  }
}

TEST(DecoderTest, StreamsWithoutChecksumSaySo) {
  EXPECT_FALSE(Unpack(Compression::kZstd, Zstd("content", 0)).checked);
  EXPECT_FALSE(Unpack(Compression::kLz4, Lz4("content", LZ4F_noContentChecksum)).checked);
  EXPECT_FALSE(Unpack(Compression::kXz, Xz("content", LZMA_CHECK_NONE)).checked);
}

TEST(DecoderTest, HugeZstdWindowIsALimitNotAnAllocation) {
  // A frame header that asks for a window of 2^31 bytes.
  const std::string frame("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  const Unpacked result = Unpack(Compression::kZstd, frame + std::string(100, '\0'));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->outcome, Outcome::kUnjudged);
  EXPECT_EQ(result.fault->reason, Reason::kLimit);
}

TEST(DecoderTest, ZstdWithADictionaryIsNotJudged) {
  // A frame header that names dictionary 42, and one raw block.
  const std::string frame("\x28\xb5\x2f\xfd\x01\x00\x2a\x09\x00\x00x", 11);
  const Unpacked result = Unpack(Compression::kZstd, frame);
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->outcome, Outcome::kUnjudged);
  EXPECT_EQ(result.fault->reason, Reason::kUnverified);
}

// What a program makes of a file. The programs are among those that scripts/install-packages
// brings.
std::string Made(const std::string& command, const std::string& bytes) {
  const testing::TempDir folder;
  folder.Write("in", bytes);
  const std::string run = "cd " + folder.path() + " && " + command + " >out 2>log";
  EXPECT_EQ(std::system(run.c_str()), 0) << testing::ReadTestFile(folder.Path("log"));
  return testing::ReadTestFile(folder.Path("out"));
}

TEST(DecoderTest, SkippableFramesStandBeforePzstdsOwn) {
  const std::string bytes = Noise(9 << 20);
  const std::string packed = Made("pzstd -q -p 2 -c in", bytes);
  ASSERT_EQ(packed.substr(1, 3), "\x2a\x4d\x18") << "pzstd begins with a skippable frame";
  EXPECT_EQ(DetectCompression(packed.substr(0, 1024)), Compression::kZstd);
  const Unpacked result = Unpack(Compression::kZstd, packed, 1000);
  EXPECT_FALSE(result.fault);
  EXPECT_TRUE(result.bytes == bytes);
  EXPECT_TRUE(result.checked);
  EXPECT_EQ(WalkBytes(packed, "x.zst").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(packed.substr(0, packed.size() - 1), "x.zst").reason, Reason::kIncomplete);
  // One before a frame of lz4, and one that is longer than what is looked at.
  const std::string skippable("\x5f\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(DetectCompression(skippable + Lz4("content")), Compression::kLz4);
  EXPECT_EQ(WalkBytes(skippable + Lz4(Noise(1000)), "x.lz4").outcome, Outcome::kIntact);
  const std::string endless("\x50\x2a\x4d\x18\xff\xff\xff\xff", 8);
  EXPECT_EQ(WalkBytes(endless + Noise(2000), "x.zst").outcome, Outcome::kBroken);
}

// Each kind of frame finds a flipped bit wherever it stands; the content's checksum is its own.
TEST(DecoderTest, Lz4ChecksumsOfEveryKindAreCompared) {
  const std::string bytes = Noise(200'000);
  const std::string content = Made("lz4 -q -c in", bytes);
  const std::string blocks = Made("lz4 -q -BX --no-frame-crc -c in", bytes);
  const std::string both = Made("lz4 -q -BX -c in", bytes);
  EXPECT_NE(content.substr(4, 1), both.substr(4, 1)) << "the flags differ";
  for (const std::string& packed : {content, blocks, both, content + both, both + content}) {
    const Unpacked whole = Unpack(Compression::kLz4, packed);
    ASSERT_FALSE(whole.fault) << whole.fault->message;
    EXPECT_TRUE(whole.checked);
    for (const std::size_t at : {packed.size() / 3, packed.size() - 5, packed.size() - 1}) {
      std::string damaged = packed;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      for (const std::size_t piece : {std::size_t{3}, packed.size()}) {
        const Unpacked result = Unpack(Compression::kLz4, damaged, piece);
        ASSERT_TRUE(result.fault) << at << " of " << packed.size();
        EXPECT_EQ(result.fault->outcome, Outcome::kBroken);
      }
    }
  }
}

TEST(DecoderTest, Xxh32IsTheOneOfTheSpecification) {
  const auto hash = [](std::string_view bytes, std::size_t piece) {
    Xxh32 sum;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      sum.Update(bytes.substr(0, piece));
    }
    return sum.Finish();
  };
  constexpr std::string_view kText = "Nobody inspects the spammish repetition";
  EXPECT_EQ(hash("", 1), 0x02cc5d05u);
  EXPECT_EQ(hash("a", 1), 0x550d7456u);
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(hash(kText, piece), 0xe2293b2fu);
}

TEST(DecoderTest, LegacyLz4) {
  const std::string bytes = Noise(20 << 20);  // three blocks
  const std::string packed = Made("lz4 -q -l -c in", bytes);
  EXPECT_EQ(DetectCompression(packed.substr(0, 1024)), Compression::kLz4);
  for (const std::size_t piece : {std::size_t{999}, packed.size()}) {
    const Unpacked result = Unpack(Compression::kLz4, packed, piece);
    ASSERT_FALSE(result.fault) << result.fault->message;
    EXPECT_TRUE(result.bytes == bytes);
    EXPECT_FALSE(result.checked);
  }
  // Another frame behind it, of either kind.
  EXPECT_TRUE(Unpack(Compression::kLz4, packed + packed).bytes == bytes + bytes);
  EXPECT_TRUE(Unpack(Compression::kLz4, packed + Lz4("more")).bytes == bytes + "more");
  const auto reason_of = [](const std::string& damaged) {
    const Unpacked result = Unpack(Compression::kLz4, damaged);
    return result.fault ? result.fault->reason : Reason::kNone;
  };
  EXPECT_EQ(reason_of(packed.substr(0, packed.size() - 1)), Reason::kIncomplete);
  EXPECT_EQ(reason_of(packed.substr(0, 6)), Reason::kIncomplete);
  EXPECT_EQ(reason_of(packed + std::string(4, '\0')), Reason::kCorrupt);
  EXPECT_EQ(reason_of(packed + packed.substr(4)), Reason::kCorrupt) << "behind a block not full";
  EXPECT_EQ(reason_of(packed.substr(0, 4) + "\xff\xff\xff\x7f"), Reason::kCorrupt);
  EXPECT_EQ(WalkBytes(packed.substr(0, 4), "x.lz4").reason, Reason::kTooSmall);
  EXPECT_EQ(WalkBytes(packed, "x.lz4").level, Level::kFormat);
}

TEST(DecoderTest, NamesTellCompressions) {
  EXPECT_EQ(CompressionOfName("x.TGZ"), Compression::kGzip);
  EXPECT_EQ(CompressionOfName("x.sql.zst"), Compression::kZstd);
  EXPECT_EQ(CompressionOfName("gz"), std::nullopt);
  EXPECT_EQ(DetectCompression("BZhello world"), std::nullopt);
}

}  // namespace
}  // namespace drwatch::verify
