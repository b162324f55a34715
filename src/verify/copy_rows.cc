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

bool EndsInEscape(std::string_view bytes) {
  const std::size_t other = bytes.find_last_not_of('\\');
  const std::size_t run = other == bytes.npos ? bytes.size() : bytes.size() - 1 - other;
  return run % 2 == 1;
}

// Filled up with a byte that means nothing.
ByteBlock BlockOf(std::string_view bytes) {
  if (bytes.size() == kByteBlockBytes) return ByteBlock(bytes.data());
  char padded[kByteBlockBytes];
  std::memset(padded, ' ', sizeof padded);
  std::memcpy(padded, bytes.data(), bytes.size());
  return ByteBlock(padded);
}

std::size_t CountOnes(std::uint64_t word) { return static_cast<std::size_t>(std::popcount(word)); }

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
    const std::string_view block = bytes.substr(at, kByteBlockBytes);
    const std::size_t taken = TakeBlock(block);
    at += taken;
    for (std::size_t i = 0; taken == 0 && i < block.size() && !ended(); ++i) {
      if (!Step(block[i])) return at;
      ++at;
    }
  }
  return at;
}

// Takes the block in which nothing needs a closer look, or all of it but its last byte when the
// next one decides what that is. Returns how many bytes it took; 0: step through them.
std::size_t CopyRows::TakeBlock(std::string_view bytes) {
  if (place_ != Place::kRow || line_end_ == LineEnd::kNotKnown ||
      encoding_ == TextEncoding::kEmbedsAscii) {
    return 0;
  }
  const ByteBlock block = BlockOf(bytes);
  std::uint64_t tabs = block.Equal('\t');
  std::uint64_t newlines = block.Equal('\n');
  const std::uint64_t backslashes = block.Equal('\\');
  std::uint64_t escaped = 0;
  std::size_t size = bytes.size();
  if (backslashes != 0) {
    escaped = Escaped(backslashes);
    if ((escaped & block.Equal('.')) != 0) return 0;
    tabs &= ~escaped;
    newlines &= ~escaped;
    if (EndsInEscape(bytes)) --size;
  }
  std::uint64_t returns = 0;
  if (block.HasEither('\0', '\r')) {
    if (line_end_ == LineEnd::kNewline || block.Equal('\0') != 0) return 0;
    returns = block.Equal('\r') & ~escaped;
    const std::uint64_t last = std::uint64_t{1} << (bytes.size() - 1);
    if ((returns & last) != 0) --size;
    returns &= ~last;
  }
  if (line_end_ == LineEnd::kReturnNewline && returns << 1 != newlines) return 0;
  return size > 0 && EndRows(tabs, newlines, size) ? size : 0;
}

// Ends the rows of a block of `size` bytes. False: one of them has not the columns it should, and
// nothing was done.
bool CopyRows::EndRows(std::uint64_t tabs, std::uint64_t newlines, std::size_t size) {
  std::size_t tabs_before = tabs_;
  std::int64_t rows = rows_;
  for (std::uint64_t left = newlines; left != 0; left &= left - 1) {
    const std::uint64_t row = left ^ (left - 1);  // up to the newline
    const std::size_t columns = tabs_before + CountOnes(tabs & row) + 1;
    if (target_.columns > 0 && columns != target_.columns) return false;
    tabs &= ~row;
    tabs_before = 0;
    ++rows;
  }
  tabs_ = tabs_before + CountOnes(tabs);
  rows_ = rows;
  row_empty_ = (newlines >> (size - 1) & 1) != 0;
  return true;
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
      if (c == '.' && !row_empty_) return Fail("holds an end mark");
      place_ = c == '.' ? Place::kMark : Place::kRow;
      row_empty_ = false;
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
      ++tabs_;
      break;
    default:
      break;
  }
  row_empty_ = false;
  return true;
}

// Of an encoding in which a backslash is one only at the start of a line: nothing but the end mark
// can be told.
bool CopyRows::StepLine(char c) {
  const bool after_mark = place_ == Place::kMark || place_ == Place::kAfterMarkReturn;
  if (c == '\n') {
    place_ = after_mark ? Place::kEnded : Place::kRow;
    row_empty_ = true;
    ++rows_;
  } else if (place_ == Place::kRow && row_empty_ && c == '\\') {
    place_ = Place::kAfterBackslash;
  } else if (place_ == Place::kAfterBackslash && c == '.') {
    place_ = Place::kMark;
  } else if (place_ == Place::kMark && c == '\r') {
    place_ = Place::kAfterMarkReturn;
  } else {
    place_ = Place::kRow;
    row_empty_ = false;
  }
  return true;
}

bool CopyRows::EndRow() {
  const std::size_t columns = tabs_ + 1;
  if (target_.columns > 0 && columns != target_.columns) {
    return Fail("has " + Columns(columns) + " where " + std::to_string(target_.columns) +
                (target_.columns == 1 ? " is named" : " are named"));
  }
  ++rows_;
  tabs_ = 0;
  row_empty_ = true;
  place_ = Place::kRow;
  return true;
}

bool CopyRows::Fail(const std::string& what) {
  wrong_ = "row " + std::to_string(rows_ + 1) + " of " + target_.table + " " + what;
  return false;
}

}  // namespace drwatch::verify
