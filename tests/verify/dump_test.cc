#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/strings.h"
#include "samples.h"
#include "verify/dump_folder.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

struct DumpCase {
  std::string file;
  Level level;
  // Bytes that may be cut off the end without losing anything of it (empty lines).
  std::size_t padding;
  std::string name;
};
class DumpTest : public ::testing::TestWithParam<DumpCase> {};
INSTANTIATE_TEST_SUITE_P(
    All, DumpTest,
    ::testing::Values(DumpCase{"custom.dump", Level::kContent, 0, "Custom"},
                      DumpCase{"custom-z0.dump", Level::kFormat, 0, "CustomNotCompressed"},
                      DumpCase{"piped.dump", Level::kContent, 0, "CustomThroughAPipe"},
                      DumpCase{"appended.dump", Level::kContent, 0, "CustomToAnAppendingOutput"},
                      DumpCase{"tar.dump", Level::kFormat, 0, "Tar"},
                      DumpCase{"plain.sql", Level::kFormat, 2, "Plain"},
                      DumpCase{"inserts.sql", Level::kFormat, 2, "Inserts"},
                      DumpCase{"all.sql", Level::kFormat, 5, "Cluster"}),
    [](const auto& each) { return each.param.name; });

TEST_P(DumpTest, NamesItsTables) {
  const std::string file = GetParam().file;
  const std::string database = file == "all.sql" ? "postgres/" : "";
  const Contents contents = VerifyBytes(Sample(file)).contents;
  EXPECT_EQ(contents.tables,
            std::vector<std::string>(
                {database + "public.empty", database + "public.odd", database + "public.orders"}));
  EXPECT_EQ(contents.unpacked_bytes > 0,
            Sample(file).starts_with("PGDMP") && file != "custom-z0.dump");
  // Packed once more it is the same inside.
  const std::string packed = Gzip(Sample(file));
  const Contents again = VerifyBytes(packed).contents;
  EXPECT_EQ(again.tables, contents.tables);
  EXPECT_GE(again.unpacked_bytes, static_cast<std::int64_t>(Sample(file).size()));
  EXPECT_GT(again.packed_bytes, 0);
}

TEST_P(DumpTest, GoodOneIsIntact) {
  const Verdict verdict = VerifyBytes(Sample(GetParam().file));
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, GetParam().level);
  EXPECT_EQ(verdict.bytes_read, static_cast<std::int64_t>(Sample(GetParam().file).size()));
  EXPECT_NE(verdict.format, "");
}

TEST_P(DumpTest, EveryTruncationIsIncomplete) {
  const std::string good = Sample(GetParam().file);
  for (std::size_t cut = 1 + GetParam().padding; cut + 600 < good.size(); cut += 1 + cut / 7) {
    const Verdict verdict = WalkBytes(good.substr(0, good.size() - cut));
    ASSERT_EQ(verdict.outcome, Outcome::kBroken) << "cut by " << cut;
    EXPECT_EQ(verdict.reason, Reason::kIncomplete)
        << "cut by " << cut << ": " << verdict.ToString();
    EXPECT_NE(verdict.place, "");
  }
}

TEST_P(DumpTest, InGzipIsProvenWhole) {
  const std::string good = Sample(GetParam().file);
  const Verdict verdict = WalkBytes(Gzip(good), "x.gz");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_NE(verdict.format.find("in gzip"), std::string::npos);
  // gzip -t is happy with a dump that was cut off before it was packed.
  const Verdict cut = WalkBytes(Gzip(good.substr(0, good.size() / 2)), "x.gz");
  EXPECT_EQ(cut.outcome, Outcome::kBroken);
  EXPECT_EQ(cut.reason, Reason::kIncomplete);
  EXPECT_EQ(cut.place.substr(0, 14), "unpacked byte ");
}

TEST_P(DumpTest, FlippedBitsNeverCrash) {
  const std::string good = Sample(GetParam().file);
  for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 700) {
    WalkBytes(Flipped(good, at, static_cast<int>(at % 8)));
  }
}

// As pg_dump writes a schema without a \\restrict (before 2025): `tables` of them.
std::string SchemaDump(int tables) {
  std::string text =
      "--\n-- PostgreSQL database dump\n--\n\n-- Dumped by pg_dump version 14.2\n\n"
      "SET client_encoding = 'UTF8';\nSET default_tablespace = '';\n\n";
  for (int i = 0; i < tables; ++i) {
    const std::string name = "t" + std::to_string(i);
    text += "--\n-- Name: " + name + "; Type: TABLE; Schema: public; Owner: shop\n--\n\n" +
            "CREATE TABLE public." + name + " (\n    id integer NOT NULL,\n    kind text DEFAULT " +
            "'-- a; b'::text\n);\n\n\nALTER TABLE public." + name + " OWNER TO shop;\n\n";
  }
  return text + "--\n-- PostgreSQL database dump complete\n--\n\n";
}

TEST(SqlDumpTest, TheRestOfALongerFileIsFound) {
  const std::string long_one = SchemaDump(4);
  const std::string short_one = SchemaDump(2);
  ASSERT_EQ(WalkBytes(long_one, "x.sql").outcome, Outcome::kIntact);
  int passed = 0;
  for (std::size_t at = short_one.size(); at + 4 < long_one.size(); ++at) {
    const Verdict verdict = WalkBytes(short_one + long_one.substr(at), "x.sql");
    if (verdict.outcome == Outcome::kBroken) continue;
    ++passed;
    // Of the end mark's comment nothing is left that means anything.
    EXPECT_GT(at + 20, long_one.size()) << long_one.substr(at);
  }
  EXPECT_LT(passed, 4);
}

TEST(SqlDumpTest, SaysThatItHoldsNoRows) {
  const auto says_so = [](const std::string& text) {
    MemorySource source(text);
    Reader reader(source);
    const Walked<Walk> walk = WalkStream(reader, "x.sql");
    EXPECT_TRUE(walk) << text;
    return walk && std::count(walk->details.begin(), walk->details.end(), kNoRowsText) == 1;
  };
  const std::string dump = SchemaDump(2);
  EXPECT_TRUE(says_so(dump));
  const std::size_t at = dump.rfind("--\n-- PostgreSQL database dump complete");
  for (const char* rows : {"INSERT INTO public.t0 VALUES (1, 'x');\n\n",
                           "COPY public.t0 (id, kind) FROM stdin;\n1\tx\n\\.\n\n",
                           "COPY public.t0 (id, kind) FROM stdin;\n\\.\n\n"}) {
    EXPECT_FALSE(says_so(dump.substr(0, at) + rows + dump.substr(at))) << rows;
  }
  EXPECT_FALSE(says_so(Sample("plain.sql")));
  EXPECT_FALSE(says_so(Sample("inserts.sql")));
}

TEST(SqlDumpTest, WhatPeoplePutTogetherIsIntact) {
  const std::string dump = SchemaDump(2);
  const std::string cluster = Sample("all.sql");
  for (const std::string& text :
       {dump + dump, dump + cluster, cluster + dump, cluster + cluster, dump + "\\i more.sql\n",
        dump + "ANALYZE;\n", dump + "\n  select 1\n ;\n", dump + "-- the end\n",
        dump + "/* the\nend */\nVACUUM;", dump + "(SELECT 1);\n", dump + "COMMIT;\n" + dump}) {
    const Verdict verdict = WalkBytes(text, "x.sql");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact)
        << verdict.ToString() << text.substr(text.size() - 40);
  }
}

// As `(pg_dumpall --globals-only; pg_dump shop)` and a migration's script write them.
TEST(SqlDumpTest, EachOfSeveralDumpsHasToEnd) {
  const std::string globals =
      "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE shop;\n\n\n--\n"
      "-- PostgreSQL database cluster dump complete\n--\n\n";
  const std::string dump = SchemaDump(2);
  std::string grants;
  for (int i = 0; i < 300; ++i) grants += "GRANT SELECT ON public.t0 TO shop;\n";
  for (const std::string& text : {globals + dump, dump + globals, dump + grants}) {
    EXPECT_EQ(WalkBytes(text, "x.sql").outcome, Outcome::kIntact);
  }
  // All that stands between two end marks is lost.
  const std::size_t table = dump.find("ALTER TABLE");
  for (const std::string& text : {dump.substr(0, table) + dump, globals + dump.substr(0, table),
                                  globals.substr(0, 60) + dump, dump + dump.substr(0, table)}) {
    const Verdict verdict = WalkBytes(text, "x.sql");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << text;
    EXPECT_EQ(verdict.reason, Reason::kIncomplete) << verdict.ToString();
  }
}

TEST(SqlDumpTest, WhatPeoplePutInFrontMakesNoDifference) {
  const std::string dump = SchemaDump(2);
  for (const std::string front : {"\xEF\xBB\xBF", "SET statement_timeout = 0;\n", "BEGIN;\n\n",
                                  "\\set ON_ERROR_STOP on\n", "/* nightly */\n"}) {
    const Verdict whole = WalkBytes(front + dump, "x.sql");
    EXPECT_EQ(whole.outcome, Outcome::kIntact) << front << whole.ToString();
    EXPECT_EQ(whole.format, "pg_dump SQL");
    const Verdict cut = WalkBytes(front + dump.substr(0, dump.size() / 2), "x.sql");
    EXPECT_EQ(cut.reason, Reason::kIncomplete) << front << cut.ToString();
  }
  // That tells of a dump and is none.
  const Verdict text = WalkBytes("Restore it so:\n" + dump.substr(0, dump.size() / 2), "x.md");
  EXPECT_EQ(text.format, "") << text.ToString();
}

TEST(SqlDumpTest, EachDatabaseHasItsOwnStrings) {
  const std::string name = "SET standard_conforming_strings = ";
  const std::string old_way = name + "off;\nCOMMENT ON TABLE a IS 'it\\'s C:\\\\';\n";
  const std::string new_way = name + "on;\nCOMMENT ON TABLE a IS 'C:\\';\n";
  const std::string begin = "--\n-- PostgreSQL database dump\n--\n\n";
  const std::string end = "\n--\n-- PostgreSQL database dump complete\n--\n\n";
  for (const std::string& text :
       {begin + old_way + end + begin + new_way + end, begin + new_way + old_way + new_way + end}) {
    const Verdict verdict = WalkBytes(text, "x.sql");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  }
}

TEST(SqlDumpTest, WhatFollowsTheEndIsAStatement) {
  const std::string dump = SchemaDump(2);
  for (const std::string more : {"    id integer\n);\n", "Backup done\n", "t1 (id);\n", "7\n",
                                 "- Name: t1; Type: TABLE\n", "'::text\n);\nCOMMIT;\n"}) {
    // With \restrict and \unrestrict, too.
    for (const std::string& front : {dump, Sample("plain.sql"), Sample("all.sql")}) {
      const Verdict verdict = WalkBytes(front + "\n\n" + more, "x.sql");
      EXPECT_EQ(verdict.outcome, Outcome::kBroken) << more;
      EXPECT_EQ(verdict.reason, Reason::kCorrupt) << more;
      EXPECT_EQ(verdict.place, "byte " + std::to_string(front.size() + 2)) << more;
    }
  }
}

// As `pg_dump shop > shop.sql 2>&1` and a terminal (`docker exec -t`) mix them.
TEST(SqlDumpTest, MessagesAmongTheStatementsAreFound) {
  const std::string copy = "COPY public.t (a) FROM stdin;\n1\n\\.\n\n";
  const std::string begin =
      "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.t (\n    a integer\n);\n\n";
  const std::string end = "--\n-- PostgreSQL database dump complete\n--\n\n";
  const std::string dump = begin + copy + end;
  ASSERT_EQ(WalkBytes(dump, "x.sql").outcome, Outcome::kIntact);
  const std::size_t before_copy = begin.size();
  for (const std::string message :
       {"pg_dump: warning: there are circular foreign-key constraints on this table:\n",
        "pg_dump: error: it's over\n", "pg_dumpall: dumping \"shop\"\r\n", "pg_restore: x\n",
        "WARNING:  database \"shop\" has a collation version mismatch\n"}) {
    for (const std::size_t at : {before_copy, before_copy + copy.size(), dump.find("    a "),
                                 dump.size() - end.size(), dump.size()}) {
      const Verdict verdict = WalkBytes(std::string(dump).insert(at, message), "x.sql");
      EXPECT_EQ(verdict.reason, Reason::kCorrupt) << message << at;
      EXPECT_EQ(verdict.place, "byte " + std::to_string(at)) << message;
      EXPECT_EQ(verdict.message,
                "a message among the statements: standard error went into the dump (2>&1)");
    }
  }
  for (const std::size_t at : {before_copy + 20, dump.find("integer") + 3}) {
    const Verdict verdict = WalkBytes(std::string(dump).insert(at, "pg_dump: warning: x\n"), "x");
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << at;
    EXPECT_TRUE(verdict.message.starts_with("a message among the statements")) << verdict.message;
  }
}

TEST(SqlDumpTest, WhatOnlyLooksLikeAMessageIsIntact) {
  const std::string begin = "--\n-- PostgreSQL database dump\n--\n\n";
  const std::string end = "--\n-- PostgreSQL database dump complete\n--\n\n";
  for (const std::string body :
       {"-- pg_dump: warning: x\n", "/*\npg_dump: error: x\n*/\n", "\\echo pg_dump: done\n",
        "COPY public.t (a) FROM stdin;\npg_dump: error: x\nWARNING:  x\n\\.\n",
        "COPY public.t FROM stdin CSV;\npg_dump: error: x\n\\.\n",
        "COMMENT ON TABLE t IS 'a\npg_dump: warning: x\nWARNING:  x\n';\n",
        "COMMENT ON TABLE t IS 'it''s pg_dump: warning: x';\n",
        "SET standard_conforming_strings = off;\nCOMMENT ON TABLE t IS 'it\\'s pg_dump: x';\n",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\npg_dump: error: x\n$$;\n",
        "SELECT $_$pg_dump: x$_$;\n", "CREATE TABLE \"\npg_dump: x\" (\"pg_dump: y\" text);\n",
        "INSERT INTO t VALUES ('pg_dump: x\npg_dump: error: x\n');\n",
        "INSERT INTO t VALUES\n\t('pg_dump: x'),\n\t('y');\n", "SELECT pg_dump FROM pg_restore;\n",
        "SELECT a[pg_dump:3], pg_dump::text FROM t;\n"}) {
    const Verdict verdict = WalkBytes(begin + body + end, "x.sql");
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << body << verdict.ToString();
  }
}

TEST(SqlDumpTest, AnEndMarkInsideOfQuotesIsNone) {
  const std::string dump = SchemaDump(1);
  const std::string function = "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$\nSELECT '\n" +
                               std::string("-- PostgreSQL database dump complete\n");
  const std::string begin = dump.substr(0, dump.size() - 45);
  const Verdict cut = WalkBytes(begin + function, "x.sql");
  EXPECT_EQ(cut.outcome, Outcome::kBroken);
  EXPECT_EQ(cut.reason, Reason::kIncomplete);
  const Verdict whole =
      WalkBytes(begin + function + "'$_$;\n--\n-- PostgreSQL database dump complete\n--\n\n", "x");
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.ToString();
}

std::string BegunText(std::string_view dump) {
  const Verdict verdict = VerifyBytes(dump, "x.sql");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  const auto begun = verdict.contents.begun;
  return begun ? base::FormatRfc3339(*begun).substr(0, 19) : "none";
}

// By pg_dump -v and pg_dumpall -v; of several the first one.
TEST(SqlDumpTest, TellsWhenItBegan) {
  const auto dump = [](const std::string& text) {
    return "--\n-- PostgreSQL database dump\n--\n\n-- Dumped by pg_dump version 15.8\n\n" + text +
           "\n\nSELECT 1;\n\n-- Completed on 2026-12-01 03:10:00 CET\n\n"
           "--\n-- PostgreSQL database dump complete\n--\n\n";
  };
  const std::string started = "-- Started on 2026-12-01 03:04:05";
  EXPECT_EQ(BegunText(dump(started + " CET")), "2026-12-01T03:04:05");
  EXPECT_EQ(BegunText(Gzip(dump(started + "\r"))), "2026-12-01T03:04:05");
  EXPECT_EQ(BegunText(dump("-- Started on 2026-12-02 00:00:00 CET") + dump(started)),
            "2026-12-01T03:04:05");
  const std::string cluster =
      "--\n-- PostgreSQL database cluster dump\n--\n\n-- Started on 2026-12-01 03:04:00 CET\n\n" +
      dump(started) + "--\n-- PostgreSQL database cluster dump complete\n--\n\n";
  EXPECT_EQ(BegunText(cluster), "2026-12-01T03:04:00");
  EXPECT_EQ(BegunText(dump("")), "none");
  for (const std::string& other :
       {"COPY t (a) FROM stdin;\n" + started + "\n\\.\n", "SELECT '\n" + started + "\n';",
        "SELECT $$\n" + started + "\n$$;"}) {
    EXPECT_EQ(BegunText(dump(other)), "none") << "not what pg_dump says: " << other;
  }
  EXPECT_EQ(BegunText(started + "\n" + dump("")), "none") << "nor what somebody put in front";
}

TEST(SqlDumpTest, TellsNoLaterThanWhenItsMySqlDumpBegan) {
  const std::string dump = "-- MySQL dump 10.13  Distrib 8.0\n--\nINSERT INTO t VALUES (1);\n\n";
  const std::string end = "-- Dump completed";
  EXPECT_EQ(BegunText(dump + end + " on 2026-12-01  3:04:05\n"), "2026-12-01T03:04:05");
  EXPECT_EQ(BegunText(Gzip(dump + end + " on 2026-12-01 13:04:05")), "2026-12-01T13:04:05");
  EXPECT_EQ(BegunText(dump + end + " on 2026-12-01  3:04:05\r\nCOMMIT;\r\n"),
            "2026-12-01T03:04:05");
  EXPECT_EQ(BegunText(dump + end + "\n"), "none") << "with --skip-dump-date";
}

TEST(SqlDumpTest, ADateThatIsNoneIsNotRead) {
  for (const std::string date :
       {"", " ", "2026-02-30 03:04:05", "2026-12-01 24:00:00", "2026-12-01 03:60:00",
        "2026-00-00 00:00:00", "2026-12-01", "2026-12-01 3:04:05", "2026-12-01 03:04:0",
        "2026-12-01 03:04:056", "-026-12-01 03:04:05", "yesterday", "99999-12-01 03:04:05",
        "2026-12-01 03:04:05\x80", "2026-12-01 -3:04:05", "\xff\xfe"}) {
    EXPECT_EQ(BegunText("-- MySQL dump 10.13\nSELECT 1;\n-- Dump completed on " + date + "\n"),
              "none");
    EXPECT_EQ(BegunText("--\n-- PostgreSQL database dump\n--\n\n-- Started on " + date +
                        "\n\n--\n-- PostgreSQL database dump complete\n--\n\n"),
              "none");
  }
}

TEST(PgDumpTest, TellsWhenItBegan) {
  for (const char* file : {"custom.dump", "tar.dump"}) {
    const auto begun = VerifyBytes(Sample(file)).contents.begun;
    ASSERT_TRUE(begun) << file;
    EXPECT_EQ(base::FormatRfc3339(*begun).substr(0, 10), "2026-11-21") << file;
  }
  std::string dump = Sample("custom.dump");
  dump[32] = 31;
  EXPECT_EQ(VerifyBytes(dump).contents.begun, std::nullopt) << "no such day in November";
  EXPECT_EQ(VerifyBytes(dump).outcome, Outcome::kIntact);
}

TEST(PgDumpTest, EveryFlippedBitInPackedDataIsFound) {
  const std::string good = Sample("custom.dump");
  // The data follows the table of contents: from the first block of type data on.
  MemorySource source(good);
  Reader reader(source);
  ASSERT_TRUE(ReadDumpToc(reader));
  const auto begin = static_cast<std::size_t>(reader.offset());
  ASSERT_LT(begin, good.size() / 2);
  // Not found are bits that carry no data: what is left of the last byte of each of the streams,
  // and the numbers of large objects.
  int unseen = 0;
  for (std::size_t at = begin; at < good.size(); ++at) {
    const Verdict verdict = WalkBytes(Flipped(good, at, static_cast<int>(at % 8)));
    if (verdict.outcome != Outcome::kBroken) ++unseen;
  }
  EXPECT_LT(unseen, static_cast<int>(good.size() - begin) / 200);
}

TEST(PgDumpTest, WhatFollowsTheLastBlockIsFound) {
  const std::string good = Sample("custom.dump");
  for (const std::string& more :
       {std::string(1, '\0'), std::string(4096, '\0'), good, std::string("x")}) {
    EXPECT_EQ(WalkBytes(good + more).outcome, Outcome::kBroken);
  }
}

// "pg_dump -Fc >> file": what pg_dump writes anew, with the places of the data, lands at the end.
TEST(PgDumpTest, ASecondTableOfContentsHasToBeTheArchives) {
  const std::string good = Sample("appended.dump");
  const std::size_t begin = Sample("piped.dump").size();
  ASSERT_GT(good.size(), begin);
  EXPECT_EQ(VerifyBytes(good).details.at(1),
            "its table of contents is there twice: its output appended");
  EXPECT_EQ(WalkBytes(good.substr(0, begin)).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(good + good.substr(begin)).outcome, Outcome::kBroken);
  EXPECT_EQ(WalkBytes(good + "x").outcome, Outcome::kBroken);
  // Before all of the data was there.
  const std::string early = good.substr(0, begin - 1) + good.substr(begin);
  EXPECT_EQ(WalkBytes(early).outcome, Outcome::kBroken);
  // Of another archive: fewer entries, other places.
  std::string other = good;
  other[begin + 1] = static_cast<char>(other[begin + 1] - 1);
  EXPECT_EQ(WalkBytes(other).outcome, Outcome::kBroken);
  MemorySource source(good);
  Reader reader(source);
  ASSERT_TRUE(ReadDumpToc(reader));
  other = good;
  // The place of the first block, 8 bytes behind the state "set".
  std::string place = "\x02";
  for (int i = 0; i < 8; ++i) place += static_cast<char>(reader.offset() >> (8 * i));
  const std::size_t at = good.find(place, begin);
  ASSERT_NE(at, good.npos);
  ++other[at + 1];
  EXPECT_EQ(WalkBytes(other).message, "what follows the data is not its table of contents");
}

// pg_dump seeks over the statements of statistics when it writes its table of contents anew.
TEST(PgDumpTest, ASecondTableOfContentsHasNoStatistics) {
  const std::string good = Sample("postgres-18/statistics.dump");
  const Verdict verdict = VerifyBytes(good);
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.details.at(1), "its table of contents is there twice: its output appended");
  EXPECT_EQ(WalkBytes(good.substr(0, good.size() - 1)).outcome, Outcome::kBroken);
}

TEST(PgDumpTest, TableOfContentsAloneIsIncomplete) {
  // What a killed pg_dump leaves: pg_restore --list is content with it.
  const std::string good = Sample("piped.dump");
  MemorySource source(good);
  Reader reader(source);
  ASSERT_TRUE(ReadDumpToc(reader));
  const Verdict verdict = WalkBytes(good.substr(0, static_cast<std::size_t>(reader.offset())));
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
  EXPECT_NE(verdict.message.find("of 4 entries"), std::string::npos) << verdict.message;
}

TEST(PgDumpTest, UnknownVersionsAreNotJudged) {
  std::string dump = Sample("custom.dump");
  dump[6] = 17;
  const Verdict verdict = WalkBytes(dump);
  EXPECT_EQ(verdict.outcome, Outcome::kUnjudged);
  EXPECT_EQ(verdict.reason, Reason::kWrongFormat);
}

TEST(PgDumpTest, AbsurdLengthsAllocateNothing) {
  // A text length of 2^31 - 1 in the header.
  std::string dump = Sample("custom.dump").substr(0, 11 + 5 + 7 * 5);
  dump += std::string("\x00\xff\xff\xff\x7f", 5) + "x";
  const Verdict verdict = WalkBytes(dump);
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete);
}

// Archives of other versions, put together field by field.
class DumpBuilder {
 public:
  explicit DumpBuilder(int minor) : minor_(minor) {
    bytes_ =
        std::string("PGDMP\x01", 6) + static_cast<char>(minor) + std::string("\x00\x04\x08\x01", 4);
  }
  DumpBuilder& Byte(int value) { return bytes_ += static_cast<char>(value), *this; }
  DumpBuilder& Int(std::int64_t value) {
    Byte(value < 0);
    for (int i = 0; i < 4; ++i) Byte(static_cast<int>(std::abs(value) >> (8 * i)) & 255);
    return *this;
  }
  DumpBuilder& Text(std::string_view text) {
    Int(static_cast<std::int64_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  DumpBuilder& Header(int compression, int entries) {
    if (minor_ >= 15) {
      Byte(compression);
    } else {
      Int(compression);
    }
    for (const int part : {1, 2, 3, 4, 5, 126, 0}) Int(part);
    return Text("shop").Text("17.1").Text("17.1").Int(entries);
  }
  DumpBuilder& Entry(int id, int state, std::string_view description = "TABLE DATA",
                     std::string_view definition = "", std::string_view copy = "") {
    Int(id).Int(1).Text("0").Text("0").Text("t").Text(description).Int(3);
    Text(definition).Text("").Text(copy);
    Text("public").Text("");
    if (minor_ >= 14) Text("heap");
    if (minor_ >= 16) Int('r');
    Text("owner").Text("false").Int(-1);
    Byte(state);
    return Raw(std::string(8, '\0'));
  }
  DumpBuilder& Data(int id, std::string_view content) {
    Byte(1).Int(id);
    for (std::size_t at = 0; at < content.size(); at += 10) Text(content.substr(at, 10));
    return Int(0);
  }
  DumpBuilder& Raw(std::string_view bytes) { return bytes_ += bytes, *this; }
  const std::string& bytes() const { return bytes_; }

 private:
  int minor_;
  std::string bytes_;
};

TEST(PgDumpTest, EveryVersionIsWalked) {
  const std::string packed = Deflated("1\tone\n2\ttwo\n", 15);
  for (const int minor : {12, 13, 14, 15, 16}) {
    const int gzip = minor >= 15 ? 1 : -1;
    DumpBuilder builder(minor);
    builder.Header(gzip, 2).Entry(7, 1).Entry(9, 1).Data(9, packed).Data(7, packed);
    const Verdict verdict = WalkBytes(builder.bytes());
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << minor << ": " << verdict.ToString();
    EXPECT_EQ(verdict.level, Level::kContent);
  }
}

// Its only table.
Verdict WalkTable(const std::string& encoding, const std::string& copy, const std::string& data) {
  DumpBuilder builder(14);
  const std::string set = "SET client_encoding = '" + encoding + "';\n";
  builder.Header(0, 2).Entry(1, 3, "ENCODING", set).Entry(7, 1, "TABLE DATA", "", copy);
  return WalkBytes(builder.Data(7, data).bytes());
}

TEST(PgDumpTest, RowsAreReadAsTheirStatementSays) {
  const std::string copy = "COPY public.t (a, \"b,c\") FROM stdin;\n";
  EXPECT_EQ(WalkTable("UTF8", copy, "1\t2\n\\.\n\n\n").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkTable("UTF8", copy, "1\t2\n3\n\\.\n\n\n").message,
            "row 2 of public.t has 1 column where 2 are named");
  EXPECT_EQ(WalkTable("UTF8", copy, "1\t\xe9\n\\.\n\n\n").message,
            "row 1 of public.t is not valid UTF-8");
  EXPECT_EQ(WalkTable("LATIN1", copy, "1\t\xe9\n\\.\n\n\n").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkTable("SJIS", copy, "1\t\x95\\\n\\.\n\n\n").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkTable("UTF8", copy, "1\t2\n\\.\n\n\n1\t2\n\\.\n\n\n").message,
            "bytes after the end mark of the rows of public.t");
  EXPECT_EQ(WalkTable("UTF8", copy, "1\t2\n\\.\n\n").reason, Reason::kIncomplete);
  // More columns than one read of a text takes.
  std::string columns = "c0";
  std::string row = "0";
  for (int i = 1; i < 1600; ++i) {
    columns += ", \"" + std::string(60, 'c') + std::to_string(i) + "\"";
    row += "\t0";
  }
  const std::string wide = "COPY public.wide (" + columns + ") FROM stdin;\n";
  EXPECT_EQ(WalkTable("UTF8", wide, row + "\n\\.\n\n\n").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkTable("UTF8", wide, row + "\t0\n\\.\n\n\n").message,
            "row 1 of public.wide has 1601 columns where 1600 are named");
}

TEST(PgDumpTest, InsertStatementsAreText) {
  const std::string insert = "INSERT INTO public.t VALUES (1, 'caf\xc3\xa9');\n";
  EXPECT_EQ(WalkTable("UTF8", "", insert).outcome, Outcome::kIntact);
  const std::string cut = insert.substr(0, insert.size() - 5) + insert.substr(insert.size() - 4);
  EXPECT_EQ(WalkTable("UTF8", "", cut).message,
            "bytes that are not valid UTF-8 among the statements of public.t");
  EXPECT_EQ(WalkTable("LATIN1", "", cut).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkTable("LATIN1", "", insert + std::string(1, '\0')).message,
            "a zero byte among the statements of public.t");
}

// What is not packed is told to the byte, in the file itself.
TEST(PgDumpTest, DamagedRowsAreNamedWhereTheyStand) {
  for (const char* file : {"custom-z0.dump", "tar.dump"}) {
    std::string dump = Sample(file);
    const std::size_t tab = dump.find("\t" + std::string("eccbc87e4b5ce2fe28308fd9f2a7baf3"));
    ASSERT_NE(tab, dump.npos);
    Verdict verdict = WalkBytes(Flipped(dump, tab, 5));
    EXPECT_EQ(verdict.message, "row 3 of public.orders has 1 column where 2 are named");
    EXPECT_EQ(verdict.place, "byte " + std::to_string(dump.find('\n', tab)));
    EXPECT_EQ(verdict.reason, Reason::kCorrupt);
    verdict = WalkBytes(Flipped(dump, tab + 9, 7));
    EXPECT_EQ(verdict.message, "row 3 of public.orders is not valid UTF-8");
    // 0xb4 can begin no character.
    EXPECT_EQ(verdict.place, "byte " + std::to_string(tab + 9));
  }
}

TEST(PgDumpTest, MisplacedBlocksAreFound) {
  const auto outcome = [](const DumpBuilder& builder) {
    return WalkBytes(builder.bytes()).ToString();
  };
  DumpBuilder twice(14);
  twice.Header(0, 1).Entry(7, 1).Data(7, "x").Data(7, "x");
  EXPECT_NE(outcome(twice).find("occurs twice"), std::string::npos);
  DumpBuilder foreign(14);
  foreign.Header(0, 1).Entry(7, 1).Data(8, "x");
  EXPECT_NE(outcome(foreign).find("not in the table of contents"), std::string::npos);
  DumpBuilder moved(14);
  moved.Header(0, 1).Entry(7, 2).Data(7, "x");
  EXPECT_NE(outcome(moved).find("should begin at byte 0"), std::string::npos);
  DumpBuilder short_stream(14);
  short_stream.Header(-1, 1).Entry(7, 1).Data(7, Deflated(Noise(500), 15).substr(0, 40));
  const Verdict verdict = WalkBytes(short_stream.bytes());
  EXPECT_EQ(verdict.reason, Reason::kCorrupt) << verdict.ToString();
}

TEST(PgDumpTest, LargeObjectsOf17AreFound) {
  const std::string place = testing::TestData("testdata/verify/postgres-17");
  for (const std::string name : {"folder-lz4", "folder-zstd", "tar.dump"}) {
    const Verdict verdict = VerifyPath(place + "/" + name, {});
    EXPECT_EQ(verdict.outcome, Outcome::kIntact) << name << ": " << verdict.ToString();
    // Neither lz4 nor zstd is told to add a checksum.
    EXPECT_EQ(verdict.level, Level::kFormat) << name;
  }
  std::string tar = testing::ReadTestFile(place + "/tar.dump");
  tar[tar.find("blobs_3418.toc")] = 'x';
  EXPECT_EQ(WalkBytes(tar).outcome, Outcome::kBroken);
}

class DumpFolderTest : public ::testing::Test {
 protected:
  DumpFolderTest() {
    std::filesystem::copy(testing::TestData("testdata/verify/folder"), folder_.Path("dump"));
  }
  Verdict Verify(const std::string& name = "dump") { return VerifyPath(folder_.Path(name), {}); }
  std::string Part(const std::string& ending) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.Path("dump"))) {
      if (entry.path().string().ends_with(ending)) return entry.path().string();
    }
    return {};
  }
  testing::TempDir folder_;
};

TEST_F(DumpFolderTest, GoodOneIsIntact) {
  const Verdict verdict = Verify();
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.format, "pg_dump directory archive 1.14, gzip");
}

TEST_F(DumpFolderTest, EachMissingFileIsIncomplete) {
  for (const std::string ending : {".dat.gz", "blobs.toc"}) {
    const std::string path = Part(ending);
    ASSERT_NE(path, "");
    const std::string content = testing::ReadTestFile(path);
    std::filesystem::remove(path);
    const Verdict verdict = Verify();
    EXPECT_EQ(verdict.outcome, Outcome::kBroken) << path;
    EXPECT_EQ(verdict.reason, Reason::kIncomplete);
    folder_.Write("dump/" + std::filesystem::path(path).filename().string(), content);
  }
  EXPECT_EQ(Verify().outcome, Outcome::kIntact);
}

TEST_F(DumpFolderTest, WithoutItsTableOfContentsItIsNone) {
  std::filesystem::remove(folder_.Path("dump/toc.dat"));
  EXPECT_EQ(Verify().ToString(), "toc.dat: it is missing: nothing can be restored without it");
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  const FolderFiles files(folder_.Path("dump"));
  ReadBudget budget({});
  const Checksums none(folder_.Path("dump"));
  EXPECT_EQ(VerifyFiles(files, none, budget).outcome, Outcome::kBroken);
  // Anybody's files.
  folder_.Write("dump/readme", "what this is");
  EXPECT_NE(Verify().outcome, Outcome::kBroken);
}

TEST_F(DumpFolderTest, OnlyPiecesOfADumpTellOneWithoutItsTableOfContents) {
  int folders = 0;
  const auto is_cut = [&](const std::vector<std::string>& names, DumpPieces told_by) {
    const std::string folder = std::to_string(++folders);
    for (const std::string& name : names) folder_.Write(folder + "/" + name, "x");
    return LooksLikeCutDumpFolder(FolderFiles(folder_.Path(folder)), told_by);
  };
  const std::vector<std::vector<std::string>> packed = {
      {"3343.dat.gz"},
      {"3416.dat.lz4", "2026.dat.lz4", "1.dat.lz4"},
      {"104999.dat.zst", "blobs_12.toc", "blob_16398.dat.zst"},
      {"blob_16398.dat.gz"},
      {"blobs.toc"},
      {"3343.dat.gz", ".3344.dat.gz.Xy12Zz", "3345.dat.gz.part", "toc.dat.part", "SHA256SUMS"}};
  for (const auto& names : packed) {
    EXPECT_TRUE(is_cut(names, DumpPieces::kAny)) << names[0];
    EXPECT_TRUE(is_cut(names, DumpPieces::kPacked)) << names[0];
  }
  for (const std::string name : {"3343.dat", "blob_16398.dat"}) {
    EXPECT_TRUE(is_cut({name}, DumpPieces::kAny)) << name;
    EXPECT_FALSE(is_cut({name}, DumpPieces::kPacked)) << name;
  }
  for (const std::string name : {"data.dat",        "data.dat.gz",
                                 "x3343.dat",       "3343.sql.gz",
                                 "3343.data",       "blob_x.dat",
                                 "blob_.dat",       "blobs.sql",
                                 "1.dat.gz",        "31.dat",
                                 "0215.dat.gz",     "2330.dat.gz",
                                 "1202.dat.gz",     "3112.dat",
                                 "2026.dat.gz",     "261202.dat.gz",
                                 "311226.dat",      "122926.dat",
                                 "202649.dat",      "2026336.dat",
                                 "20261202.dat.gz", "20261202021500.dat.gz",
                                 "1796186100.dat"}) {
    EXPECT_FALSE(is_cut({name}, DumpPieces::kAny)) << name;
  }
  for (const std::string name : {"toc.dat", "toc.dat.gz", "toc.dat.gpg", "data.dat", "notes",
                                 "more/3344.dat.gz", "globals.sql"}) {
    EXPECT_FALSE(is_cut({"3343.dat.gz", name}, DumpPieces::kAny)) << name;
  }
}

TEST_F(DumpFolderTest, WhatIsNotPackedIsNoDumpWithinAFolderOfOtherFiles) {
  folder_.Write("tree/a/3343.dat", "one\n");
  EXPECT_NE(Verify("tree").outcome, Outcome::kBroken);
  EXPECT_EQ(Verify("tree/a").place, "toc.dat");
}

TEST_F(DumpFolderTest, DamagedFilesAreFound) {
  const std::string path = Part(".dat.gz");
  const std::string name = "dump/" + std::filesystem::path(path).filename().string();
  const std::string content = testing::ReadTestFile(path);
  folder_.Write(name, content.substr(0, content.size() - 1));
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  folder_.Write(name, Flipped(content, content.size() / 2));
  EXPECT_EQ(Verify().reason, Reason::kCorrupt);
  EXPECT_EQ(Verify().place.substr(0, 4),
            std::filesystem::path(path).filename().string().substr(0, 4));
  folder_.Write(name, content);
  const std::string toc = testing::ReadTestFile(folder_.Path("dump/toc.dat"));
  folder_.Write("dump/toc.dat", toc.substr(0, toc.size() - 3));
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
}

TEST_F(DumpFolderTest, PackedFilesAreWhatTheirNamesSay) {
  const std::string path = Part(".dat.gz");
  const std::string name = "dump/" + std::filesystem::path(path).filename().string();
  folder_.Write(name, "");
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  folder_.Write(name, "<html><body>403 Forbidden</body></html>");
  EXPECT_EQ(Verify().reason, Reason::kCorrupt);
}

TEST_F(DumpFolderTest, LargeObjectsMustAllBeListed) {
  const std::string list = testing::ReadTestFile(folder_.Path("dump/blobs.toc"));
  folder_.Write("dump/blobs.toc", "");
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  folder_.Write("dump/blobs.toc", list.substr(0, list.find('\n') + 1));
  EXPECT_EQ(Verify().message, "no list of large objects names it");
  folder_.Write("dump/blobs.toc", list.substr(0, list.size() - 1));
  EXPECT_EQ(Verify().reason, Reason::kIncomplete);
  // One digit: the object would come back under another number.
  folder_.Write("dump/blobs.toc", "2" + list.substr(1));
  EXPECT_EQ(Verify().reason, Reason::kCorrupt);
}

TEST_F(DumpFolderTest, RowsNeedTheirEndMark) {
  int tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.Path("dump"))) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".dat.gz") || name.starts_with("blob")) continue;
    ++tables;
    const std::string packed = testing::ReadTestFile(entry.path().string());
    // As -Z0 writes it.
    std::filesystem::remove(entry.path());
    const std::string raw = "dump/" + name.substr(0, name.size() - 3);
    const std::string row = name.starts_with("3348.") ? "1\n" : "1\tone\n";  // public.empty (x)
    folder_.Write(raw, row + "\\.\n\n\n");
    EXPECT_EQ(Verify().outcome, Outcome::kIntact) << Verify().ToString();
    EXPECT_EQ(Verify().level, Level::kFormat);
    for (const std::string& bad : {std::string(), row, row + "\\.\n\n"}) {
      folder_.Write(raw, bad);
      EXPECT_EQ(Verify().reason, Reason::kIncomplete) << bad;
    }
    folder_.Write(raw, row + "\\.\n\n\n\n");
    EXPECT_EQ(Verify().message.substr(0, 35), "bytes after the end mark of the row");
    folder_.Write(raw, row + "\t\t\n\\.\n\n\n");
    EXPECT_EQ(Verify().place,
              name.substr(0, name.size() - 3) + ": byte " + std::to_string(row.size() + 2));
    folder_.Write("dump/" + name, packed);
    std::filesystem::remove(folder_.Path(raw));
  }
  EXPECT_EQ(tables, 3);
}

TEST(SqlDumpTest, EndMarkerAndCopyBlocksDecide) {
  const std::string head = "--\n-- PostgreSQL database dump\n--\n\n";
  const std::string end = "--\n-- PostgreSQL database dump complete\n--\n\n";
  const std::string copy = "COPY public.t (a) FROM stdin;\n1\n2\n\\.\n\n";
  EXPECT_EQ(WalkBytes(head + copy + end).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(head + copy).reason, Reason::kIncomplete);
  EXPECT_EQ(WalkBytes(head + copy.substr(0, copy.size() - 4) + end).reason, Reason::kIncomplete);
  // Rows that look like statements, statements that look like rows.
  const std::string rows = "COPY public.t (a) FROM stdin;\nCOPY x FROM stdin;\n$$ ' \"\n\\.\n";
  EXPECT_EQ(WalkBytes(head + rows + copy + end).outcome, Outcome::kIntact);
  for (const std::string body :
       {"$$\nCOPY x FROM stdin;\n$$;\n", "$a$ $$ '\nCOPY x FROM stdin;\n$a$;\n",
        "'it''s\nCOPY x FROM stdin;\n';\n", "E'a''b\\'\nCOPY x FROM stdin;\n';\n",
        "/* /* */ '\nCOPY x FROM stdin;\n*/;\n", "-- it's\n;\n", "\"a'b\"\n;\n"}) {
    EXPECT_EQ(WalkBytes(head + "SELECT " + body + copy + end).outcome, Outcome::kIntact) << body;
  }
}

TEST(SqlDumpTest, OnlyTextMayFollowTheEndMark) {
  const std::string dump = Sample("plain.sql");
  EXPECT_EQ(WalkBytes(dump + "ANALYZE;\n").outcome, Outcome::kIntact);
  for (const std::string& junk :
       {std::string("\x01\x02"), std::string("\xff"), std::string(1, '\0')}) {
    EXPECT_EQ(WalkBytes(dump + junk).reason, Reason::kCorrupt);
  }
  EXPECT_EQ(WalkBytes(dump.substr(0, 3000) + std::string(10, '\0') + dump.substr(3010)).place,
            "byte 3000");
}

TEST(SqlDumpTest, RestrictTokensMustAgree) {
  const std::string head = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n";
  const std::string end = "--\n-- PostgreSQL database dump complete\n--\n\n";
  EXPECT_EQ(WalkBytes(head + end + "\\unrestrict abc\n\n").outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(head + end + "\\unrestrict abd\n\n").reason, Reason::kCorrupt);
  EXPECT_EQ(WalkBytes(head + end).reason, Reason::kIncomplete);
  // What is wrong first is told, however much is read at once.
  EXPECT_EQ(WalkBytes(head + end + "\\unrestrict abd\n" + std::string(1, '\0')).message,
            "\\unrestrict does not match \\restrict");
}

TEST(SqlDumpTest, MySqlDumpsWithoutCommentsSetBackWhatTheySet) {
  const std::string begin =
      "\n/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
      "/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;\n"
      "INSERT INTO t VALUES ('it\\'s');\n";
  const Verdict cut = WalkBytes(begin, "shop.sql");
  EXPECT_EQ(cut.outcome, Outcome::kBroken);
  EXPECT_EQ(cut.reason, Reason::kIncomplete);
  const std::string end =
      "/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;\n"
      "/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n\n";
  const Verdict whole = WalkBytes(begin + end, "shop.sql");
  EXPECT_EQ(whole.outcome, Outcome::kIntact) << whole.message;
  EXPECT_EQ(whole.format, "mysqldump SQL");
}

TEST(SqlDumpTest, MySqlDumpsNeedTheirEndMarker) {
  const std::string dump =
      "-- MySQL dump 10.13  Distrib 8.0\n--\nINSERT INTO t VALUES ('it\\'s');\n";
  EXPECT_EQ(WalkBytes(dump).reason, Reason::kIncomplete);
  const Verdict verdict = WalkBytes(dump + "-- Dump completed on 2026-01-01  2:00:00\n");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact);
  EXPECT_EQ(verdict.format, "mysqldump SQL");
}

TEST(SqlDumpTest, EachOfSeveralMySqlDumpsNeedsItsEnd) {
  const std::string head = "-- MySQL dump 10.13  Distrib 8.0\n--\n";
  const std::string end = "-- Dump completed on 2026-01-01  2:00:00\n";
  // So that marks lie across the ends of what is read at once, too.
  for (std::size_t size = (1 << 16) - 200; size < (1 << 16) + 60; ++size) {
    const std::string rows = "INSERT INTO t VALUES ('" + std::string(size, 'a') + "');\n";
    const std::string whole = head + rows + end;
    ASSERT_EQ(WalkBytes(whole + whole + whole).outcome, Outcome::kIntact) << size;
    const Verdict cut = WalkBytes(head + rows + whole);
    ASSERT_EQ(cut.message, "another dump begins where the one before it has not ended") << size;
    ASSERT_EQ(cut.place, "byte " + std::to_string((head + rows).size()));
  }
  const std::string small = head + "SELECT 1;\n" + end;
  EXPECT_EQ(WalkBytes(small + small).outcome, Outcome::kIntact);
  for (const std::string& open : {small + head, small + head + "SELECT 1;\n"}) {
    EXPECT_EQ(WalkBytes(open).message, "ends without \"-- Dump completed\"");
  }
  EXPECT_EQ(WalkBytes(small + "-- MySQL dump ").reason, Reason::kIncomplete);
  EXPECT_EQ(WalkBytes(small + "-- MySQL dump").outcome, Outcome::kIntact) << "a remark";
  EXPECT_EQ(WalkBytes(head + "SELECT 1;\n-- Dump completed").outcome, Outcome::kIntact);
}

TEST(SqlDumpTest, WhatRoutinesSayOfMySqlDumpsIsNoMark) {
  const std::string head = "-- MySQL dump 10.13  Distrib 8.0\n--\n";
  const std::string end = "-- Dump completed on 2026-01-01  2:00:00\n";
  const auto routine = [](const std::string& comment, const std::string& line_end = "\n") {
    return "DELIMITER ;;" + line_end + "CREATE PROCEDURE `p`()\nBEGIN\n" + comment +
           "\nEND ;;\nDELIMITER ;" + line_end;
  };
  for (const char* comment : {"-- MySQL dump is made nightly", "-- Dump completed",
                              "-- MariaDB dump or not", "-- DELIMITER is used"}) {
    EXPECT_EQ(WalkBytes(head + routine(comment) + end).message, "") << comment;
    EXPECT_EQ(WalkBytes(head + routine(comment, "\r\n") + end).message, "") << comment;
    EXPECT_EQ(WalkBytes(head + routine(comment)).reason, Reason::kIncomplete) << comment;
  }
  const std::string whole = head + routine("-- Dump completed") + end;
  for (const std::size_t size : {70, 90, 105}) {
    EXPECT_EQ(WalkBytes(whole.substr(0, size) + "\n" + whole).message,
              "another dump begins where the one before it has not ended");
  }
}

TEST(SqlDumpTest, ACutDumpIsFoundBeforeOneOfTheOtherProgram) {
  const std::string mysql = "-- MySQL dump 10.13  Distrib 8.0\n--\nSELECT 1;\n";
  const std::string mariadb = "-- MariaDB dump 10.19-11.4.2-MariaDB, for Linux\n--\nSELECT 1;\n";
  const std::string end = "-- Dump completed on 2026-01-01  2:00:00\n";
  for (const auto& [first, second] : {std::pair(mysql, mariadb), std::pair(mariadb, mysql)}) {
    EXPECT_EQ(WalkBytes(first + end + second + end).outcome, Outcome::kIntact);
    EXPECT_EQ(WalkBytes(first + second + end).message,
              "another dump begins where the one before it has not ended");
    EXPECT_EQ(WalkBytes(first + end + second).reason, Reason::kIncomplete);
  }
}

TEST(SqlDumpTest, MessagesOfMySqlsProgramsAreNoStatements) {
  const std::string head = "-- MariaDB dump 10.19  Distrib 10.11.8-MariaDB\n--\n";
  const std::string end = "-- Dump completed on 2026-01-01  2:00:00\n";
  const std::string rows = "INSERT INTO t VALUES ('mysqldump: Error\\nmysqldump: Error');\n";
  EXPECT_EQ(WalkBytes(head + rows + end).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(head + "-- mysqldump: of the shop\n" + end).outcome, Outcome::kIntact);
  for (const std::string message :
       {"mysqldump: Error: 'Access denied; you need the PROCESS privilege'\r\n",
        "mariadb-dump: Couldn't execute 'SHOW FUNCTION STATUS'\n"}) {
    for (const std::size_t size : {0, 100'000}) {
      const std::string before = head + rows + "--" + std::string(size, '-') + "\n";
      const Verdict verdict = WalkBytes(before + message + rows + end);
      EXPECT_EQ(verdict.reason, Reason::kCorrupt) << message;
      EXPECT_EQ(verdict.place, "byte " + std::to_string(before.size()));
      EXPECT_EQ(WalkBytes(before + message + end).reason, Reason::kCorrupt) << message;
    }
  }
}

TEST(SqlDumpTest, LinesOfAnyLengthAreFine) {
  const std::string head = "--\n-- PostgreSQL database dump\n--\n\nCOPY public.t (a) FROM stdin;\n";
  const std::string end = "\n\\.\n--\n-- PostgreSQL database dump complete\n--\n";
  EXPECT_EQ(WalkBytes(head + std::string(3 << 20, 'a') + end).outcome, Outcome::kIntact);
}

}  // namespace
}  // namespace drwatch::verify
