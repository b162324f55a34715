#include "verify/sql_dump.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "verify/dump_frame.h"
#include "verify/pg_dump_toc.h"
#include "verify/postgres_script.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

enum class Dialect { kPostgres, kMySql };
struct Row {
  std::string_view name;
  std::string_view first;  // a line near the start
  std::string_view last;   // a line within the last kTailBytes; PostgreSQL's: dump_frame.h
  Dialect dialect;
};
constexpr std::array<Row, 5> kRows = {{
    {"pg_dumpall SQL", "-- PostgreSQL database cluster dump",
     "-- PostgreSQL database cluster dump complete", Dialect::kPostgres},
    {"pg_dump SQL", "-- PostgreSQL database dump", "-- PostgreSQL database dump complete",
     Dialect::kPostgres},
    {"mysqldump SQL", "-- MySQL dump ", "-- Dump completed", Dialect::kMySql},
    {"mariadb-dump SQL", "-- MariaDB dump ", "-- Dump completed", Dialect::kMySql},
    // Without comments, of either: what it sets at its start it sets back at its end.
    {"mysqldump SQL", "/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;",
     "/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;", Dialect::kMySql},
}};
constexpr std::size_t kHeadBytes = 512;
constexpr std::size_t kTailBytes = 4096;
// A line that standard error put into a dump of MySQL's (2>&1, docker exec -t) begins with one. In
// rows a line feed is escaped.
constexpr std::array<std::string_view, 2> kMessages = {"mysqldump: ", "mariadb-dump: "};
// The versions stand behind them.
constexpr std::array<std::string_view, 2> kHeaders = {"-- MySQL dump ", "-- MariaDB dump "};
// psql leaves it out, too.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Text that only mentions a dump is not one: dumps begin with a comment, or with statements that
// somebody put in front.
bool BeginsAsScript(std::string_view head) {
  head = base::Trim(head);
  if (head.starts_with("--") || head.starts_with("/*") || head.starts_with('\\')) return true;
  const std::string_view line = base::Trim(head.substr(0, head.find('\n')));
  return line.ends_with(';') && BeginsStatement(line);
}

const Row* FindRow(std::string_view head) {
  head = head.substr(0, kHeadBytes);
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  if (!BeginsAsScript(head)) return nullptr;
  for (const Row& row : kRows) {
    const std::size_t at = head.find(row.first);
    if (at != std::string_view::npos && (at == 0 || head[at - 1] == '\n')) return &row;
  }
  return nullptr;
}

// Where the dumps in one text of MySQL's begin and end: somebody may write several into one file.
// In none is there a message.
class DumpMarks {
 public:
  explicit DumpMarks(const Row& row)
      : first_(row.first),
        last_(row.last),
        longest_(std::max({first_.size(), last_.size(), kHeaders[1].size() + 1})) {}
  // Faults: kIncomplete, where one begins before the one before it has ended; kCorrupt: a message.
  Walked<void> Take(std::string_view text, std::int64_t offset) {
    const std::size_t before = seam_.size();
    seam_ += text.substr(0, longest_);
    const bool within = text.size() < longest_;
    auto open = Scan(seam_, within ? seam_.size() : before, offset - Signed(before));
    if (!open) return tl::unexpected(std::move(open.error()));
    if (within) {
      seam_.erase(0, *open);
      return {};
    }
    open = Scan(text, text.size(), offset);
    if (!open) return tl::unexpected(std::move(open.error()));
    seam_ = text.substr(*open);
    return {};
  }
  // The same of what the text ends with.
  Walked<void> Finish(std::int64_t offset) {
    const std::size_t before = seam_.size();
    seam_.append(longest_, '\n');
    auto open = Scan(seam_, before, offset - Signed(before));
    return open ? Walked<void>() : tl::unexpected(std::move(open.error()));
  }
  bool open() const { return open_; }

 private:
  static bool IsMessage(std::string_view line) {
    return std::any_of(kMessages.begin(), kMessages.end(),
                       [line](std::string_view start) { return line.starts_with(start); });
  }
  // A comment in a routine may mention a dump. A header may be cut off.
  static bool IsHeader(std::string_view line) {
    return std::any_of(kHeaders.begin(), kHeaders.end(), [line](std::string_view start) {
      const char next = line.starts_with(start) ? line[start.size()] : '\0';
      return next == '\n' || (next >= '0' && next <= '9');
    });
  }
  static bool IsUsualDelimiter(std::string_view line) {
    constexpr std::string_view kUsual = "DELIMITER ;";
    return line.starts_with(kUsual) && (line[kUsual.size()] == '\n' || line[kUsual.size()] == '\r');
  }
  bool Begins(std::string_view line) const {
    return has_comments_ ? IsHeader(line) : line.starts_with(first_);
  }
  static std::int64_t Signed(std::size_t size) { return static_cast<std::int64_t>(size); }
  // Of the lines behind the line feeds before `end`. Returns where the first one lies that is cut
  // off, or else the text's size.
  Walked<std::size_t> Scan(std::string_view text, std::size_t end, std::int64_t offset) {
    for (std::size_t at = text.find('\n'); at < end; at = text.find('\n', at + 1)) {
      const std::string_view line = text.substr(at + 1);
      if (line.size() < longest_) return at;
      if (line.starts_with("DELIMITER ")) in_routine_ = !IsUsualDelimiter(line);
      if (!in_routine_ && line.starts_with(last_)) open_ = false;
      if (open_ && IsMessage(line)) {
        return Broken(Reason::kCorrupt, offset + Signed(at + 1),
                      "a message among the statements: standard error went into the dump (2>&1)");
      }
      if (!Begins(line)) continue;
      if (open_) {
        return Broken(Reason::kIncomplete, offset + Signed(at + 1),
                      "another dump begins where the one before it has not ended");
      }
      open_ = true;
      in_routine_ = false;
    }
    return text.size();
  }

  const std::string_view first_;
  const std::string_view last_;
  const std::size_t longest_;
  const bool has_comments_ = first_.starts_with("--");
  bool open_ = false;
  bool in_routine_ = false;  // its body stands behind "DELIMITER ;;"
  std::string seam_ = "\n";  // from a line feed on behind which the line is cut off
};

// Reads everything, keeping the tail; `script` follows PostgreSQL's, `marks` MySQL's.
Walked<std::string> ReadAll(Reader& reader, PostgresScript* script, DumpMarks* marks) {
  std::string tail;
  while (true) {
    const std::int64_t begin = reader.offset();
    auto chunk = reader.Some(INT64_MAX);
    if (!chunk) return tl::unexpected(std::move(chunk.error()));
    if (chunk->empty()) break;
    // What stands before it comes first, or the verdict would depend on how much is read at once.
    const std::size_t zero = chunk->find('\0');
    const std::string_view text = chunk->substr(0, zero);
    if (script != nullptr) {
      if (auto judged = script->Take(text, begin); !judged) {
        return tl::unexpected(std::move(judged.error()));
      }
    }
    if (marks != nullptr) {
      if (auto judged = marks->Take(text, begin); !judged) {
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
  if (script != nullptr) {
    if (auto judged = script->Finish(); !judged) return tl::unexpected(std::move(judged.error()));
  }
  if (marks != nullptr) {
    if (auto judged = marks->Finish(reader.offset()); !judged) {
      return tl::unexpected(std::move(judged.error()));
    }
  }
  return tail;
}

// The last line that begins with `start`. nullopt: there is none. A view into `text`.
std::optional<std::string_view> LastLine(std::string_view text, std::string_view start) {
  std::optional<std::string_view> last;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (line.starts_with(start)) last = line;
  }
  return last;
}

// What follows a line of `text`.
std::string_view Behind(std::string_view text, std::string_view line) {
  return text.substr(static_cast<std::size_t>(line.data() - text.data()) + line.size());
}

// "-- Dump completed on 2026-12-01  3:04:05", by the clock on the wall.
std::optional<base::Timestamp> Completed(std::string_view line) {
  constexpr std::string_view kCompleted = "-- Dump completed on ";
  if (!line.starts_with(kCompleted)) return std::nullopt;
  return ParseWallClock(line.substr(kCompleted.size()));
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
  if (head->starts_with(kByteOrderMark)) {
    auto skipped = reader.Skip(static_cast<std::int64_t>(kByteOrderMark.size()), "its start");
    if (!skipped) return tl::unexpected(std::move(skipped.error()));
  }
  PostgresScript script;
  DumpMarks marks(row);
  const bool postgres = row.dialect == Dialect::kPostgres;
  auto tail = ReadAll(reader, postgres ? &script : nullptr, postgres ? nullptr : &marks);
  if (!tail) return tl::unexpected(std::move(tail.error()));
  if (script.in_copy()) {
    return Broken(
        Reason::kIncomplete, reader.offset(),
        "ends in the COPY block that begins at byte " + std::to_string(script.copy_began()));
  }
  if (script.in_quotes()) {
    return Broken(Reason::kIncomplete, reader.offset(), "ends inside of quotes or of a comment");
  }
  const auto last = LastLine(*tail, row.last);
  const bool ended = last && !marks.open();
  const std::string_view missing = postgres ? script.missing_end() : ended ? "" : row.last;
  if (!missing.empty()) {
    return Broken(Reason::kIncomplete, reader.offset(),
                  "ends without \"" + std::string(missing) + "\"");
  }
  const std::string_view after = last ? Behind(*tail, *last) : std::string_view();
  if (!IsText(after)) {
    return Broken(Reason::kCorrupt, reader.offset() - static_cast<std::int64_t>(after.size()),
                  "bytes after the end mark that are no text");
  }
  if (script.restricted()) {
    return Broken(Reason::kIncomplete, reader.offset(), "ends without its \\unrestrict");
  }
  Walk walk;
  walk.format = row.name;
  walk.level = Level::kFormat;
  walk.contents.begun = postgres ? script.started() : Completed(last.value_or(""));
  if (postgres) {
    walk.details.push_back(std::to_string(script.copies()) + " COPY blocks");
    if (!script.has_rows()) walk.details.emplace_back(kNoRowsText);
    walk.contents.tables = script.TakeTables();
  }
  return walk;
}

}  // namespace drwatch::verify
