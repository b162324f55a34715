// Dumps that lie in archives.
#include "verify/archived_dumps.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "samples.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::int64_t kNow = 1'764'000'000;
constexpr std::int64_t kDay = 86'400;

const std::string kBegin = "--\n-- PostgreSQL database dump\n--\n\n";
const std::string kRows =
    "--\n-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: shop\n--\n\nCOPY "
    "public.orders (a) FROM "
    "stdin;\n1\n2\n3\n\\.\n\n";
const std::string kWhole = kBegin + kRows + "--\n-- PostgreSQL database dump complete\n--\n\n";
const std::string kHalf = kWhole.substr(0, kWhole.find("3\n"));

// With an upload beside it that was written now.
Verdict VerifyTar(const std::string& name, const std::string& dump, std::int64_t modified = kNow) {
  const std::vector<TarEntry> entries = {{"site/uploads/a.jpg", "x", '0', {}, kNow},
                                         {"site/" + name, dump, '0', {}, modified}};
  const Verdict verdict = VerifyBytes(Tar(entries), "site.tar");
  const Verdict packed = VerifyBytes(Gzip(Tar(entries)), "site.tgz");
  EXPECT_EQ(packed.outcome, verdict.outcome) << packed.ToString();
  EXPECT_EQ(packed.message, verdict.message);
  return verdict;
}

TEST(ArchivedDumpsTest, TellsThemByTheirNames) {
  for (const char* name : {"db/shop.sql", "shop.SQL.gz", "a/b/shop.dump.20261130", "dump.rdb",
                           "appendonly.aof.bak", "shop/orders.bson.gz", "x.dmp"}) {
    EXPECT_TRUE(ArchivedDumps::Wants(name)) << name;
  }
  for (const char* name : {"a.jpg", "shop.sql.log", "sql", "shop.sql/readme", "x.tar", "x.sql.gpg",
                           "temp-4711.rdb", "pg_wal/000000010000000000000001", "notes.gz"}) {
    EXPECT_FALSE(ArchivedDumps::Wants(name)) << name;
  }
}

TEST(ArchivedDumpsTest, ABrokenOneBreaksTheArchive) {
  const Verdict whole = VerifyTar("db/shop.sql", kWhole);
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
  EXPECT_EQ(whole.details, (std::vector<std::string>{"2 members", "a dump in it is whole"}));
  EXPECT_EQ(whole.contents.tables, std::vector<std::string>{"public.orders"});
  const Verdict half = VerifyTar("db/shop.sql", kHalf);
  EXPECT_EQ(half.outcome, Outcome::kBroken);
  EXPECT_EQ(half.reason, Reason::kIncomplete);
  EXPECT_TRUE(half.place.starts_with("site/db/shop.sql: unpacked byte ")) << half.place;
  EXPECT_EQ(VerifyTar("shop.sql.gz", Gzip(kWhole)).outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyTar("shop.sql.gz", Gzip(kHalf)).reason, Reason::kIncomplete);
  EXPECT_EQ(VerifyTar("shop.sql.gz", Gzip(kWhole).substr(0, 60)).reason, Reason::kIncomplete);
  EXPECT_EQ(VerifyTar("shop.sql", "").reason, Reason::kTooSmall);
  EXPECT_EQ(VerifyTar("shop.sql.gz", Gzip("")).reason, Reason::kTooSmall);
  EXPECT_EQ(VerifyTar("shop.dump", "<html><body>503").reason, Reason::kWrongFormat);
  // Redis has not written to it yet.
  EXPECT_EQ(VerifyTar("appendonlydir/appendonly.aof.2.incr.aof", "").outcome, Outcome::kIntact);
  EXPECT_EQ(VerifyTar("appendonly.aof", "*2\r\n$6\r\nselect\r\n$1\r\n0\r\nx").outcome,
            Outcome::kBroken);
}

TEST(ArchivedDumpsTest, AnOldOneIsToldOnly) {
  for (const std::string& dump : {kHalf, std::string()}) {
    EXPECT_EQ(VerifyTar("samples/old.sql", dump, kNow - kDay).outcome, Outcome::kBroken);
    const Verdict verdict = VerifyTar("samples/old.sql", dump, kNow - kDay - 1);
    EXPECT_EQ(verdict.outcome, Outcome::kIntact);
    ASSERT_EQ(verdict.details.size(), 2U);
    EXPECT_TRUE(verdict.details[1].starts_with("older than the rest, and broken: site/samples/"))
        << verdict.details[1];
  }
}

TEST(ArchivedDumpsTest, WhatHoldsNoContentIsNoDump) {
  const Verdict verdict = VerifyBytes(
      Tar({{"latest.sql", "", '2'}, {"hard.sql", "", '1'}, {"old.sql", "", '5'}, {"a", "x"}}),
      "x.tar");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
}

TEST(ArchivedDumpsTest, WhereTheArchiveEndsIsItsOwnFault) {
  const std::string tar = Tar({{"shop.sql", kWhole}});
  const Verdict verdict = VerifyBytes(tar.substr(0, 600), "x.tar");
  EXPECT_EQ(verdict.message, "ends in tar member \"shop.sql\"");
}

TEST(ArchivedDumpsTest, ArchivesInArchivesAreLookedIntoWithinLimits) {
  std::string tar = Tar({{"shop.sql", kHalf}});
  EXPECT_EQ(VerifyBytes(Tar({{"shop.dump", tar}}), "x.tar").outcome, Outcome::kBroken);
  for (int i = 0; i < 40; ++i) tar = Tar({{"shop.dump", tar}});
  EXPECT_EQ(VerifyBytes(tar, "x.tar").outcome, Outcome::kIntact);
}

TEST(ArchivedDumpsTest, OfAZipOfSeveralFilesToo) {
  const testing::TempDir folder;
  folder.Write("tree/crm.sql", kWhole);
  folder.Write("tree/shop.sql", kWhole);
  const auto verify = [&folder] {
    const std::string make = "cd " + folder.path() +
                             " && rm -f x.zip && /usr/bin/python3 -c \"import shutil; "
                             "shutil.make_archive('x', 'zip', 'tree')\"";
    EXPECT_EQ(std::system(make.c_str()), 0);
    return VerifyPath(folder.Path("x.zip"), {});
  };
  EXPECT_EQ(verify().outcome, Outcome::kIntact);
  for (const std::string name : {"crm", "shop"}) {
    folder.Write("tree/" + name + ".sql", kHalf);
    const Verdict verdict = verify();
    EXPECT_EQ(verdict.reason, Reason::kIncomplete) << name;
    EXPECT_TRUE(verdict.place.starts_with(name + ".sql: unpacked byte ")) << verdict.place;
    folder.Write("tree/" + name + ".sql", kWhole);
  }
}

}  // namespace
}  // namespace drwatch::verify
