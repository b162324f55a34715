#include "verify/tar.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;

class Names final : public TarVisitor {
 public:
  Walked<void> Begin(const TarMember& member) override {
    text += member.name + ":" + std::to_string(member.size) + " ";
    return {};
  }
  Walked<void> Data(std::string_view bytes) override {
    content += bytes;
    return {};
  }
  Walked<void> End() override { return {}; }
  std::string text;
  std::string content;
};

struct Result {
  std::string names;
  std::string content;
  std::optional<Fault> fault;
};
Result List(std::string_view bytes) {
  MemorySource source(bytes);
  Reader reader(source);
  Names names;
  Result result;
  if (auto walked = WalkTarMembers(reader, names); !walked) result.fault = walked.error();
  result.names = names.text;
  result.content = names.content;
  return result;
}

TEST(TarTest, ListsMembersOfEveryKind) {
  const std::string long_name(150, 'n');
  const std::string pax_name(300, 'p');
  const std::string record = "312 path=" + pax_name + "\n";
  ASSERT_EQ(record.size(), 310u);
  const Result result = List(Tar({{"plain", "abc"},
                                  {"folder/", "", '5'},
                                  {"link", "", '2'},
                                  {"name", "x", '0', "some/prefix"},
                                  {"././@LongLink", long_name + '\0', 'L'},
                                  {"cut", "yz", '0'},
                                  {"pax", "310" + record.substr(3), 'x'},
                                  {"short", std::string(1000, 'q'), '0'}}));
  EXPECT_FALSE(result.fault) << result.fault->message;
  EXPECT_EQ(result.names, "plain:3 folder/:0 link:0 some/prefix/name:1 " + long_name + ":2 " +
                              pax_name + ":1000 ");
  EXPECT_EQ(result.content, "abcxyz" + std::string(1000, 'q'));
}

std::string PaxRecord(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

TEST(TarTest, TheListOfAFolderInAPaxRecordIsItsContent) {
  const std::string list("Ya\0Nb\0\0", 7);
  const Result result = List(Tar({{"pax", PaxRecord("GNU.dumpdir", list), 'x'},
                                  {"folder/", "", '5'},
                                  {"folder/a", "x"},
                                  {"next/", "", '5'},
                                  {"pax", PaxRecord("GNU.dumpdir", list), 'x'},
                                  {"no folder", "y"},
                                  {"last/", "", '5'}}));
  EXPECT_FALSE(result.fault) << result.fault->message;
  EXPECT_EQ(result.names, "folder/:7 folder/a:1 next/:0 no folder:1 last/:0 ");
  EXPECT_EQ(result.content, list + "xy");
  std::string of_many_files;
  while (of_many_files.size() < 2 << 20) of_many_files += std::string("Nshop-20260410.dump\0", 20);
  const Result many =
      List(Tar({{"pax", PaxRecord("GNU.dumpdir", of_many_files), 'x'}, {"folder/", "", '5'}}));
  EXPECT_FALSE(many.fault) << many.fault->message;
  EXPECT_EQ(many.content, of_many_files);
}

TEST(TarTest, ReadsSizesInBase256AndFromPax) {
  std::string header = TarHeader({"big", "12345"});
  header.replace(124, 12, std::string_view("\x80\0\0\0\0\0\0\0\0\0\0\x05", 12));
  SetTarChecksum(header);
  std::string bytes = header + "12345";
  bytes.resize(1024);
  EXPECT_EQ(List(bytes + std::string(1024, '\0')).names, "big:5 ");
  const std::string pax = TarMemberBytes({"pax", "9 size=5\n", 'x'});
  std::string lying = TarHeader({"small", ""});
  EXPECT_EQ(
      List(pax + lying + std::string("12345").append(507, '\0') + std::string(1024, '\0')).names,
      "small:5 ");
}

TEST(TarTest, EveryTruncationIsIncomplete) {
  const std::string good = Tar({{"a", Noise(700)}, {"b", Noise(512)}, {"c", ""}});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Result result = List(good.substr(0, size));
    ASSERT_TRUE(result.fault) << size;
    EXPECT_EQ(result.fault->reason, Reason::kIncomplete) << size << result.fault->message;
  }
  // GNU tar and pg_restore accept a cut at a member's boundary; so does not this.
  EXPECT_FALSE(List(good).fault);
  EXPECT_FALSE(List(good + std::string(9000, '\0')).fault);
  EXPECT_TRUE(List(good + "x").fault);
}

TEST(TarTest, EveryFlippedBitOfAHeaderIsFound) {
  const std::string good = Tar({{"member", "content"}});
  for (std::size_t at = 0; at < 512; ++at) {
    const Result result = List(Flipped(good, at, static_cast<int>(at % 8)));
    // The checksum's own field may hold blanks and end in anything.
    if (at != 148 && at != 154 && at != 155) {
      EXPECT_TRUE(result.fault) << at;
    }
  }
}

TEST(TarTest, NamesThatLeaveTheFolderAreRefused) {
  for (const std::string name : {"../x", "a/../../x", "..", "/a/../b"}) {
    const Result result = List(Tar({{name, "x"}}));
    ASSERT_TRUE(result.fault) << name;
    EXPECT_EQ(result.fault->reason, Reason::kWrongFormat);
  }
  EXPECT_FALSE(List(Tar({{"a..b/..c", "x"}})).fault);
}

TEST(TarTest, AbsurdNumbersEndInAReason) {
  std::string header = TarHeader({"huge", ""});
  header.replace(124, 12, std::string_view("\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  SetTarChecksum(header);
  EXPECT_TRUE(List(header).fault);
  header.replace(124, 12, std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  SetTarChecksum(header);
  EXPECT_TRUE(List(header).fault);
  header.replace(124, 12, "77777777777\0", 12);
  SetTarChecksum(header);
  EXPECT_EQ(List(header).fault->reason, Reason::kIncomplete);
  // A long name of 8 GiB.
  header[156] = 'L';
  SetTarChecksum(header);
  EXPECT_EQ(List(header).fault->reason, Reason::kCorrupt);
  for (const std::string record :
       {"0 a=b\n", "-5 a=b\n", "99999999999999999999 a=b\n", "9 size=-\n", "x"}) {
    EXPECT_TRUE(List(Tar({{"pax", record, 'x'}, {"f", "x"}})).fault) << record;
  }
}

TEST(TarTest, EmptyArchiveHoldsNothing) {
  const Verdict verdict = VerifyBytes(Tar({}), "x.tar");
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
}

TEST(TarTest, LevelsAreHonest) {
  const std::string tar = Tar({{"a", "x"}});
  EXPECT_EQ(VerifyBytes(tar, "x.tar").level, Level::kFormat);
  EXPECT_EQ(VerifyBytes(Gzip(tar), "x.tar.gz").level, Level::kContent);
}

TEST(TarTest, VolumesOfGnuTarHaveNoMagicNumber) {
  const testing::TempDir folder;
  folder.Write("tree/a.bin", Noise(90'000));
  const std::string make = "cd " + folder.path() +
                           " && tar --format=gnu --label=monday -cf labelled.tar tree && " +
                           "tar --format=gnu -M -L 60 -cf first.tar -f second.tar tree";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const std::vector<std::pair<const char*, Outcome>> archives = {
      {"labelled.tar", Outcome::kIntact}, {"second.tar", Outcome::kUnjudged}};
  for (const auto& [name, outcome] : archives) {
    const std::string bytes = testing::ReadTestFile(folder.Path(name));
    ASSERT_NE(bytes.substr(257, 5), "ustar");
    EXPECT_EQ(WalkBytes(bytes, name).outcome, outcome) << name;
    EXPECT_EQ(WalkBytes(Flipped(bytes, 5), name).outcome, Outcome::kBroken) << name;
  }
}

TEST(TarTest, AnIndexOfPixzBehindTheEndIsNoDamage) {
  const std::string tar = Tar({{"a", "x"}});
  const std::string index(
      "\xa6\x4c\x32\x2e\xd6\x14\xae\xdb"
      "a\0\0",
      11);
  EXPECT_EQ(WalkBytes(tar + index, "x.tar").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(tar + index.substr(1), "x.tar").reason, Reason::kCorrupt);
  EXPECT_EQ(WalkBytes(tar.substr(0, tar.size() - 512) + index, "x.tar").reason,
            Reason::kIncomplete);
}

TEST(TarTest, Version7HasNoMagicNumber) {
  const testing::TempDir folder;
  const std::string content = Noise(5000);
  folder.Write("tree/a.bin", content);
  folder.Write("tree/sub/b.txt", "B");
  const std::string make =
      "cd " + folder.path() + " && tar --format=v7 --sort=name -cf old.tar tree";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const std::string packed = testing::ReadTestFile(folder.Path("old.tar"));
  ASSERT_EQ(packed.find("ustar"), packed.npos);
  EXPECT_TRUE(LooksLikeTar(packed.substr(0, 1024)));
  EXPECT_EQ(List(packed).names, "tree/:0 tree/a.bin:5000 tree/sub/:0 tree/sub/b.txt:1 ");
  for (const char* name : {"old.tar", "old"}) {
    const Verdict verdict = WalkBytes(packed, name);
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << name;
    EXPECT_EQ(verdict.level, Level::kFormat) << name;
  }
  EXPECT_EQ(WalkBytes(packed.substr(0, 2000), "old").reason, Reason::kIncomplete);
  // A header that is damaged is no tar archive any more; its name tells that it should be one.
  std::string damaged = packed;
  damaged[3] ^= 1;
  EXPECT_FALSE(LooksLikeTar(damaged));
  EXPECT_EQ(WalkBytes(damaged, "old.tar").outcome, Outcome::kBroken);
  EXPECT_FALSE(LooksLikeTar(Noise(1024)));
  EXPECT_FALSE(LooksLikeTar(std::string(1024, '\0')));
}

}  // namespace
}  // namespace drwatch::verify
