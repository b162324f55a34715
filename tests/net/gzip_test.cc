#include "net/gzip.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "support/gunzip.h"

namespace drwatch::net {
namespace {

std::string Join(const std::vector<std::string>& texts) {
  std::vector<std::shared_ptr<const PackedPiece>> pieces;
  for (const std::string& text : texts) {
    pieces.push_back(std::make_shared<const PackedPiece>(PackPiece(text)));
  }
  return JoinPieces(pieces);
}

void ExpectWhole(const std::vector<std::string>& texts) {
  std::string whole;
  for (const std::string& text : texts) whole += text;
  EXPECT_EQ(testing::Gunzip(Join(texts)), whole);
}

std::string Noise(std::size_t bytes) {
  std::mt19937 random(static_cast<unsigned>(bytes));
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(GzipTest, JoinsPieces) {
  ExpectWhole({});
  ExpectWhole({""});
  ExpectWhole({"a"});
  ExpectWhole({"a", "", "b", "a"});
  ExpectWhole({std::string(1'000'000, 'x'), "y", std::string(70'000, 'x')});
}

TEST(GzipTest, JoinsPiecesThatCannotBePacked) {
  for (const std::size_t bytes : {1, 100, 65'535, 65'536, 300'000}) {
    ExpectWhole({Noise(bytes), "then", Noise(bytes + 1)});
  }
}

TEST(GzipTest, JoinsManyPieces) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    texts.push_back("metric_" + std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x'));
  }
  ExpectWhole(texts);
}

TEST(GzipTest, PacksPagesWell) {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += "metric_seconds{probe=\"probe-" + std::to_string(i) + "\"} " +
            std::to_string(i * 7919 % 10007) + "\n";
  }
  EXPECT_LT(Gzip(text).size(), text.size() / 5);
  EXPECT_EQ(testing::Gunzip(Gzip(text)), text);
  EXPECT_EQ(testing::Gunzip(Gzip("")), "");
}

}  // namespace
}  // namespace drwatch::net
