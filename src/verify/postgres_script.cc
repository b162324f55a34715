#include "verify/postgres_script.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// What is kept of one line: more than the COPY line of a table with 1600 long column names.
constexpr std::size_t kMaxLineBytes = 256 << 10;
constexpr std::size_t kMaxDatabaseBytes = 64;

// A COPY statement, or the start of one, that pg_dump would not write: rows may follow which nobody
// but psql can tell from statements.
bool IsForeignCopy(std::string_view statement) {
  if (base::Lower(statement.substr(0, 4)) != "copy") return false;
  statement = base::Trim(statement);
  return !statement.ends_with(';') || base::Lower(statement).find("stdin") != std::string::npos;
}

// What the programs that write scripts say on standard error, and what servers have them say.
constexpr std::array<std::string_view, 3> kPrograms = {"pg_dump: ", "pg_dumpall: ", "pg_restore: "};
constexpr std::array<std::string_view, 2> kNotices = {"WARNING:  ", "NOTICE:  "};

template <std::size_t N>
bool BeginsWithAny(std::string_view text, const std::array<std::string_view, N>& starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [text](std::string_view start) { return text.starts_with(start); });
}

}  // namespace

Walked<void> PostgresScript::Take(std::string_view text, std::int64_t offset) {
  while (!text.empty()) {
    auto taken = rows_ ? TakeRows(text, offset) : TakeLine(text, offset);
    if (!taken) return tl::unexpected(std::move(taken.error()));
    text.remove_prefix(*taken);
    offset += static_cast<std::int64_t>(*taken);
  }
  return {};
}

Walked<void> PostgresScript::Finish() {
  return line_.empty() ? Walked<void>() : EndLine(line_, line_began_);
}

Walked<std::size_t> PostgresScript::TakeRows(std::string_view bytes, std::int64_t offset) {
  auto taken = rows_->Take(bytes);
  if (!taken) {
    return Broken(Reason::kCorrupt, offset + static_cast<std::int64_t>(taken.error().at),
                  std::move(taken.error().message));
  }
  if (rows_->ended()) rows_.reset();
  return *taken;
}

// A line or what there is of it. One that lies in one piece does not have to be copied.
Walked<std::size_t> PostgresScript::TakeLine(std::string_view bytes, std::int64_t offset) {
  const std::size_t newline = bytes.find('\n');
  const bool ends = newline != bytes.npos;
  const std::string_view part = bytes.substr(0, newline);
  const std::size_t taken = part.size() + (ends ? 1 : 0);
  const bool in_pieces = !ends || !line_.empty();
  if (line_.empty()) line_began_ = offset;
  if (in_pieces && line_.size() < kMaxLineBytes) {
    line_.append(part.substr(0, kMaxLineBytes - line_.size()));
  }
  const std::string_view line = in_pieces ? line_ : part;
  if (auto good = CheckText(bytes.substr(0, taken), line, offset); !good) {
    return tl::unexpected(std::move(good.error()));
  }
  lexer_.Feed(part);
  if (!ends) return taken;
  auto judged = EndLine(line, line_began_);
  if (!judged) return tl::unexpected(std::move(judged.error()));
  line_.clear();
  return taken;
}

// Bytes of a line, which begins as `line` does.
Walked<void> PostgresScript::CheckText(std::string_view bytes, std::string_view line,
                                       std::int64_t offset) {
  // No server sees comments between statements and the commands of psql. What pg_dumpall writes
  // there may be in the encoding of another database.
  const bool sent = !at_statement_ || !(line.starts_with("--") || line.starts_with('\\'));
  const std::size_t bad = utf8_ && sent ? utf8_->Take(bytes) : base::Utf8Stream::kNone;
  if (bad == base::Utf8Stream::kNone) return {};
  return Broken(Reason::kCorrupt, offset + static_cast<std::int64_t>(bad),
                "a statement is not valid UTF-8");
}

Walked<void> PostgresScript::EndLine(std::string_view line, std::int64_t offset) {
  const bool plain = at_statement_;
  lexer_.Feed("\n");
  at_statement_ = lexer_.plain();
  if (plain && !foreign_copy_ && HoldsMessage(line)) {
    return Broken(Reason::kCorrupt, offset,
                  "a message among the statements: standard error went into the dump (2>&1)");
  }
  if (!copy_.empty() || (plain && line.starts_with("COPY "))) {
    AddToCopy(line, offset);
    return {};
  }
  return plain ? Judge(line, offset) : Walked<void>();
}

// Of a line that begins outside of everything quoted. A program that buffers the one stream and not
// the other puts a message in the middle of a line, too.
bool PostgresScript::HoldsMessage(std::string_view line) const {
  if (BeginsWithAny(line, kNotices) || BeginsWithAny(line, kPrograms)) return true;
  // Nearly all of what is inserted lies in quotes.
  if (line.starts_with("--") || line.starts_with('\\') || line.starts_with("INSERT ")) return false;
  SqlLexer before;
  before.UseBackslashes(lexer_.backslashes());
  std::size_t fed = 0;
  for (std::size_t at = line.find("pg_"); at != line.npos; at = line.find("pg_", at + 1)) {
    if (!BeginsWithAny(line.substr(at), kPrograms)) continue;
    before.Feed(line.substr(fed, at - fed));
    if (before.plain()) return true;
    fed = at;
  }
  return false;
}

Walked<void> PostgresScript::Judge(std::string_view line, std::int64_t offset) {
  if (auto defect = frame_.Take(line)) {
    return Broken(defect->reason, offset, std::move(defect->message));
  }
  // Of pg_dump --inserts nearly every line.
  if (line.starts_with("INSERT ")) {
    other_rows_ = true;
    return {};
  }
  if (line.starts_with("--") || line.starts_with("\\connect ")) NoteTable(line);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("\\restrict ")) {
    token_ = base::Truncate(line.substr(10), kMaxLineBytes);
  } else if (line.starts_with("\\unrestrict ")) {
    const std::string_view token = line.substr(12);
    if (token != token_) {
      const bool cut = std::string_view(token_).starts_with(token);
      return Broken(cut ? Reason::kIncomplete : Reason::kCorrupt, offset,
                    "\\unrestrict does not match \\restrict");
    }
    token_.clear();
  } else if (line == "\\.") {
    // To psql it is a command that does not exist.
    if (!foreign_copy_) {
      return Broken(Reason::kCorrupt, offset, "an end mark of rows that no COPY began");
    }
    foreign_copy_ = false;
  } else if (line.starts_with('\\')) {
    // \connect and \encoding.
    SetEncoding(TextEncoding::kOther);
  } else if (line.starts_with("SET standard_conforming_strings = ")) {
    // Each of pg_dumpall's databases has its own.
    lexer_.UseBackslashes(line.ends_with(" off;"));
  } else if (const auto encoding = ParseSetEncoding(line)) {
    SetEncoding(*encoding);
  } else if (IsForeignCopy(line)) {
    foreign_copy_ = true;
  }
  return {};
}

// A name in the statement may hold a newline.
void PostgresScript::AddToCopy(std::string_view line, std::int64_t offset) {
  if (copy_.empty()) copy_began_ = offset;
  if (copy_.size() < kMaxLineBytes) copy_.append(line).append("\n");
  if (!at_statement_) return;
  if (auto target = ParseCopyStatement(copy_)) {
    rows_.emplace(std::move(*target), encoding_);
    ++copies_;
  }
  foreign_copy_ = !rows_ && IsForeignCopy(copy_);
  other_rows_ = other_rows_ || foreign_copy_;
  copy_.clear();
}

void PostgresScript::SetEncoding(TextEncoding encoding) {
  encoding_ = encoding;
  utf8_.reset();
  if (encoding == TextEncoding::kUtf8) utf8_.emplace();
}

// "-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: shop" stands before a
// table's rows, whether they are copied or inserted; pg_dumpall's databases are told apart.
void PostgresScript::NoteTable(std::string_view line) {
  constexpr std::string_view kConnect = "\\connect ";
  constexpr std::string_view kName = "-- Data for Name: ";
  constexpr std::string_view kSchema = "; Type: TABLE DATA; Schema: ";
  if (line.starts_with(kConnect)) {
    database_ = base::Truncate(base::Trim(line.substr(kConnect.size())), kMaxDatabaseBytes);
  }
  const std::size_t schema = line.rfind(kSchema);
  if (!line.starts_with(kName) || schema == line.npos || schema < kName.size()) return;
  const std::string_view rest = line.substr(schema + kSchema.size());
  const std::string_view table = line.substr(kName.size(), schema - kName.size());
  const std::string prefix = database_.empty() ? "" : database_ + "/";
  tables_.Add(prefix + std::string(rest.substr(0, rest.find(';'))), table);
}

}  // namespace drwatch::verify
