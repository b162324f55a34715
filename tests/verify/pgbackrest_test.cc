// The texts and block maps of pgBackRest, made to deceive.
#include <gtest/gtest.h>

#include <random>

#include "base/digest.h"
#include "base/strings.h"
#include "verify/pgbackrest_block_map.h"
#include "verify/pgbackrest_info.h"
#include "verify/pgbackrest_ini.h"
#include "verify/pgbackrest_manifest.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// As backup.info of pgBackRest 2.45 begins and ends.
constexpr std::string_view kArchiveInfo = R"([backrest]
backrest-format=5
backrest-version="2.45"

[db]
db-id=1
db-system-id=7710681104129229196
db-version="15"

[db:history]
1={"db-id":7710681104129229196,"db-version":"15"}

[backrest]
backrest-checksum="f4acdd6da1b0ef210186dbb725bd806f636a6368"
)";

template <typename Read>
auto With(std::string_view text, const Read& read) {
  MemorySource source(text);
  Reader reader(source);
  return read(reader);
}
Walked<PgBackRestInfo> InfoOf(std::string_view text) { return With(text, ReadPgBackRestInfo); }
// The files of a manifest.
Walked<std::vector<PgBackRestFile>> ManifestOf(std::string_view text) {
  std::vector<PgBackRestFile> files;
  const auto read = With(text, [&files](Reader& reader) {
    return ReadPgBackRestManifest(reader, [&](PgBackRestFile& file) { files.push_back(file); });
  });
  if (!read) return tl::unexpected(read.error());
  EXPECT_EQ(read->files, static_cast<std::int64_t>(files.size()));
  return files;
}

// A text with the checksum that fits it: only its values can be wrong.
std::string Sealed(const std::vector<std::array<std::string, 3>>& lines) {
  std::string json, text, section;
  for (const auto& [in, key, value] : lines) {
    if (in != section) {
      json += (section.empty() ? "{\"" : "},\"") + in + "\":{";
      text += "\n[" + in + "]\n";
      section = in;
    } else {
      json += ",";
    }
    json += base::Quote(key) + ":" + value;
    text += key + "=" + value + "\n";
  }
  const std::string sha1 =
      base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha1, json + "}}"));
  return text + "\n[backrest]\nbackrest-checksum=\"" + sha1 + "\"\n";
}

TEST(PgBackRestTest, ReadsARealText) {
  const auto info = InfoOf(kArchiveInfo);
  ASSERT_TRUE(info) << info.error().message;
  ASSERT_EQ(info->databases.size(), 1u);
  EXPECT_EQ(info->databases[0].system_identifier, 7710681104129229196u);
  EXPECT_EQ(info->databases[0].ArchiveName(), "15-1");
}

TEST(PgBackRestTest, EveryChangeOfATextShows) {
  for (std::size_t i = 0; i < kArchiveInfo.size(); ++i) {
    std::string text(kArchiveInfo);
    text[i] = static_cast<char>(text[i] ^ 1);
    EXPECT_FALSE(InfoOf(text)) << i << ": " << text[i];
    // The last line feed says nothing.
    if (i + 1 < kArchiveInfo.size()) {
      EXPECT_FALSE(InfoOf(kArchiveInfo.substr(0, i))) << i;
    }
  }
  EXPECT_EQ(InfoOf("").error().reason, Reason::kIncomplete);
  EXPECT_EQ(InfoOf("Salted__abc").error().reason, Reason::kUnverified);
  EXPECT_EQ(InfoOf("PGBR006_Salted__abc").error().reason, Reason::kUnverified);
  EXPECT_EQ(InfoOf("<html>").error().reason, Reason::kCorrupt);
}

TEST(PgBackRestTest, LinesHaveALimit) {
  const std::string text = "[a]\nb=\"" + std::string(kMaxIniLineBytes, 'x') + "\"\n";
  EXPECT_EQ(InfoOf(text).error().reason, Reason::kLimit);
}

TEST(PgBackRestTest, RefusesValuesOfOtherKinds) {
  const std::string label = "20260101-010000F";
  const auto backup = [&](const std::string& key, const std::string& value) {
    return InfoOf(Sealed({{"backup:current", key, value}}));
  };
  const std::string good = R"({"backup-type":"full","backup-timestamp-stop":1700000000,"db-id":1})";
  ASSERT_TRUE(backup(label, good));
  EXPECT_FALSE(backup("../../etc", good));
  EXPECT_FALSE(backup(label + "/x", good));
  for (const char* const bad :
       {"{}", "[]", "1", "\"x\"", "{", R"({"backup-type":"other","backup-timestamp-stop":1})",
        R"({"backup-type":"full"})", R"({"backup-type":"full","backup-timestamp-stop":-5})",
        R"({"backup-type":"full","backup-timestamp-stop":1,"backup-prior":"../x"})",
        R"({"backup-type":"full","backup-timestamp-stop":1,"backup-reference":["../x"]})",
        R"({"backup-type":"full","backup-timestamp-stop":1,"backup-reference":{"a":1}})"}) {
    EXPECT_FALSE(backup(label, bad)) << bad;
  }
  // A time behind the year 9999 is a time, not an overflow.
  EXPECT_TRUE(
      backup(label, R"({"backup-type":"full","backup-timestamp-stop":9223372036854775807})"));
  const std::string deep = "{\"a\":" + std::string(200'000, '[');
  EXPECT_FALSE(backup(label, deep + std::string(200'000, ']') + "}"));
  EXPECT_FALSE(InfoOf(Sealed({{"db:history", "x", "{}"}})));
  EXPECT_FALSE(InfoOf(Sealed({{"db:history", "1", R"({"db-id":1,"db-version":"../.."})"}})));
}

std::vector<std::array<std::string, 3>> ManifestWith(const std::string& name,
                                                     const std::string& value) {
  return {{"backup", "backup-label", "\"20260101-010000F\""},
          {"backup:option", "option-compress-type", "\"lz4\""},
          {"target:file", name, value}};
}

TEST(PgBackRestTest, QuotesNoMoreThanFits) {
  const std::string much(100'000, '\xff');
  const auto info = InfoOf(Sealed({{"backup:current", much, "{}"}}));
  ASSERT_FALSE(info);
  EXPECT_LT(info.error().message.size(), 1000u);
  const auto manifest = ManifestOf(
      Sealed({{"backup", "backup-label", "\"x\""},
              {"backup:option", "option-compress-type", "\"" + std::string(100'000, 'x') + "\""}}));
  ASSERT_FALSE(manifest);
  EXPECT_LT(manifest.error().message.size(), 1000u);
}

TEST(PgBackRestTest, RefusesFilesThatLeadElsewhere) {
  const std::string good = R"({"checksum":"0123456789012345678901234567890123456789","size":5})";
  ASSERT_TRUE(ManifestOf(Sealed(ManifestWith("pg_data/a=b", good))));
  EXPECT_EQ(ManifestOf(Sealed(ManifestWith("pg_data/a=b", good)))->at(0).name, "pg_data/a=b");
  for (const char* const name :
       {"/etc/passwd", "../x", "pg_data/../../x", "pg_data//x", "pg_data/"}) {
    EXPECT_FALSE(ManifestOf(Sealed(ManifestWith(name, good)))) << name;
  }
  for (const char* const bad :
       {"{}", "[]", R"({"size":-1})", R"({"size":5})", R"({"size":18446744073709551615})",
        R"({"size":0,"reference":"../x"})", R"({"size":0,"bi":1,"bim":10})",
        R"({"size":0,"repo-size":10,"bim":5})",
        R"({"size":0,"bni":1,"bno":9223372036854775807,"repo-size":1})",
        R"({"size":0,"bi":9223372036854775807,"bim":0})"}) {
    EXPECT_FALSE(ManifestOf(Sealed(ManifestWith("pg_data/x", bad)))) << bad;
  }
  auto unknown = ManifestWith("pg_data/x", good);
  unknown[1][2] = "\"newest\"";
  EXPECT_EQ(ManifestOf(Sealed(unknown)).error().outcome, Outcome::kUnjudged);
  auto nameless = ManifestWith("pg_data/x", good);
  nameless[0][1] = "backup-other";
  EXPECT_FALSE(ManifestOf(Sealed(nameless)));
}

PgBackRestFile BlockFile(std::int64_t size) {
  PgBackRestFile file;
  file.size = size;
  file.block_bytes = 8192;
  file.block_checksum_bytes = 6;
  return file;
}

// From a backup that pgBackRest 2.45 made: bundle 1, three blocks in one super block.
constexpr std::string_view kMap(
    "\x00\x07\x01\xdd\xc0\xa0\x01\xab\x08\x06\xb3\x05\x9a\x46\x53\xf8\xb3\x05\x9a\x46\x53\xf8\x46"
    "\x81\x0f\x56\xc1\xf7",
    28);

TEST(PgBackRestTest, ReadsARealBlockMap) {
  const auto extents = ReadBlockMap(kMap, BlockFile(24576), 1);
  ASSERT_TRUE(extents) << extents.error().message;
  ASSERT_EQ(extents->size(), 1u);
  EXPECT_EQ((*extents)[0].bundle, 1);
  EXPECT_EQ((*extents)[0].begin, 2629725);
  EXPECT_EQ((*extents)[0].end, 2629725 + 161 - 28);
}

TEST(PgBackRestTest, BlockMapsFitTheirFile) {
  for (std::size_t i = 0; i < kMap.size(); ++i) {
    EXPECT_FALSE(ReadBlockMap(kMap.substr(0, i), BlockFile(24576), 1)) << i;
  }
  EXPECT_FALSE(ReadBlockMap(std::string(kMap) + "x", BlockFile(24576), 1));
  EXPECT_FALSE(ReadBlockMap(kMap, BlockFile(16384), 1));
  EXPECT_FALSE(ReadBlockMap(kMap, BlockFile(32768), 1));
  EXPECT_FALSE(ReadBlockMap(kMap, BlockFile(24576), 0));
  PgBackRestFile tiny = BlockFile(24576);
  tiny.block_checksum_bytes = 1;
  EXPECT_FALSE(ReadBlockMap(kMap, tiny, 1));
  // One block, which is larger than any file.
  PgBackRestFile huge = BlockFile(1);
  huge.block_bytes = std::int64_t{1} << 62;
  EXPECT_FALSE(ReadBlockMap(std::string_view("\x00\x01\x29sha-1.", 9), huge, 1));
  EXPECT_TRUE(ReadBlockMap(std::string_view("\x00\x01\x29sha-1.", 9), BlockFile(1), 1));
}

TEST(PgBackRestTest, HostileBlockMapsDoNoHarm) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string map(random() % 60, '\0');
    for (char& c : map) c = static_cast<char>(random());
    if (!map.empty() && round % 2 == 0) map[0] = 0;
    if (round % 3 == 0) {
      map = kMap;
      for (int i = 0; i < 3; ++i) map[random() % map.size()] = static_cast<char>(random());
    }
    const auto extents = ReadBlockMap(map, BlockFile(24576), 1 + random() % 3);
    if (!extents) continue;
    for (const BlockExtent& extent : *extents) EXPECT_LT(extent.begin, extent.end);
  }
}

TEST(PgBackRestTest, HostileTextsDoNoHarm) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(kArchiveInfo);
    for (int i = 0; i < 3; ++i) {
      const std::size_t at = random() % text.size();
      text.replace(at, random() % 8, std::string(random() % 4, static_cast<char>(random())));
    }
    InfoOf(text);
    ManifestOf(text);
  }
}

}  // namespace
}  // namespace drwatch::verify
