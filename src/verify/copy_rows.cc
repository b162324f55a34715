#include "verify/copy_rows.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "base/byte_block.h"

namespace drwatch::verify {
namespace {

using base::ByteBlock;
using base::kByteBlockBytes;
using LineEnd = CopyRows::LineEnd;

// Bytes that are looked at twice, as text and as rows, before the next ones are: they stay in the
// processor's cache, and little is read beyond the end mark of a small table.
constexpr std::size_t kPartBytes = 4096;

// The bytes behind an odd number of backslashes, in a block that begins outside of an escape.
// Adding its lowest bit to a run of ones clears it and sets the bit behind it.
std::uint64_t Escaped(std::uint64_t backslashes) {
  constexpr std::uint64_t kEven = 0x5555'5555'5555'5555;
  const std::uint64_t starts = backslashes & ~(backslashes << 1);
  const std::uint64_t behind_even = (backslashes + (starts & kEven)) & ~backslashes;
  const std::uint64_t behind_odd = (backslashes + (starts & ~kEven)) & ~backslashes;
  return (behind_even & ~kEven) | (behind_odd & kEven);
}

// How many bits are set. The processor may have no instruction for it, and a call takes longer.
std::size_t CountOnes(std::uint64_t word) {
  word -= word >> 1 & 0x5555'5555'5555'5555;
  word = (word & 0x3333'3333'3333'3333) + (word >> 2 & 0x3333'3333'3333'3333);
  word = (word + (word >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return word * 0x0101'0101'0101'0101 >> 56;
}

// The last bytes of a piece that is read in blocks: with some before them, which were read already,
// or of a short piece with blanks.
ByteBlock LastBlock(std::string_view bytes) {
  if (bytes.size() >= kByteBlockBytes) return ByteBlock(&bytes.back() + 1 - kByteBlockBytes);
  char padded[kByteBlockBytes];
  std::memset(padded, ' ', sizeof padded);
  std::memcpy(padded + sizeof padded - bytes.size(), bytes.data(), bytes.size());
  return ByteBlock(padded);
}

// What the last `size` bytes of a block are: a bit for each.
struct Marks {
  std::uint64_t tabs = 0;      // between columns
  std::uint64_t newlines = 0;  // at the ends of rows
  // Of how many bytes this is true: all, or all but the last one if the next byte decides what that
  // is. 0: a closer look is needed.
  std::size_t size = 0;
};

// Of a block with backslashes, carriage returns or zero bytes, or of lines that do not end with a
// newline alone.
Marks UnusualMarks(const ByteBlock& block, std::size_t size, LineEnd line_end) {
  const std::size_t shift = kByteBlockBytes - size;
  Marks marks{block.Equal('\t') >> shift, block.Equal('\n') >> shift, size};
  const std::uint64_t backslashes = block.Equal('\\') >> shift;
  std::uint64_t escaped = 0;
  if (backslashes != 0) {
    escaped = Escaped(backslashes);
    if ((escaped & block.Equal('.') >> shift) != 0) return {};
    marks.tabs &= ~escaped;
    marks.newlines &= ~escaped;
    // The last one of a run at the end begins an escape if their number is odd.
    marks.size -= std::countl_one(backslashes << shift) % 2 == 1 ? 1 : 0;
  }
  if (line_end == LineEnd::kNewline) return block.HasAny<'\r', '\0'>() ? Marks() : marks;
  const std::uint64_t last = std::uint64_t{1} << (size - 1);
  const std::uint64_t returns = block.Equal('\r') >> shift & ~escaped;
  if (line_end == LineEnd::kNotKnown && (returns | marks.newlines) != 0) return {};
  if (block.HasAny<'\0'>() || (returns & ~last) << 1 != marks.newlines) return {};
  marks.size -= (returns & last) != 0 ? 1 : 0;
  return marks;
}

inline Marks MarksOf(const ByteBlock& block, std::size_t size, LineEnd line_end) {
  if (block.HasAny<'\\', '\r', '\0'>() || line_end != LineEnd::kNewline) {
    return UnusualMarks(block, size, line_end);
  }
  const std::size_t shift = kByteBlockBytes - size;
  return {block.Equal('\t') >> shift, block.Equal('\n') >> shift, size};
}

// Follows the rows through a block. False: one of them has not the columns it should, and nothing
// was done.
inline bool EndRows(const Marks& marks, std::size_t columns, CopyRows::Rows& rows) {
  const std::size_t wanted = columns - 1;
  // A row most often is about as long as a block: whether one ends here nobody can guess, so that
  // both cases take the same way.
  const std::uint64_t first = marks.newlines ^ (marks.newlines - 1);  // up to the newline, if any
  const bool ends = marks.newlines != 0;
  const std::size_t tabs = rows.tabs + CountOnes(marks.tabs & first);
  bool wrong = ends && tabs != wanted;
  std::uint64_t tabs_left = marks.tabs & ~first;
  std::int64_t ended = ends ? 1 : 0;
  for (std::uint64_t left = marks.newlines & ~first; left != 0; left &= left - 1) {
    const std::uint64_t row = left ^ (left - 1);
    wrong = wrong || CountOnes(tabs_left & row) != wanted;
    tabs_left &= ~row;
    ++ended;
  }
  if (wrong && columns > 0) return false;
  rows.tabs = (ends ? 0 : tabs) + CountOnes(tabs_left);
  rows.ended += ended;
  rows.empty = (marks.newlines >> (marks.size - 1) & 1) != 0;
  return true;
}

std::string Columns(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " column" : " columns");
}

}  // namespace

tl::expected<std::size_t, RowsFault> CopyRows::Take(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !ended()) {
    const std::string_view part = bytes.substr(at, kPartBytes);
    const bool is_utf8 = encoding_ == TextEncoding::kUtf8;
    const std::size_t bad = is_utf8 ? utf8_.Take(part) : base::Utf8Stream::kNone;
    at += TakePart(part.substr(0, bad));
    if (bad != base::Utf8Stream::kNone && wrong_.empty() && !ended()) Fail("is not valid UTF-8");
    if (!wrong_.empty()) return tl::unexpected(RowsFault{at, wrong_});
  }
  return at;
}

// Up to the end mark or what is wrong; how many bytes stand before that.
std::size_t CopyRows::TakePart(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !ended()) {
    at += TakeBlocks(bytes, at);
    for (const char c : bytes.substr(at, kByteBlockBytes)) {
      if (!Step(c)) return at;
      ++at;
      if (ended()) break;
    }
  }
  return at;
}

// Takes blocks from `begin` on as long as nothing in them needs a closer look; returns how many
// bytes that are. The next ones are to be stepped through.
std::size_t CopyRows::TakeBlocks(std::string_view bytes, std::size_t begin) {
  if (place_ != Place::kRow || encoding_ == TextEncoding::kEmbedsAscii) return 0;
  Rows rows = rows_;
  std::size_t at = begin;
  while (at < bytes.size()) {
    const std::size_t left = bytes.size() - at;
    const Marks marks = left >= kByteBlockBytes
                            ? MarksOf(ByteBlock(bytes.data() + at), kByteBlockBytes, line_end_)
                            : MarksOf(LastBlock(bytes), left, line_end_);
    if (marks.size == 0 || !EndRows(marks, target_.columns, rows)) break;
    at += marks.size;
  }
  rows_ = rows;
  return at - begin;
}

// False: what is wrong with the row is known now.
bool CopyRows::Step(char c) {
  if (c == '\0') return Fail("holds a zero byte");
  if (encoding_ == TextEncoding::kEmbedsAscii) return StepLine(c);
  switch (place_) {
    case Place::kRow:
      return StepRow(c);
    case Place::kAfterBackslash:
      // COPY would drop the rows behind it without a word; since version 18 it fails.
      if (c == '.' && !rows_.empty) return Fail("holds an end mark");
      place_ = c == '.' ? Place::kMark : Place::kRow;
      rows_.empty = false;
      return true;
    case Place::kAfterReturn:
      if (c != '\n') return Fail("holds a carriage return");
      line_end_ = LineEnd::kReturnNewline;
      return EndRow();
    case Place::kMark:
      if (c == '\n' && line_end_ != LineEnd::kReturnNewline) {
        place_ = Place::kEnded;
      } else if (c == '\r' && line_end_ != LineEnd::kNewline) {
        place_ = Place::kAfterMarkReturn;
      } else {
        return Fail("is a damaged end mark");
      }
      return true;
    case Place::kAfterMarkReturn:
      if (c != '\n') return Fail("is a damaged end mark");
      place_ = Place::kEnded;
      return true;
    case Place::kEnded:
      return true;
  }
  std::abort();
}

bool CopyRows::StepRow(char c) {
  switch (c) {
    case '\\':
      place_ = Place::kAfterBackslash;
      return true;
    case '\r':
      if (line_end_ == LineEnd::kNewline) return Fail("holds a carriage return");
      place_ = Place::kAfterReturn;
      return true;
    case '\n':
      if (line_end_ == LineEnd::kReturnNewline) return Fail("ends in a newline alone");
      line_end_ = LineEnd::kNewline;
      return EndRow();
    case '\t':
      ++rows_.tabs;
      break;
    default:
      break;
  }
  rows_.empty = false;
  return true;
}

// Of an encoding in which a backslash is one only at the start of a line: nothing but the end mark
// can be told.
bool CopyRows::StepLine(char c) {
  const bool after_mark = place_ == Place::kMark || place_ == Place::kAfterMarkReturn;
  if (c == '\n') {
    place_ = after_mark ? Place::kEnded : Place::kRow;
    rows_.empty = true;
    ++rows_.ended;
  } else if (place_ == Place::kRow && rows_.empty && c == '\\') {
    place_ = Place::kAfterBackslash;
  } else if (place_ == Place::kAfterBackslash && c == '.') {
    place_ = Place::kMark;
  } else if (place_ == Place::kMark && c == '\r') {
    place_ = Place::kAfterMarkReturn;
  } else {
    place_ = Place::kRow;
    rows_.empty = false;
  }
  return true;
}

bool CopyRows::EndRow() {
  const std::size_t columns = rows_.tabs + 1;
  if (target_.columns > 0 && columns != target_.columns) {
    return Fail("has " + Columns(columns) + " where " + std::to_string(target_.columns) +
                (target_.columns == 1 ? " is named" : " are named"));
  }
  ++rows_.ended;
  rows_.tabs = 0;
  rows_.empty = true;
  place_ = Place::kRow;
  return true;
}

bool CopyRows::Fail(const std::string& what) {
  wrong_ = "row " + std::to_string(rows_.ended + 1) + " of " + target_.table + " " + what;
  return false;
}

}  // namespace drwatch::verify
