#include "verify/copy_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>

#include "base/strings.h"
#include "samples.h"
#include "verify/copy_statement.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// What reading rows came to: how many bytes were taken, whether the end mark was among them, and
// what is wrong.
struct Reading {
  std::size_t taken = 0;
  bool ended = false;
  std::string wrong;
  bool operator==(const Reading&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Reading& reading) {
  return out << reading.taken << (reading.ended ? " ended " : " ") << reading.wrong;
}

Reading Read(std::string_view bytes, std::size_t columns, TextEncoding encoding,
             std::size_t piece = SIZE_MAX) {
  CopyRows rows({"t", columns}, encoding);
  Reading reading;
  while (reading.taken < bytes.size() && !rows.ended()) {
    const auto taken = rows.Take(bytes.substr(reading.taken, piece));
    if (!taken) {
      reading.taken += taken.error().at;
      reading.wrong = taken.error().message;
      return reading;
    }
    reading.taken += *taken;
  }
  reading.ended = rows.ended();
  return reading;
}

// The same the slow way: byte by byte, with a look at what follows.
class SlowRows {
 public:
  SlowRows(std::string_view bytes, std::size_t columns, TextEncoding encoding)
      : bytes_(bytes), columns_(columns) {
    base::Utf8Stream utf8;
    const bool is_utf8 = encoding == TextEncoding::kUtf8;
    for (std::size_t i = 0; is_utf8 && i < bytes.size() && bad_ == bytes.npos; ++i) {
      if (utf8.Take(bytes.substr(i, 1)) != base::Utf8Stream::kNone) bad_ = i;
    }
  }

  Reading Read() {
    while (Row()) ++row_;
    return {at_, ended_, wrong_.empty() ? "" : "row " + std::to_string(row_) + " of t " + wrong_};
  }

 private:
  // The byte at at_, if there is one and nothing is wrong with it in itself.
  std::optional<char> Look() {
    if (at_ == bytes_.size()) return std::nullopt;
    if (at_ == bad_) Wrong("is not valid UTF-8");
    if (at_ != bad_ && bytes_[at_] == '\0') Wrong("holds a zero byte");
    return wrong_.empty() ? std::optional(bytes_[at_]) : std::nullopt;
  }
  bool Wrong(const std::string& what) {
    wrong_ = what;
    return false;
  }
  // True if there may be another one.
  bool Row() {
    std::size_t tabs = 0;
    for (bool first = true;; first = false) {
      auto c = Look();
      if (!c) return false;
      if (*c == '\\') {
        ++at_;
        c = Look();
        if (!c) return false;
        if (*c != '.') {
          ++at_;
          continue;
        }
        if (!first) return Wrong("holds an end mark");
        ++at_;
        return Mark();
      }
      if (*c == '\n') {
        if (line_end_ == "\r\n") return Wrong("ends in a newline alone");
        line_end_ = "\n";
        return EndRow(tabs);
      }
      if (*c == '\r') {
        if (line_end_ == "\n") return Wrong("holds a carriage return");
        ++at_;
        c = Look();
        if (!c) return false;
        if (*c != '\n') return Wrong("holds a carriage return");
        line_end_ = "\r\n";
        return EndRow(tabs);
      }
      if (*c == '\t') ++tabs;
      ++at_;
    }
  }
  bool EndRow(std::size_t tabs) {
    if (columns_ != 0 && tabs + 1 != columns_) {
      return Wrong("has " + std::to_string(tabs + 1) + (tabs == 0 ? " column" : " columns") +
                   " where " + std::to_string(columns_) + (columns_ == 1 ? " is" : " are") +
                   " named");
    }
    ++at_;
    return true;
  }
  bool Mark() {
    auto c = Look();
    if (c && *c == '\r' && line_end_ != "\n") {
      line_end_ = "\r\n";
      ++at_;
      c = Look();
    } else if (line_end_ == "\r\n" && c && *c == '\n') {
      c = '?';
    }
    if (c && *c != '\n') Wrong("is a damaged end mark");
    ended_ = c && *c == '\n';
    at_ += ended_ ? 1 : 0;
    return false;
  }

  std::string_view bytes_;
  std::size_t columns_;
  std::size_t bad_ = std::string_view::npos;
  std::size_t at_ = 0;
  std::int64_t row_ = 1;
  std::string line_end_;
  bool ended_ = false;
  std::string wrong_;
};

struct RowsCase {
  std::string rows;
  std::size_t columns;
  std::string wrong;  // empty: COPY takes them
};

// Each of them was given to COPY of PostgreSQL 15, which says the same.
TEST(CopyRowsTest, WhatCopyTakesIsTaken) {
  for (const std::string rows :
       {"1\t2\n3\t4\n\\.\n", "\\.\n", "1\\\t2\tx\n\\.\n", "1\\\n2\tx\n\\.\n", "1\\\r2\tx\n\\.\n",
        "\\N\t\\\\\n\\.\n", "\\\\\\\\\t\\\\.\n\\.\n", "1\tx\r\n2\tx\r\n\\.\r\n", "\\.\r\n",
        "\t\n\\.\n", "\\\\N\tx\\x\n\\.\n", "1\tx\\\r\r\n\\.\r\n"}) {
    const Reading reading = Read(rows, 2, TextEncoding::kUtf8);
    EXPECT_EQ(reading, (Reading{rows.size(), true, ""})) << base::Quote(rows);
  }
  EXPECT_TRUE(Read("\n\n\\.\n", 1, TextEncoding::kUtf8).ended);
  // A table without columns.
  EXPECT_TRUE(Read("\n\n\\.\n", 0, TextEncoding::kUtf8).ended);
  EXPECT_TRUE(Read("a\tb\nc\n\\.\n", 0, TextEncoding::kUtf8).ended);
}

TEST(CopyRowsTest, WhatMakesCopyFailIsFound) {
  const std::string row = "row 2 of t ";
  for (const auto& [rows, columns, wrong] :
       std::vector<RowsCase>{{"1\t2\n3\n\\.\n", 2, row + "has 1 column where 2 are named"},
                             {"1\t2\n3\t4\t5\n\\.\n", 2, row + "has 3 columns where 2 are named"},
                             {"1\n3\t4\n\\.\n", 1, row + "has 2 columns where 1 is named"},
                             {"1\t2\n\n\\.\n", 2, row + "has 1 column where 2 are named"},
                             {"1\t2\n1\r2\tx\n\\.\n", 2, row + "holds a carriage return"},
                             {"1\t2\r\n1\r2\tx\r\n\\.\r\n", 2, row + "holds a carriage return"},
                             {"1\t2\r\n1\t2\n\\.\r\n", 2, row + "ends in a newline alone"},
                             {"1\t2\r\n\\.\n", 2, row + "is a damaged end mark"},
                             {"1\t2\n\\.\r\n", 2, row + "is a damaged end mark"},
                             {"1\t2\n\\.x\n\\.\n", 2, row + "is a damaged end mark"},
                             {"1\t2\n1\tx\\.\n2\tx\n\\.\n", 2, row + "holds an end mark"},
                             {std::string("1\t2\n1\t\0\n\\.\n", 11), 2, row + "holds a zero byte"},
                             {"1\t2\n1\t\xff\n\\.\n", 2, row + "is not valid UTF-8"},
                             {"1\t2\n1\t\xed\xa0\x80\n\\.\n", 2, row + "is not valid UTF-8"},
                             {"1\t2\n1\t\xc3\n\\.\n", 2, row + "is not valid UTF-8"}}) {
    EXPECT_EQ(Read(rows, columns, TextEncoding::kUtf8).wrong, wrong) << base::Quote(rows);
  }
}

TEST(CopyRowsTest, OtherEncodingsAreNotChecked) {
  EXPECT_TRUE(Read("1\t\xe9\xff\n\\.\n", 2, TextEncoding::kOther).ended);
  // SJIS: the second byte of a character is a backslash to whoever looks at bytes.
  const std::string sjis = "\x95\x5c\t\x95\x5c\n\x95\x5c.\tx\n\\N\t\x95\x5c\n";
  EXPECT_EQ(Read(sjis + "\\.\nSET", 2, TextEncoding::kEmbedsAscii),
            (Reading{sjis.size() + 3, true, ""}));
  EXPECT_EQ(Read(sjis + "\\.\r\n", 2, TextEncoding::kEmbedsAscii).ended, true);
  EXPECT_EQ(Read(sjis + "\\.x\n", 2, TextEncoding::kEmbedsAscii).ended, false);
  EXPECT_EQ(Read(sjis + std::string(1, '\0'), 2, TextEncoding::kEmbedsAscii).wrong,
            "row 4 of t holds a zero byte");
}

class RandomRows {
 public:
  explicit RandomRows(unsigned seed) : random_(seed) {}
  std::size_t Below(std::size_t limit) { return random_() % limit; }

  // Rows that COPY takes, mostly, with a byte or two changed or lost in many of them.
  std::string Make(std::size_t columns) {
    const std::string line_end = Below(4) == 0 ? "\r\n" : "\n";
    const std::size_t longest = 1 + Below(Below(4) == 0 ? 150 : 20);
    std::string text;
    for (std::size_t rows = Below(12); rows > 0; --rows) {
      for (std::size_t i = 0; i < columns; ++i) text += (i > 0 ? "\t" : "") + Value(longest);
      text += line_end;
    }
    text += "\\." + line_end + "SET";
    for (std::size_t damages = Below(3); damages > 0; --damages) {
      constexpr std::string_view kBytes("\t\n\r\\.\0aN\xc3\xa9\xff", 11);
      const std::size_t at = Below(text.size());
      if (Below(4) == 0) {
        text.erase(at, 1 + Below(3));
      } else {
        text[at] = kBytes[Below(kBytes.size())];
      }
      if (text.empty()) text = "\n";
    }
    return text;
  }

 private:
  std::string Value(std::size_t longest) {
    constexpr const char* kParts[] = {
        "a",    "bc",       "0", ".", "\\\\", "\\N", "\\n",          "\\t",  "\\\t",
        "\\\n", "\xc3\xa9", " ", "x", "word", "\\r", "\xe2\x82\xac", "\\\\", "\xf0\x9f\x98\x80"};
    // Most dumps hold few backslashes and little beside ASCII.
    const std::size_t kinds = Below(3) == 0 ? std::size(kParts) : 4;
    std::string value;
    for (std::size_t size = Below(longest); size > 0; --size) value += kParts[Below(kinds)];
    return value;
  }

  std::mt19937 random_;
};

TEST(CopyRowsTest, AgreesWithTheSlowWayHoweverTheBytesArrive) {
  RandomRows random(1);
  int ended = 0;
  int wrong = 0;
  for (int round = 0; round < 30'000; ++round) {
    const std::size_t columns = random.Below(6);
    const std::string text = random.Make(std::max<std::size_t>(columns, 1));
    const TextEncoding encoding = round % 2 == 0 ? TextEncoding::kUtf8 : TextEncoding::kOther;
    const Reading expected = SlowRows(text, columns, encoding).Read();
    ended += expected.ended ? 1 : 0;
    wrong += expected.wrong.empty() ? 0 : 1;
    for (const std::size_t piece : {std::size_t{1}, 1 + random.Below(100), text.size()}) {
      ASSERT_EQ(Read(text, columns, encoding, piece), expected)
          << piece << " " << base::Quote(text);
    }
  }
  EXPECT_GT(ended, 8'000);
  EXPECT_GT(wrong, 8'000);
}

TEST(CopyRowsTest, BytesWithoutAnyOrderAgreeToo) {
  RandomRows random(2);
  for (int round = 0; round < 30'000; ++round) {
    constexpr std::string_view kBytes("\n\t\\.\r\xc3\xa9\xe2\x82\xac\0", 11);
    const std::size_t kinds = 2 + random.Below(10);
    std::string text = round % 2 == 0 ? "\n" : "\r\n";
    for (std::size_t size = random.Below(200); size > 0; --size) {
      const std::size_t kind = random.Below(kinds);
      text += kind < kBytes.size() && random.Below(3) == 0 ? kBytes[kind] : 'a';
    }
    const TextEncoding encoding = round % 3 == 0 ? TextEncoding::kUtf8 : TextEncoding::kOther;
    const Reading expected = SlowRows(text, round % 2, encoding).Read();
    for (const std::size_t piece : {1 + random.Below(70), text.size()}) {
      ASSERT_EQ(Read(text, round % 2, encoding, piece), expected) << base::Quote(text);
    }
  }
}

TEST(CopyStatementTest, NamesTableAndColumns) {
  const auto parsed = [](std::string_view statement) {
    const auto target = ParseCopyStatement(statement);
    return target ? target->table + " " + std::to_string(target->columns) : "";
  };
  EXPECT_EQ(parsed("COPY public.orders (id, note) FROM stdin;\n"), "public.orders 2");
  EXPECT_EQ(parsed("COPY orders (id) FROM stdin;"), "orders 1");
  EXPECT_EQ(parsed("COPY s.t (a, \"b,c\", \"d)\", \"e\"\",\"\"f\", \" g\") FROM stdin;\r"),
            "s.t 5");
  EXPECT_EQ(parsed("COPY \"a b\".\"c(d) \"\"e\" (x, y) FROM stdin;"), "\"a b\".\"c(d) \"\"e\" 2");
  EXPECT_EQ(parsed("COPY public.nothing  FROM stdin;\n"), "public.nothing 0");
  EXPECT_EQ(parsed("COPY public.old (a, b) WITH OIDS FROM stdin;"), "public.old 3");
  EXPECT_EQ(parsed("COPY public.old  WITH OIDS FROM stdin;"), "public.old 0");
  EXPECT_EQ(parsed("COPY public.\"a\nb\" (c) FROM stdin;"), "\"public.\\\"a\\nb\\\"\" 1");
  // Whatever else stands there is not counted.
  EXPECT_EQ(parsed("COPY public.t (a, b FROM stdin;"), "public.t 0");
  EXPECT_EQ(parsed("COPY public.t (a) more FROM stdin;"), "public.t 0");
  for (const char* other : {"COPY public.t (a) TO stdout;", "COPY t", "copy t (a) from stdin;",
                            "COPY t (a) FROM stdin;x", "SELECT 1;", ""}) {
    EXPECT_EQ(parsed(other), "") << other;
  }
}

TEST(CopyStatementTest, KnowsWhichEncodingsCanBeChecked) {
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'UTF8';\n"), TextEncoding::kUtf8);
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'UTF8';\r"), TextEncoding::kUtf8);
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'LATIN1';"), TextEncoding::kOther);
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'SQL_ASCII';"), TextEncoding::kOther);
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'SJIS';"), TextEncoding::kEmbedsAscii);
  EXPECT_EQ(ParseSetEncoding("SET client_encoding = 'GB18030';"), TextEncoding::kEmbedsAscii);
  EXPECT_EQ(ParseSetEncoding("SET search_path = '';"), std::nullopt);
}

// Plain dumps.

const std::string kHead = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n";
const std::string kEnd = "--\n-- PostgreSQL database dump complete\n--\n\n";

TEST(PlainRowsTest, DamagedRowsAreNamed) {
  const std::string copy = "COPY public.\"o,d\" (a, \"b,)\") FROM stdin;\n";
  EXPECT_EQ(WalkBytes(kHead + copy + "1\t2\n3\t4\n\\.\n\n" + kEnd).outcome, Outcome::kIntact);
  const Verdict verdict = WalkBytes(kHead + copy + "1\t2\n3 4\n\\.\n\n" + kEnd);
  EXPECT_EQ(verdict.reason, Reason::kCorrupt);
  EXPECT_EQ(verdict.message, "row 2 of public.\"o,d\" has 1 column where 2 are named");
  EXPECT_EQ(verdict.place, "byte " + std::to_string(kHead.size() + copy.size() + 7));
  // Statements go on behind the rows.
  EXPECT_EQ(WalkBytes(kHead + copy + "1\t2\n\\.\n" + copy + "1\n\\.\n" + kEnd).message,
            "row 1 of public.\"o,d\" has 1 column where 2 are named");
}

TEST(PlainRowsTest, WhatWentThroughWindowsIsIntact) {
  std::string dump = kHead + "COPY public.t (a, b) FROM stdin;\n1\t2\n3\t4\n\\.\n\n" + kEnd;
  for (std::size_t at = 0; (at = dump.find('\n', at)) != dump.npos; at += 2) dump.insert(at, "\r");
  EXPECT_EQ(WalkBytes(dump).outcome, Outcome::kIntact) << WalkBytes(dump).ToString();
  dump.erase(dump.find("2\r\n") + 1, 1);
  EXPECT_EQ(WalkBytes(dump).message, "row 2 of public.t holds a carriage return");
}

TEST(PlainRowsTest, NamesMayHoldNewlines) {
  const std::string copy = "COPY public.\"a\nb'\" (\"c\n,d\", e) FROM stdin;\n";
  EXPECT_EQ(WalkBytes(kHead + copy + "'\t2\n\\.\n" + kEnd).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(kHead + copy + "'\n\\.\n" + kEnd).message,
            "row 1 of \"public.\\\"a\\nb'\\\"\" has 1 column where 2 are named");
}

TEST(PlainRowsTest, EndMarksNeedTheirRows) {
  const std::string copy = "COPY public.t (a, b) FROM stdin;\n";
  const std::string message = "an end mark of rows that no COPY began";
  EXPECT_EQ(WalkBytes(kHead + copy + "1\t2\n\\.\n3\t4\n\\.\n" + kEnd).message, message);
  EXPECT_EQ(WalkBytes(kHead + "CO" + copy + "1\t2\n\\.\n" + kEnd).message, message);
  EXPECT_EQ(WalkBytes(kHead + "COPY public.t (a) FROM stdhn;\n1\n\\.\n" + kEnd).message, message);
  // What somebody wrote by hand is left to psql.
  for (const std::string by_hand :
       {"copy t from stdin;\n", "COPY t FROM STDIN WITH (FORMAT csv);\n",
        "COPY t\n FROM stdin;\n"}) {
    EXPECT_EQ(WalkBytes(kHead + by_hand + "1,2\n3\n\\.\n" + copy + "\\.\n" + kEnd).outcome,
              Outcome::kIntact)
        << by_hand;
  }
}

TEST(PlainRowsTest, TextIsWhatItsEncodingSays) {
  const std::string statement = "INSERT INTO t VALUES ('caf\xc3\xa9');\n";
  const std::string latin1 = "INSERT INTO t VALUES ('caf\xe9');\n";
  EXPECT_EQ(WalkBytes(kHead + statement + kEnd).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(kHead + latin1 + kEnd).message, "a statement is not valid UTF-8");
  EXPECT_EQ(WalkBytes(kHead + latin1 + kEnd).place,
            "byte " + std::to_string(kHead.size() + latin1.find('\xe9') + 1));
  EXPECT_EQ(WalkBytes(kHead + "SELECT '\xc3\n';\n" + kEnd).reason, Reason::kCorrupt);
  const std::string set_latin1 = "SET client_encoding = 'LATIN1';\n";
  EXPECT_EQ(WalkBytes(kHead + set_latin1 + latin1 + kEnd).outcome, Outcome::kIntact);
  // pg_dumpall: another database, whose encoding is told a little later, and whose name is not.
  const std::string connect = "-- Database \"caf\xe9\" dump\n\\connect caf\xe9\n";
  EXPECT_EQ(WalkBytes(kHead + connect + latin1 + kEnd).outcome, Outcome::kIntact);
  EXPECT_EQ(WalkBytes(kHead + connect + kEnd + kHead + latin1 + kEnd).reason, Reason::kCorrupt);
}

}  // namespace
}  // namespace drwatch::verify
