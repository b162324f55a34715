// The script that pg_dump and pg_dumpall write in plain format: where statements begin and rows
// end, and what would make psql or the server fail on them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "verify/contents.h"
#include "verify/copy_rows.h"
#include "verify/dump_frame.h"
#include "verify/source.h"
#include "verify/sql_lexer.h"

namespace drwatch::verify {

class PostgresScript {
 public:
  // What comes next, which begins at `offset`; how it is cut into pieces makes no difference.
  Walked<void> Take(std::string_view text, std::int64_t offset);
  // Once there is no more: the last line may have no newline.
  Walked<void> Finish();

  bool in_copy() const { return rows_.has_value(); }
  // Of the last COPY statement.
  std::int64_t copy_began() const { return copy_began_; }
  std::int64_t copies() const { return copies_; }
  // Something quoted, or a comment, has no end yet.
  bool in_quotes() const { return !at_statement_; }
  // The end mark that is missing; empty: none.
  std::string_view missing_end() const { return frame_.Missing(); }
  // As DumpFrame::started().
  const std::optional<base::Timestamp>& started() const { return frame_.started(); }
  // A \restrict has no \unrestrict yet.
  bool restricted() const { return !token_.empty(); }
  // Data of any table so far, be it of no rows.
  bool has_rows() const { return copies_ > 0 || other_rows_; }
  std::vector<std::string> TakeTables() { return tables_.Take(); }

 private:
  Walked<std::size_t> TakeRows(std::string_view bytes, std::int64_t offset);
  Walked<std::size_t> TakeLine(std::string_view bytes, std::int64_t offset);
  Walked<void> CheckText(std::string_view bytes, std::string_view line, std::int64_t offset);
  Walked<void> EndLine(std::string_view line, std::int64_t offset);
  bool HoldsMessage(std::string_view line) const;
  Walked<void> Judge(std::string_view line, std::int64_t offset);
  void AddToCopy(std::string_view line, std::int64_t offset);
  void SetEncoding(TextEncoding encoding);
  void NoteTable(std::string_view line);

  std::string database_;
  TableList tables_;
  DumpFrame frame_;
  SqlLexer lexer_;
  bool at_statement_ = true;  // at the start of the line, which lies in nothing quoted
  std::string line_;          // its pieces, if it came in some
  std::int64_t line_began_ = 0;
  std::string copy_;           // a COPY statement of several lines
  bool foreign_copy_ = false;  // a statement that may be followed by rows and their end mark
  std::optional<CopyRows> rows_;
  std::int64_t copy_began_ = 0;
  std::int64_t copies_ = 0;
  bool other_rows_ = false;  // inserted, or copied by a statement that is not pg_dump's
  TextEncoding encoding_ = TextEncoding::kOther;
  std::optional<base::Utf8Stream> utf8_;  // of statements, if they are in UTF-8
  std::string token_;                     // of \restrict, until its \unrestrict
};

}  // namespace drwatch::verify
