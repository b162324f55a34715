// The rows between "COPY ... FROM stdin;" and their end mark, as COPY reads its text format
// (copyfromparse.c). What makes COPY fail is found, what it takes is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "base/utf8.h"
#include "verify/copy_statement.h"

namespace drwatch::verify {

// What is wrong, and at which of the bytes that were given last it shows.
struct RowsFault {
  std::size_t at = 0;
  std::string message;  // "row 1042 of public.orders has 3 columns where 4 are named"
};

class CopyRows {
 public:
  CopyRows(CopyTarget target, TextEncoding encoding)
      : target_(std::move(target)), encoding_(encoding) {}

  // The next bytes; how they are cut into pieces makes no difference. Returns how many of them
  // belong to the rows: all, until ended(). Nothing may follow that or a fault.
  tl::expected<std::size_t, RowsFault> Take(std::string_view bytes);
  // The end mark has been read, and the end of its line.
  bool ended() const { return place_ == Place::kEnded; }
  const std::string& table() const { return target_.table; }

  // How far the rows have come, for what follows them block by block. The first line end tells what
  // all of them must be.
  enum class LineEnd { kNotKnown, kNewline, kReturnNewline };
  struct Rows {
    std::int64_t ended = 0;
    // Of the one that is being read: tabs between columns, and whether nothing stands before the
    // backslash that was read last.
    std::size_t tabs = 0;
    bool empty = true;
  };

 private:
  enum class Place { kRow, kAfterBackslash, kAfterReturn, kMark, kAfterMarkReturn, kEnded };

  std::size_t TakePart(std::string_view bytes);
  std::size_t TakeBlocks(std::string_view bytes, std::size_t begin);
  bool Step(char c);
  bool StepRow(char c);
  bool StepLine(char c);
  bool EndRow();
  bool Fail(const std::string& what);

  CopyTarget target_;
  TextEncoding encoding_;
  base::Utf8Stream utf8_;
  Place place_ = Place::kRow;
  LineEnd line_end_ = LineEnd::kNotKnown;
  Rows rows_;
  std::string wrong_;  // message of the fault
};

}  // namespace drwatch::verify
