#include "verify/sql_dump.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "verify/contents.h"
#include "verify/sql_lexer.h"

namespace drwatch::verify {
namespace {

using model::Reason;

enum class Dialect { kPostgres, kMySql };
struct Row {
  std::string_view name;
  std::string_view first;  // a line near the start
  std::string_view last;   // a line within the last kTailBytes
  Dialect dialect;
};
constexpr std::array<Row, 4> kRows = {{
    {"pg_dumpall SQL", "-- PostgreSQL database cluster dump",
     "-- PostgreSQL database cluster dump complete", Dialect::kPostgres},
    {"pg_dump SQL", "-- PostgreSQL database dump", "-- PostgreSQL database dump complete",
     Dialect::kPostgres},
    {"mysqldump SQL", "-- MySQL dump ", "-- Dump completed", Dialect::kMySql},
    {"mariadb-dump SQL", "-- MariaDB dump ", "-- Dump completed", Dialect::kMySql},
}};
constexpr std::size_t kHeadBytes = 512;
constexpr std::size_t kTailBytes = 4096;
// What is kept of one line: more than the COPY line of a table with 1600 long column names.
constexpr std::size_t kMaxLineBytes = 256 << 10;

const Row* FindRow(std::string_view head) {
  head = head.substr(0, kHeadBytes);
  // Text that only mentions a dump is not one: dumps begin with a comment.
  const std::string_view trimmed = base::Trim(head);
  if (!trimmed.starts_with("--") && !trimmed.starts_with("/*")) return nullptr;
  for (const Row& row : kRows) {
    const std::size_t at = head.find(row.first);
    if (at != std::string_view::npos && (at == 0 || head[at - 1] == '\n')) return &row;
  }
  return nullptr;
}

// Follows a PostgreSQL dump line by line.
class PostgresLines {
 public:
  // What comes next, which begins at `offset`.
  Walked<void> Take(std::string_view text, std::int64_t offset) {
    for (std::string_view left = text; !left.empty();) {
      const std::size_t newline = left.find('\n');
      const std::int64_t at = offset + (left.data() - text.data());
      if (newline == std::string_view::npos) {
        Part(left, at);
        return {};
      }
      const std::string_view line = left.substr(0, newline);
      if (line_pending()) Part(line, at);
      auto judged = line_pending() ? EndLine() : WholeLine(line, at);
      if (!judged) return judged;
      left.remove_prefix(newline + 1);
    }
    return {};
  }
  Walked<void> EndLine() {
    auto judged = Judge(line_, line_began_);
    line_.clear();
    return judged;
  }
  bool line_pending() const { return !line_.empty(); }
  bool in_copy() const { return in_copy_; }
  std::int64_t copy_began() const { return copy_began_; }
  std::int64_t copies() const { return copies_; }
  bool restricted() const { return !token_.empty(); }
  std::vector<std::string> TakeTables() { return tables_.Take(); }

 private:
  // Bytes of the current line, without its newline; then EndLine(). The offset is theirs.
  void Part(std::string_view bytes, std::int64_t offset) {
    if (line_.empty()) line_began_ = offset;
    if (line_.size() < kMaxLineBytes) line_.append(bytes.substr(0, kMaxLineBytes - line_.size()));
    if (!in_copy_) lexer_.Feed(bytes);
  }
  // A line that lies in one piece, so that nothing has to be copied.
  Walked<void> WholeLine(std::string_view line, std::int64_t offset) {
    if (!in_copy_) lexer_.Feed(line);
    return Judge(line, offset);
  }
  Walked<void> Judge(std::string_view line, std::int64_t offset) {
    if (in_copy_) {
      if (line == "\\." || line == "\\.\r") in_copy_ = false;
      return {};
    }
    const bool plain = at_statement_;
    lexer_.Feed("\n");
    at_statement_ = lexer_.plain();
    if (!plain) return {};
    if (line.starts_with("--") || line.starts_with("\\connect ")) NoteTable(line);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("COPY ") && line.ends_with(" FROM stdin;")) {
      in_copy_ = true;
      copy_began_ = offset;
      ++copies_;
    } else if (line.starts_with("\\restrict ")) {
      token_ = base::Truncate(line.substr(10), kMaxLineBytes);
    } else if (line.starts_with("\\unrestrict ")) {
      const std::string_view token = line.substr(12);
      if (token != token_) {
        const bool cut = std::string_view(token_).starts_with(token);
        return Broken(cut ? Reason::kIncomplete : Reason::kCorrupt, offset,
                      "\\unrestrict does not match \\restrict");
      }
      token_.clear();
    } else if (line == "SET standard_conforming_strings = off;") {
      lexer_.UseBackslashes();
    }
    return {};
  }

  // "-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: shop" stands before a
  // table's rows, whether they are copied or inserted; pg_dumpall's databases are told apart.
  void NoteTable(std::string_view line) {
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

  static constexpr std::size_t kMaxDatabaseBytes = 64;
  std::string database_;
  TableList tables_;
  SqlLexer lexer_;
  std::string line_;
  std::int64_t line_began_ = 0;
  std::string token_;  // of \restrict, until its \unrestrict
  bool at_statement_ = true;
  bool in_copy_ = false;
  std::int64_t copy_began_ = 0;
  std::int64_t copies_ = 0;
};

// Reads everything, keeping the tail; PostgreSQL's lines go through `lines`.
Walked<std::string> ReadAll(Reader& reader, PostgresLines* lines) {
  std::string tail;
  while (true) {
    const std::int64_t begin = reader.offset();
    auto chunk = reader.Some(INT64_MAX);
    if (!chunk) return tl::unexpected(std::move(chunk.error()));
    if (chunk->empty()) break;
    // What stands before it comes first, or the verdict would depend on how much is read at once.
    const std::size_t zero = chunk->find('\0');
    const std::string_view text = chunk->substr(0, zero);
    if (lines != nullptr) {
      if (auto judged = lines->Take(text, begin); !judged) {
        return tl::unexpected(std::move(judged.error()));
      }
    }
    if (zero != std::string_view::npos) {
      return Broken(Reason::kCorrupt, begin + static_cast<std::int64_t>(zero),
                    "a zero byte in an SQL script");
    }
    tail += text.substr(text.size() - std::min(text.size(), kTailBytes));
    if (tail.size() > kTailBytes) tail.erase(0, tail.size() - kTailBytes);
  }
  if (lines != nullptr && lines->line_pending()) {
    if (auto judged = lines->EndLine(); !judged) {
      return tl::unexpected(std::move(judged.error()));
    }
  }
  return tail;
}

// What follows the last line that begins with `start`. nullopt: there is none.
std::optional<std::string_view> AfterLine(std::string_view text, std::string_view start) {
  std::optional<std::string_view> after;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (!line.starts_with(start)) continue;
    after = text.substr(static_cast<std::size_t>(line.data() - text.data()) + line.size());
  }
  return after;
}

// Somebody may append statements of his own; a program's memory or a disk's block is none.
bool IsText(std::string_view text) {
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t';
  };
  return base::IsValidUtf8(text) && std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

bool LooksLikeSqlDump(std::string_view head) { return FindRow(head) != nullptr; }

Walked<Walk> WalkSqlDump(Reader& reader) {
  auto head = reader.Peek(kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  const Row& row = *FindRow(*head);
  PostgresLines lines;
  auto tail = ReadAll(reader, row.dialect == Dialect::kPostgres ? &lines : nullptr);
  if (!tail) return tl::unexpected(std::move(tail.error()));
  if (lines.in_copy()) {
    return Broken(
        Reason::kIncomplete, reader.offset(),
        "ends in the COPY block that begins at byte " + std::to_string(lines.copy_began()));
  }
  const auto after = AfterLine(*tail, row.last);
  if (!after) {
    return Broken(Reason::kIncomplete, reader.offset(),
                  "ends without \"" + std::string(row.last) + "\"");
  }
  if (!IsText(*after)) {
    return Broken(Reason::kCorrupt, reader.offset() - static_cast<std::int64_t>(after->size()),
                  "bytes after the end mark that are no text");
  }
  if (lines.restricted()) {
    return Broken(Reason::kIncomplete, reader.offset(), "ends without its \\unrestrict");
  }
  Walk walk;
  walk.format = row.name;
  walk.level = Level::kFormat;
  if (row.dialect == Dialect::kPostgres) {
    walk.details.push_back(std::to_string(lines.copies()) + " COPY blocks");
    walk.contents.tables = lines.TakeTables();
  }
  return walk;
}

}  // namespace drwatch::verify
