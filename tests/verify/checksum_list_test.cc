#include "verify/checksum_list.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/strings.h"
#include "samples.h"
#include "verify/blake2b.h"

namespace drwatch::verify {
namespace {

using base::DigestAlgorithm;
using model::Reason;

std::string HexOf(DigestAlgorithm algorithm, std::string_view bytes) {
  return base::Hex(base::ComputeDigest(algorithm, bytes));
}
std::string Sha256(std::string_view bytes) { return HexOf(DigestAlgorithm::kSha256, bytes); }

TEST(ChecksumListTest, ReadsEveryFormOfALine) {
  const std::string hex = Sha256("x");
  const auto name_of = [](const std::string& text) {
    const ChecksumList list = ParseChecksumList(text);
    return list.entries.size() == 1 ? list.entries[0].name : "none of " + text;
  };
  EXPECT_EQ(name_of(hex + "  text file\n"), "text file");
  EXPECT_EQ(name_of(hex + " *binary\n"), "binary");
  EXPECT_EQ(name_of(hex + "  ./here\n"), "here");
  EXPECT_EQ(name_of(hex + "  crlf\r\n"), "crlf");
  EXPECT_EQ(name_of(hex + "\ttab\n"), "tab");
  EXPECT_EQ(name_of(" \t" + hex + "  indented\n"), "indented");
  EXPECT_EQ(name_of("  \\SHA256 (a\\nb) = " + hex), "a\nb");
  EXPECT_EQ(name_of(base::Lower(hex) + "\n"), "");
  EXPECT_EQ(name_of("\\" + hex + "  a\\nb\\\\c\n"), "a\nb\\c");
  EXPECT_EQ(name_of(hex + "  zero\nended" + std::string(1, '\0')), "zero\nended");
  EXPECT_EQ(name_of("SHA256 (a (1).txt) = " + hex + "\n"), "a (1).txt");
  EXPECT_EQ(name_of("SHA3-256 (x) = " + hex), "none of SHA3-256 (x) = " + hex);
  EXPECT_EQ(name_of("\\SHA256 (a\\nb (c).txt) = " + hex), "a\nb (c).txt");
  // openssl dgst: of version 1 and 3, and of its standard input.
  EXPECT_EQ(name_of("SHA256(a (1).txt)= " + hex + "\n"), "a (1).txt");
  EXPECT_EQ(name_of("SHA2-256(a b)= " + hex + "\n"), "a b");
  EXPECT_EQ(name_of("(stdin)= " + hex + "\n"), "stdin");
  EXPECT_EQ(ParseChecksumList("# comment\n\n" + hex + "  a\n" + "garbage\n").bad_lines, 1);
  EXPECT_EQ(ParseChecksumList("MD5 (x) = " + hex).bad_lines, 1);
}

TEST(ChecksumListTest, AByteOrderMarkIsNoPartOfADigest) {
  const ChecksumList list = ParseChecksumList("\xef\xbb\xbf" + std::string(64, 'a') + "  x\r\n");
  ASSERT_EQ(list.entries.size(), 1u);
  EXPECT_EQ(list.entries[0].name, "x");
}

TEST(ChecksumListTest, TellsTheAlgorithm) {
  for (const DigestAlgorithm algorithm :
       {DigestAlgorithm::kMd5, DigestAlgorithm::kSha1, DigestAlgorithm::kSha224,
        DigestAlgorithm::kSha256, DigestAlgorithm::kSha384, DigestAlgorithm::kSha512}) {
    const ChecksumList list = ParseChecksumList(HexOf(algorithm, "x") + "  f\n");
    ASSERT_EQ(list.entries.size(), 1u);
    EXPECT_EQ(list.entries[0].algorithm, algorithm);
  }
  const std::string blake = HexOf(DigestAlgorithm::kBlake2b512, "x") + "  f\n";
  // Of 512 bits only the list's name or a tag tells.
  for (const auto& hint : {std::optional<DigestAlgorithm>(), {DigestAlgorithm::kSha256}}) {
    EXPECT_EQ(ParseChecksumList(blake, hint).entries.at(0).algorithm, DigestAlgorithm::kSha512);
    EXPECT_TRUE(ParseChecksumList(blake, hint).entries.at(0).guessed);
  }
  for (const auto hint : {DigestAlgorithm::kBlake2b512, DigestAlgorithm::kSha512}) {
    EXPECT_EQ(ParseChecksumList(blake, hint).entries.at(0).algorithm, hint);
    EXPECT_FALSE(ParseChecksumList(blake, hint).entries.at(0).guessed);
  }
  const std::string plain = blake.substr(0, 128);
  for (const std::string tag : {"BLAKE2b (f) = ", "BLAKE2B-512(f)= "}) {
    EXPECT_EQ(ParseChecksumList(tag + plain).entries.at(0).algorithm, DigestAlgorithm::kBlake2b512);
    EXPECT_FALSE(ParseChecksumList(tag + plain).entries.at(0).guessed);
  }
  EXPECT_FALSE(ParseChecksumList("SHA512 (f) = " + plain).entries.at(0).guessed);
  EXPECT_TRUE(ParseChecksumList("(stdin)= " + plain).entries.at(0).guessed);
  EXPECT_TRUE(ParseChecksumList(Sha256("x") + "  f\n").entries.at(0).guessed);
  EXPECT_FALSE(
      ParseChecksumList(Sha256("x") + "  f\n", DigestAlgorithm::kSha256).entries.at(0).guessed);
  EXPECT_FALSE(
      ParseChecksumList(HexOf(DigestAlgorithm::kMd5, "x") + "  f\n").entries.at(0).guessed);
}

TEST(ChecksumListTest, Blake2bMayBeOfAnyLength) {
  const std::string plain = HexOf(DigestAlgorithm::kBlake2b512, "x");
  for (const std::size_t digits : {2, 32, 40, 64, 66, 96, 128}) {
    const std::string hex = plain.substr(0, digits);
    const std::string tag = "BLAKE2b-" + std::to_string(4 * digits) + " (f) = ";
    for (const ChecksumList& list : {ParseChecksumList(hex + "  f\n", DigestAlgorithm::kBlake2b512),
                                     ParseChecksumList(tag + hex)}) {
      ASSERT_EQ(list.entries.size(), 1u) << digits;
      EXPECT_EQ(list.entries[0].algorithm, DigestAlgorithm::kBlake2b512);
      EXPECT_EQ(list.entries[0].digest.size(), digits / 2);
      EXPECT_FALSE(list.entries[0].guessed);
    }
  }
  for (const std::string& hex : {plain + "00", plain.substr(0, 63)}) {
    EXPECT_EQ(ParseChecksumList(hex + "  f\n", DigestAlgorithm::kBlake2b512).bad_lines, 1);
  }
  EXPECT_EQ(ParseChecksumList("BLAKE2b-1024 (f) = " + plain + plain).bad_lines, 1);
  for (const char* tag : {"BLAKE2b-256", "BLAKE2b-0", "BLAKE2b-", "BLAKE2b-12", "BLAKE2s-512"}) {
    EXPECT_EQ(ParseChecksumList(tag + (" (f) = " + plain)).bad_lines, 1) << tag;
  }
}

TEST(ChecksumListTest, TellsNamesOfSidecarsAndLists) {
  EXPECT_EQ(ParseChecksumFileName("x.dump.sha256")->target, "x.dump");
  EXPECT_EQ(ParseChecksumFileName("x.MD5")->target, "x");
  EXPECT_EQ(ParseChecksumFileName("x.sha512sum")->algorithm, DigestAlgorithm::kSha512);
  for (const char* sidecar : {"x.b2", "x.b2sum", "x.b2sums", "x.B2SUMS"}) {
    ASSERT_TRUE(ParseChecksumFileName(sidecar)) << sidecar;
    EXPECT_EQ(ParseChecksumFileName(sidecar)->target, "x");
    EXPECT_EQ(ParseChecksumFileName(sidecar)->algorithm, DigestAlgorithm::kBlake2b512);
  }
  for (const char* list :
       {"SHA256SUMS", "MD5SUMS", "sha1sum.txt", "B2SUMS", "checksums.txt", "b2.sums", "b2sums.txt",
        "sha256.sum", "SHASUMS256.txt", "SHASUMS", "shasums512", "SHA256", "sha256.txt", "MD5.TXT",
        "checksum", "CHECKSUM.txt"}) {
    ASSERT_TRUE(ParseChecksumFileName(list)) << list;
    EXPECT_EQ(ParseChecksumFileName(list)->target, "") << list;
  }
  EXPECT_EQ(ParseChecksumFileName("SHASUMS256.txt")->algorithm, DigestAlgorithm::kSha256);
  EXPECT_EQ(ParseChecksumFileName("SHASUMS.txt")->algorithm, std::nullopt);
  for (const char* sidecar : {"x.dump.sha256.txt", "x.dump.SHA256SUM.txt"}) {
    ASSERT_TRUE(ParseChecksumFileName(sidecar)) << sidecar;
    EXPECT_EQ(ParseChecksumFileName(sidecar)->target, "x.dump");
    EXPECT_EQ(ParseChecksumFileName(sidecar)->algorithm, DigestAlgorithm::kSha256);
  }
  for (const char* other :
       {"x.dump", ".sha256", "SHA256SUMS.gz", "md5", "x.sums", "b2", "B2", "sums", "b2.tar",
        "b2.txt", "txt", ".txt", "x.txt", "shasums3", "b.tar", "1"}) {
    EXPECT_FALSE(ParseChecksumFileName(other)) << other;
  }
}

TEST(ChecksumFileTest, ASidecarThatHoldsNoChecksumIsTold) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.bin", "content");
  folder.Write("x.bin.sha256", "");
  folder.Write("y.bin.sha256", "");
  EXPECT_EQ(VerifyPath(path, {}).details,
            std::vector<std::string>{"x.bin.sha256 holds no checksum"});
}

TEST(ChecksumFileTest, SidecarProvesAndDisproves) {
  const testing::TempDir folder;
  const std::string path = folder.Write("x.bin", "content");
  EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kUnjudged);
  folder.Write("x.bin.sha256", Sha256("content") + "  elsewhere/x.bin\n");
  Verdict verdict = VerifyPath(path, {});
  EXPECT_EQ(verdict.outcome, Outcome::kIntact);
  EXPECT_EQ(verdict.level, Level::kChecksum);
  EXPECT_EQ(verdict.checksum, ChecksumState::kMatched);
  folder.Write("x.bin", "changed");
  verdict = VerifyPath(path, {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kCorrupt);
  EXPECT_EQ(verdict.checksum, ChecksumState::kMismatched);
  EXPECT_EQ(verdict.message, "sha256 differs from the one in \"x.bin.sha256\"");
}

// "b2sum * > checksums.txt": 512 bits, as SHA-512 has them, and nothing says whose.
TEST(ChecksumFileTest, DigestsOf512BitsAreTriedAsBoth) {
  for (const DigestAlgorithm algorithm : {DigestAlgorithm::kSha512, DigestAlgorithm::kBlake2b512}) {
    const testing::TempDir folder;
    folder.Write("a", "A");
    folder.Write("b", "B");
    const std::string list =
        folder.Write("checksums.txt", HexOf(algorithm, "A") + "  a\n" + HexOf(algorithm, "B") +
                                          " *b\n" + Sha256("B") + "  b\n");
    for (const std::string& path : {list, folder.Path("a"), folder.Path("b"), folder.path()}) {
      const Verdict verdict = VerifyPath(path, {});
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << path << ": " << verdict.ToString();
      EXPECT_EQ(verdict.checksum, ChecksumState::kMatched) << path;
    }
    folder.Write("a", "a");
    const Verdict changed = VerifyPath(folder.Path("a"), {});
    EXPECT_EQ(changed.outcome, Outcome::kBroken);
    EXPECT_EQ(changed.message,
              "none of its digests (sha512, blake2b, sha3-512) is the one in \"checksums.txt\"");
    EXPECT_EQ(VerifyPath(list, {}).place, "a");
    // The other list of a file that is right in one of them speaks, too.
    folder.Write("b.sha256", Sha256("b"));
    EXPECT_EQ(VerifyPath(folder.Path("b"), {}).message,
              "sha256 differs from the one in \"b.sha256\"");
    // Whose name says which it is means that one.
    const bool blake = algorithm == DigestAlgorithm::kBlake2b512;
    folder.Write("c", "C");
    folder.Write(blake ? "c.sha512" : "c.b2", HexOf(algorithm, "C") + "  c\n");
    EXPECT_EQ(VerifyPath(folder.Path("c"), {}).outcome, Outcome::kBroken);
    folder.Write(blake ? "d.b2sum" : "d.sha512sum", HexOf(algorithm, "D") + "  d\n");
    folder.Write("d", "D");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).checksum, ChecksumState::kMatched);
  }
}

// Runs a program of the field; what it writes.
std::string OutputOf(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), got);
  }
  return output;
}

TEST(ChecksumFileTest, DigestsThatLookLikeSha2AreTriedAsTheOthersOfTheirLength) {
  const std::string content = Noise(1000);
  for (const char* tool :
       {"b2sum -l 160", "b2sum -l 224", "b2sum -l 256", "b2sum -l 384", "b2sum", "sha256sum",
        "sha1sum", "openssl dgst -r -sha512-256", "openssl dgst -r -sha3-256",
        "openssl dgst -r -sha3-384", "openssl dgst -r -blake2s256", "openssl dgst -r -rmd160",
        "openssl dgst -r -sm3"}) {
    const testing::TempDir folder;
    folder.Write("a", content);
    folder.Write("empty.txt", "");
    const std::string list = OutputOf("cd " + folder.path() + " && " + tool + " a");
    ASSERT_GT(list.size(), 40u) << tool;
    folder.Write("checksums.txt", list);
    const Verdict whole = VerifyPath(folder.Path("a"), {});
    EXPECT_EQ(whole.outcome, Outcome::kIntact) << tool << ": " << whole.ToString();
    EXPECT_EQ(whole.checksum, ChecksumState::kMatched) << tool;
    EXPECT_EQ(VerifyPath(folder.Path("checksums.txt"), {}).outcome, Outcome::kIntact) << tool;
    folder.Write("a", Flipped(content, 700));
    const Verdict changed = VerifyPath(folder.Path("a"), {});
    EXPECT_EQ(changed.outcome, Outcome::kBroken) << tool;
    EXPECT_EQ(changed.reason, Reason::kCorrupt) << tool;
    EXPECT_NE(changed.message.find("none of its digests ("), std::string::npos) << tool;
  }
}

TEST(ChecksumFileTest, ShorterBlake2bIsSaidByTheListsName) {
  const std::string content = Noise(100'000);
  const auto bytes = static_cast<std::int64_t>(content.size());
  for (const char* options : {"-l 8", "-l 160", "-l 256", "-l 384 --tag", "-l 504", "-l 512"}) {
    const testing::TempDir folder;
    folder.Write("a", content);
    const std::string list = OutputOf("cd " + folder.path() + " && b2sum " + options + " a");
    for (const char* name : {"B2SUMS", "a.b2"}) {
      folder.Write(name, list);
      const Verdict whole = VerifyPath(folder.Path("a"), {});
      EXPECT_EQ(whole.outcome, Outcome::kIntact) << options << ": " << whole.ToString();
      EXPECT_EQ(whole.checksum, ChecksumState::kMatched) << options;
      EXPECT_EQ(whole.bytes_read, bytes) << options;
      folder.Write("a", Flipped(content, 700));
      EXPECT_EQ(VerifyPath(folder.Path("a"), {}).reason, Reason::kCorrupt) << options;
      folder.Write("a", content);
      std::filesystem::remove(folder.Path(name));
    }
  }
  const testing::TempDir folder;
  folder.Write("a", content);
  folder.Write("B2SUMS", Sha256(content) + "  a\n");
  EXPECT_EQ(VerifyPath(folder.Path("a"), {}).message,
            "blake2b-256 differs from the one in \"B2SUMS\"");
}

// A name that says the algorithm means that one, and nothing is read twice where the guess is
// right.
TEST(ChecksumFileTest, OnlyWhatDoesNotFitIsReadAgain) {
  const testing::TempDir folder;
  const std::string content = Noise(100'000);
  const std::string path = folder.Write("a", content);
  const auto bytes = static_cast<std::int64_t>(content.size());
  folder.Write("checksums.txt", Sha256(content) + "  a\n");
  EXPECT_EQ(VerifyPath(path, {}).bytes_read, bytes);
  folder.Write("checksums.txt", OutputOf("cd " + folder.path() + " && b2sum -l 256 a"));
  EXPECT_EQ(VerifyPath(path, {}).bytes_read, 2 * bytes);
  std::filesystem::rename(folder.Path("checksums.txt"), folder.Path("SHA256SUMS"));
  const Verdict named = VerifyPath(path, {});
  EXPECT_EQ(named.outcome, Outcome::kBroken);
  EXPECT_EQ(named.message, "sha256 differs from the one in \"SHA256SUMS\"");
}

TEST(Blake2bTest, MatchesTheRfcHoweverTheBytesArrive) {
  EXPECT_EQ(base::Hex(base::ComputeDigest(DigestAlgorithm::kBlake2b512, "abc")).substr(0, 8),
            "ba80a53f");
  for (const std::size_t size : {0, 1, 127, 128, 129, 256, 1000}) {
    const std::string bytes = Noise(size);
    for (const std::size_t piece : {1, 63, 128, 1000}) {
      Blake2b blake(Blake2b::kMaxDigestBytes);
      for (std::size_t at = 0; at < size; at += piece) {
        blake.Update(std::string_view(bytes).substr(at, piece));
      }
      EXPECT_EQ(blake.Finish(), base::ComputeDigest(DigestAlgorithm::kBlake2b512, bytes))
          << size << " in pieces of " << piece;
    }
  }
  Blake2b shorter(32);
  shorter.Update("abc");
  EXPECT_EQ(base::Hex(shorter.Finish()),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(ChecksumFileTest, AFoldersListsAreReadOnceForManyArtefacts) {
  const testing::TempDir folder;
  const std::string path = folder.Write("a.bin", "data");
  folder.Write("SHA256SUMS",
               base::Hex(base::ComputeDigest(DigestAlgorithm::kSha256, "data")) + "  a.bin\n");
  ChecksumFolders folders;
  EXPECT_EQ(VerifyPath(path, {}, folders).level, Level::kChecksum);
  std::filesystem::remove(folder.Path("SHA256SUMS"));
  EXPECT_EQ(VerifyPath(path, {}, folders).level, Level::kChecksum);
  // Those that were asked for last are kept.
  for (const char* other : {"/b", "/c", "/d"}) {
    folders.Of(folder.path() + other);
    EXPECT_EQ(folders.Of(folder.path()), folders.Of(folder.path()));
  }
  EXPECT_EQ(VerifyPath(path, {}, folders).level, Level::kChecksum);
  EXPECT_EQ(VerifyPath(path, {}).level, Level::kSize);
}

TEST(ChecksumFileTest, ListIsVerifiedFileByFile) {
  const testing::TempDir folder;
  folder.Write("a", "A");
  folder.Write("sub/b", "B");
  const std::string list =
      folder.Write("SHA256SUMS", Sha256("A") + "  a\n" + Sha256("B") + "  sub/b\n");
  Verdict verdict = VerifyPath(list, {});
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  folder.Write("sub/b", "b");
  verdict = VerifyPath(list, {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.place, "sub/b");
  std::filesystem::remove(folder.Path("sub/b"));
  verdict = VerifyPath(list, {});
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_NE(verdict.message.find("missing"), std::string::npos);
  EXPECT_EQ(VerifyPath(folder.Write("MD5SUMS", "not a list\n"), {}).outcome, Outcome::kUnjudged);
}

// `sha256sum shop.sql > shop.sql.gz.sha256`
TEST(ChecksumFileTest, ASidecarMayBeOfTheUnpackedBytes) {
  const std::string content = Noise(100'000);
  const testing::TempDir folder;
  const std::string path = folder.Write("d/shop.sql.gz", Gzip(content));
  const auto bytes = static_cast<std::int64_t>(Gzip(content).size());
  const std::string list = folder.Write("d/shop.sql.gz.sha256", Sha256(content) + "  shop.sql\n");
  for (const std::string& one : {path, folder.Path("d"), list}) {
    const Verdict verdict = VerifyPath(one, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << one << ": " << verdict.ToString();
    EXPECT_EQ(verdict.checksum, ChecksumState::kMatched) << one;
    EXPECT_EQ(verdict.level, Level::kContent) << one;
    EXPECT_EQ(verdict.bytes_read, 2 * bytes) << one;
  }
  EXPECT_EQ(VerifyPath(path, {}).details, std::vector<std::string>{kOfUnpackedText});
  EXPECT_EQ(VerifyPath(list, {}).details,
            std::vector<std::string>{"1 of them packed: " + std::string(kOfUnpackedText)});
  // Of neither.
  folder.Write("d/shop.sql.gz", Gzip(content + "x"));
  EXPECT_EQ(VerifyPath(path, {}).message, "sha256 differs from the one in \"shop.sql.gz.sha256\"");
  // What is not packed is not read again.
  folder.Write("d/shop.sql.gz", content + "x");
  std::filesystem::rename(path, folder.Path("d/shop.sql"));
  std::filesystem::rename(list, folder.Path("d/shop.sql.sha256"));
  const Verdict plain = VerifyPath(folder.Path("d/shop.sql"), {});
  EXPECT_EQ(plain.checksum, ChecksumState::kMismatched);
  EXPECT_EQ(plain.bytes_read, static_cast<std::int64_t>(content.size()) + 1);
}

// `sha256sum *.sql > SHA256SUMS; gzip *.sql`
TEST(ChecksumFileTest, AListMayNameWhatIsPackedNow) {
  const std::string content = Noise(50'000);
  const std::string tar = Tar({{"a", content}});
  const testing::TempDir folder;
  const std::string path = folder.Write("d/shop.sql.gz", Gzip(content));
  folder.Write("d/sub/base.tgz", Gzip(tar));
  const std::string list = folder.Write(
      "d/SHA256SUMS", Sha256(content) + "  shop.sql\n" + Sha256(tar) + "  sub/base.tar\n");
  for (const std::string& one : {path, folder.Path("d"), list}) {
    const Verdict verdict = VerifyPath(one, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << one << ": " << verdict.ToString();
    EXPECT_EQ(verdict.checksum, ChecksumState::kMatched) << one;
    EXPECT_EQ(verdict.level, Level::kContent) << one;
  }
  // It may be about another one of that name, which is gone.
  folder.Write("d/shop.sql.gz", Gzip(content + "x"));
  EXPECT_EQ(VerifyPath(path, {}).outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyPath(path, {}).checksum, ChecksumState::kNone);
  for (const std::string& one : {folder.Path("d"), list}) {
    const Verdict verdict = VerifyPath(one, {});
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << one;
    EXPECT_EQ(verdict.place, "shop.sql") << one;
  }
  EXPECT_EQ(
      VerifyPath(list, {}).message,
      "\"SHA256SUMS\" names it, but it is missing, and \"shop.sql.gz\" does not unpack to it");
}

// Damage inside is none of the list's.
TEST(ChecksumFileTest, WhatIsBrokenInsideIsNotUnpackedAgain) {
  const std::string dump = Sample("plain.sql").substr(0, 3000);
  const testing::TempDir folder;
  const std::string path = folder.Write("shop.sql.gz", Gzip(dump));
  folder.Write("shop.sql.gz.sha256", Sha256(dump) + "  shop.sql\n");
  const Verdict verdict = VerifyPath(path, {});
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_EQ(verdict.bytes_read, static_cast<std::int64_t>(Gzip(dump).size()));
  EXPECT_EQ(verdict.details.back(), "sha256 differs from the one in \"shop.sql.gz.sha256\"");
}

TEST(ChecksumFileTest, TheOneLineOfASidecarMayNameItsFile) {
  for (const char* sidecar : {"shop.sha256", "backup.sha256", "shop.dump.sha256"}) {
    const testing::TempDir folder;
    folder.Write("d/shop.dump", "content");
    std::filesystem::create_directory(folder.Path("d/shop"));  // no file that it could mean
    const std::string list =
        folder.Write(std::string("d/") + sidecar, Sha256("content") + "  shop.dump\n");
    for (const char* path : {"d", "d/shop.dump"}) {
      const Verdict verdict = VerifyPath(folder.Path(path), {});
      EXPECT_EQ(verdict.outcome, Outcome::kIntact) << sidecar << ": " << verdict.ToString();
      EXPECT_EQ(verdict.checksum, ChecksumState::kMatched) << sidecar;
    }
    EXPECT_EQ(VerifyPath(list, {}).outcome, Outcome::kIntact) << sidecar;
    folder.Write("d/shop.dump", "Content");
    for (const char* path : {"d", "d/shop.dump"}) {
      EXPECT_EQ(VerifyPath(folder.Path(path), {}).reason, Reason::kCorrupt) << sidecar;
    }
    std::filesystem::remove(folder.Path("d/shop.dump"));
    folder.Write("d/other.bin", "x");
    EXPECT_EQ(VerifyPath(folder.Path("d"), {}).place, "shop.dump") << sidecar;
  }
}

TEST(ChecksumFileTest, ASidecarIsAboutItsOwnFileIfThatIsThere) {
  // Renamed, and the next one has its old name.
  const testing::TempDir folder;
  folder.Write("shop-1.dump", "old");
  folder.Write("shop-1.dump.sha256", Sha256("old") + "  shop.dump\n");
  folder.Write("shop.dump", "new");
  EXPECT_EQ(VerifyPath(folder.Path("shop-1.dump"), {}).checksum, ChecksumState::kMatched);
  EXPECT_EQ(VerifyPath(folder.Path("shop.dump"), {}).checksum, ChecksumState::kNone);
  // Neither is there, and the line may be about a file of anywhere.
  folder.Write("d/gone.dump.sha256", Sha256("old") + "  /var/backups/old.dump\n");
  folder.Write("d/a.bin", "x");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).place, "gone.dump");
  folder.Write("d/gone.dump.sha256", Sha256("old") + "  -\n");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).place, "gone.dump");
}

TEST(ChecksumFileTest, NamesAreThoseOfTheFilesThatAreThere) {
  const testing::TempDir folder;
  folder.Write("d/sub/a", "A");
  // As programs of Windows write it; a name may hold a backslash, too.
  folder.Write("d/SHA256SUMS", Sha256("A") + " *sub\\a\n");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).checksum, ChecksumState::kMatched);
  folder.Write("d/sub\\a", "B");
  EXPECT_EQ(VerifyPath(folder.Path("d"), {}).place, "sub\\a");
  // "sha256sum * > SHA256SUMS" lists the list before anything is in it.
  folder.Write("e/a", "A");
  const std::string list =
      folder.Write("e/SHA256SUMS", Sha256("") + "  SHA256SUMS\n" + Sha256("A") + "  a\n");
  EXPECT_EQ(VerifyPath(list, {}).outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyPath(folder.Path("e"), {}).outcome, Outcome::kIntact);
}

// Of the file's lines with another end, and of the bits that its text spells.
TEST(ChecksumFileTest, DigestsOfAFileReadAsSomethingElseSayNothing) {
  for (const char* option : {"-U", "-0"}) {
    const testing::TempDir folder;
    folder.Write("d/a", "0101\r\n");
    const std::string list =
        OutputOf("cd " + folder.Path("d") + " && shasum -a 256 " + option + " a");
    ASSERT_GT(list.size(), 64u) << option;
    folder.Write("d/SHA256SUMS", list);
    const Verdict verdict = VerifyPath(folder.Path("d"), {});
    EXPECT_EQ(verdict.outcome, Outcome::kUnjudged) << option << ": " << verdict.ToString();
    EXPECT_EQ(verdict.checksum, ChecksumState::kNone);
  }
}

TEST(ChecksumFileTest, AbsoluteNamesInTheListsOwnFolder) {
  const testing::TempDir folder;
  folder.Write("d/a", "A");
  folder.Write("d/sub/b", "B");
  folder.Write("elsewhere", "C");
  std::filesystem::create_directory_symlink(folder.Path("d"), folder.Path("link"));
  const std::string list =
      folder.Write("d/SHA256SUMS", Sha256("A") + "  " + folder.Path("d/a") + "\n" + Sha256("B") +
                                       "  " + folder.Path("d//sub/b") + "\n" + Sha256("C") + "  " +
                                       folder.Path("elsewhere") + "\n");
  const std::string by_link = folder.Path("link/SHA256SUMS");
  for (const std::string& path : {list, by_link}) {
    const Verdict verdict = VerifyPath(path, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
    EXPECT_EQ(verdict.checksum, ChecksumState::kMatched);
  }
  const Verdict whole = VerifyPath(folder.Path("d"), {});
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
  folder.Write("d/sub/b", "b");
  for (const std::string& path : {list, by_link, folder.Path("d"), folder.Path("d/")}) {
    const Verdict verdict = VerifyPath(path, {});
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << path << ": " << verdict.ToString();
    EXPECT_EQ(verdict.place, "sub/b") << path;
    EXPECT_EQ(verdict.checksum, ChecksumState::kMismatched);
  }
  std::filesystem::remove(folder.Path("d/sub/b"));
  EXPECT_EQ(VerifyPath(by_link, {}).place, "sub/b");
  folder.Write("d/sub/b", "B");
  folder.Write("elsewhere", "c");
  EXPECT_EQ(VerifyPath(list, {}).place, folder.Path("elsewhere"));
}

TEST(ChecksumFileTest, RaisesTheLevelOfAFormatWithoutChecksums) {
  const testing::TempDir folder;
  const std::string dump = Sample("custom-z0.dump");
  const std::string path = folder.Write("x.dump", dump);
  EXPECT_EQ(VerifyPath(path, {}).level, Level::kFormat);
  folder.Write("x.dump.md5", HexOf(DigestAlgorithm::kMd5, dump) + "\n");
  EXPECT_EQ(VerifyPath(path, {}).level, Level::kContent);
  // One flipped byte of data: the format cannot see it, the checksum does.
  folder.Write("x.dump", Flipped(dump, dump.size() - 3000));
  EXPECT_EQ(VerifyPath(path, {}).reason, Reason::kCorrupt);
}

TEST(ChecksumFileTest, TellsWhetherItWasBrokenBeforeItWasStored) {
  const testing::TempDir folder;
  const std::string cut = Sample("custom.dump").substr(0, 8000);
  const std::string path = folder.Write("x.dump", cut);
  folder.Write("SHA256SUMS", Sha256(cut) + "  x.dump\n");
  const Verdict stored = VerifyPath(path, {});
  EXPECT_EQ(stored.reason, Reason::kIncomplete);
  EXPECT_EQ(stored.details.at(0), "its checksum is right: it was stored like this");
  folder.Write("SHA256SUMS", Sha256(Sample("custom.dump")) + "  x.dump\n");
  const Verdict changed = VerifyPath(path, {});
  EXPECT_EQ(changed.reason, Reason::kIncomplete);
  EXPECT_EQ(changed.checksum, ChecksumState::kMismatched);
}

}  // namespace
}  // namespace drwatch::verify
