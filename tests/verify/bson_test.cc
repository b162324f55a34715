// What mongodump writes, put together here as its format says.
#include "verify/bson.h"

#include <gtest/gtest.h>

#include "samples.h"
#include "verify/crc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

std::string Bytes(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> 8 * i));
  return bytes;
}
std::string Document(const std::string& fields) {
  return Bytes(fields.size() + 5, 4) + fields + '\0';
}
std::string TextField(const std::string& name, const std::string& text) {
  return '\2' + name + '\0' + Bytes(text.size() + 1, 4) + text + '\0';
}
const std::string kEnd(4, '\xff');

// A collection's documents, or its end.
std::string Block(const std::string& collection, const std::string& documents) {
  return Document(TextField("db", "shop") + TextField("collection", collection) +
                  std::string("\x08"
                              "EOF\0\0",
                              6) +
                  '\x12' + "CRC" + '\0' + Bytes(0, 8)) +
         documents + kEnd;
}
std::string Last(const std::string& collection, std::uint64_t crc) {
  return Document(TextField("db", "shop") + TextField("collection", collection) +
                  std::string("\x08"
                              "EOF\0\1",
                              6) +
                  '\x12' + "CRC" + '\0' + Bytes(crc, 8)) +
         kEnd;
}
std::string Documents(int from, int to) {
  std::string documents;
  for (int i = from; i < to; ++i) documents += Document(TextField("name", std::to_string(i * i)));
  return documents;
}
// Two collections, written side by side, and an empty one.
std::string Archive() {
  const std::string a = Documents(0, 40);
  const std::string b = Documents(40, 60);
  const std::string c = Documents(60, 90);
  return "\x6d\xe2\x99\x81" + Document(TextField("version", "0.1")) +
         Document(TextField("db", "shop") + TextField("metadata", std::string(3000, ' '))) + kEnd +
         Block("orders", a) + Block("users", b) + Block("orders", c) +
         Last("orders", Crc64Xz(0, a + c)) + Last("users", Crc64Xz(0, b)) + Block("none", "") +
         Last("none", 0);
}

TEST(BsonTest, TheChecksumIsThatOfTheFormat) {
  EXPECT_EQ(Crc64Xz(0, "123456789"), 0x995dc9bbdf1939faULL);
  EXPECT_EQ(Crc64Xz(Crc64Xz(0, "1234"), "56789"), 0x995dc9bbdf1939faULL);
}

TEST(BsonTest, AnArchiveIsProven) {
  const Verdict verdict = WalkBytes(Archive(), "dump.archive");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.level, Level::kContent);
  EXPECT_EQ(verdict.format, "mongodump archive");
  EXPECT_EQ(WalkBytes(Gzip(Archive()), "dump.gz").format, "mongodump archive in gzip");
}

TEST(BsonTest, EveryDamageOfAnArchiveIsSeen) {
  const std::string whole = Archive();
  const std::size_t orders = whole.find(Documents(0, 40));
  const std::size_t last = whole.rfind(Block("none", ""));
  for (std::size_t size = 4; size < last; ++size) {
    EXPECT_EQ(WalkBytes(whole.substr(0, size), "x").outcome, Outcome::kBroken) << size << " bytes";
  }
  EXPECT_EQ(WalkBytes(whole + "junk", "x").outcome, Outcome::kBroken);
  for (std::size_t at = 0; at < Documents(0, 40).size(); ++at) {
    const std::string damaged = Flipped(whole, orders + at, static_cast<int>(at % 8));
    EXPECT_EQ(WalkBytes(damaged, "x").outcome, Outcome::kBroken) << "byte " << at;
  }
}

TEST(BsonTest, DocumentsAreFollowedToTheLastOne) {
  const std::string whole = Documents(0, 100);
  const Verdict verdict = WalkBytes(whole, "orders.bson");
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.message;
  EXPECT_EQ(verdict.format, "BSON");
  EXPECT_EQ(verdict.level, Level::kFormat);
  int seen = 0;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    seen += WalkBytes(whole.substr(0, size), "orders.bson").outcome == Outcome::kBroken ? 1 : 0;
  }
  EXPECT_EQ(seen, static_cast<int>(whole.size()) - 1 - 99) << "all but between two documents";
  EXPECT_EQ(WalkBytes(Noise(500), "orders.bson").reason, Reason::kCorrupt);
}

TEST(BsonTest, AFolderOfMongodumpIsWhole) {
  const testing::TempDir folder;
  folder.Write("dump/shop/orders.bson", Documents(0, 9));
  folder.Write("dump/shop/orders.metadata.json", R"({"indexes":[]})");
  folder.Write("dump/shop/none.bson", "");
  folder.Write("dump/shop/packed.bson.gz", Gzip(Documents(0, 9)));
  folder.Write("dump/shop/packed-none.bson.gz", Gzip(""));
  Verdict verdict = VerifyPath(folder.Path("dump"), {});
  EXPECT_EQ(verdict.outcome, Outcome::kIntact) << verdict.ToString();
  folder.Write("dump/shop/orders.bson", Documents(0, 9).substr(0, 100));
  verdict = VerifyPath(folder.Path("dump"), {});
  EXPECT_EQ(verdict.outcome, Outcome::kBroken);
  EXPECT_EQ(verdict.reason, Reason::kIncomplete) << verdict.ToString();
}

}  // namespace
}  // namespace drwatch::verify
