#include "base/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "base/byte_block.h"
#include "base/strings.h"

namespace drwatch::base {
namespace {

// The Unicode standard, table 3-7, row by row: what each byte of a character may be.
struct Range {
  int lowest;
  int highest;
};
const std::vector<std::vector<Range>> kCharacters = {
    {{0x00, 0x7f}},
    {{0xc2, 0xdf}, {0x80, 0xbf}},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
    {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
    {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
};

// How many bytes fit the row of the table; all of the character's or all of the text's if it fits.
std::size_t Fitting(const std::vector<Range>& row, std::string_view text) {
  std::size_t size = 0;
  while (size < row.size() && size < text.size()) {
    const int byte = static_cast<unsigned char>(text[size]);
    if (byte < row[size].lowest || byte > row[size].highest) break;
    ++size;
  }
  return size;
}

// Where the first wrong byte stands, by the table alone.
std::size_t FirstWrong(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t best = 0;
    bool whole = false;
    for (const auto& row : kCharacters) {
      const std::size_t fitting = Fitting(row, text.substr(at));
      best = std::max(best, fitting);
      whole = whole || fitting == row.size();
    }
    at += best;
    if (!whole) return at == text.size() ? Utf8Stream::kNone : at;
  }
  return Utf8Stream::kNone;
}

std::size_t InPieces(std::string_view text, std::size_t piece, bool* whole = nullptr) {
  Utf8Stream stream;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::size_t wrong = stream.Take(text.substr(at, piece));
    if (wrong != Utf8Stream::kNone) return at + wrong;
  }
  if (whole != nullptr) *whole = stream.whole();
  return Utf8Stream::kNone;
}

TEST(Utf8Test, EveryTwoBytesAreWhatTheTableSays) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      for (const std::string end : {"", "\x80", "\x80\x80", "a"}) {
        const std::string text = std::string{static_cast<char>(first), static_cast<char>(second)} +
                                 end + std::string(end.size() == 2 ? 60 : 0, 'a');
        ASSERT_EQ(InPieces(text, text.size()), FirstWrong(text)) << Quote(text);
      }
    }
  }
}

TEST(Utf8Test, HalfACharacterIsNotWhole) {
  for (const std::string_view text : {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\xf0"}) {
    bool whole = true;
    EXPECT_EQ(InPieces(text, 1, &whole), Utf8Stream::kNone);
    EXPECT_FALSE(whole);
    EXPECT_FALSE(IsValidUtf8(text));
  }
}

// Texts of whole characters of one to four bytes, with a byte changed in most of them.
TEST(Utf8Test, AgreesWithTheTableHoweverTheBytesArrive) {
  std::mt19937 random(1);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::size_t longest = 1 + below(4);
    for (std::size_t size = below(300); text.size() < size;) {
      const auto& row = kCharacters[below(kCharacters.size())];
      if (row.size() > longest) continue;
      for (const Range& range : row) {
        const int span = range.highest - range.lowest + 1;
        text += static_cast<char>(range.lowest + static_cast<int>(below(span)));
      }
    }
    if (!text.empty() && below(4) > 0) text[below(text.size())] = static_cast<char>(below(256));
    const std::size_t expected = FirstWrong(text);
    for (const std::size_t piece : {std::size_t{1}, 1 + below(100), text.size() + 1}) {
      ASSERT_EQ(InPieces(text, piece), expected) << piece << " " << Quote(text);
    }
  }
}

TEST(ByteBlockTest, EveryKindAnswersForEachByte) {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(kByteBlockBytes + 1, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() >> (round % 8));
    const std::string_view block = std::string_view(bytes).substr(round % 2, kByteBlockBytes);
    const ByteBlock quick(block.data());
    const PlainByteBlock plain(block.data());
    const auto which = [block](auto predicate) {
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < block.size(); ++i) {
        bits |= std::uint64_t{predicate(static_cast<unsigned char>(block[i]))} << i;
      }
      return bits;
    };
    for (int c = 0; c < 256; ++c) {
      const std::uint64_t equal = which([c](int byte) { return byte == c; });
      ASSERT_EQ(quick.Equal(static_cast<char>(c)), equal);
      ASSERT_EQ(plain.Equal(static_cast<char>(c)), equal);
    }
    const std::uint64_t high = which([](int byte) { return byte >= 0x80; });
    const std::uint64_t lowest = which([](int byte) { return byte % 2 != 0; });
    EXPECT_EQ(std::tuple(quick.Bit<7>(), quick.Bit<0>()), std::tuple(high, lowest));
    EXPECT_EQ(std::tuple(plain.Bit<7>(), plain.Bit<0>()), std::tuple(high, lowest));
    EXPECT_EQ(std::tuple(quick.HasHigh(), plain.HasHigh()), std::tuple(high != 0, high != 0));
    const bool any = block.find_first_of(std::string_view("\0x\xff", 3)) != block.npos;
    EXPECT_EQ((quick.HasAny<'\0', 'x', '\xff'>()), any);
    EXPECT_EQ((plain.HasAny<'\0', 'x', '\xff'>()), any);
  }
}

}  // namespace
}  // namespace drwatch::base
