#include "verify/dump_data.h"

#include <algorithm>

namespace drwatch::verify {
namespace {

// What pg_dump writes behind the line of the end mark (pg_dump.c, dumpTableData_copy).
constexpr std::string_view kBehindRows = "\n\n";

}  // namespace

DumpData::DumpData(const DumpEntry& entry, TextEncoding encoding) {
  if (entry.content == DumpContent::kRows) rows_.emplace(entry.target, encoding);
  if (entry.content != DumpContent::kStatements) return;
  statements_ = true;
  table_ = entry.target.table;
  if (encoding == TextEncoding::kUtf8) utf8_.emplace();
}

std::optional<RowsFault> DumpData::Add(std::string_view bytes) {
  if (rows_) return AddRows(bytes);
  return statements_ ? AddStatements(bytes) : std::nullopt;
}

std::optional<RowsFault> DumpData::AddRows(std::string_view bytes) {
  std::size_t at = 0;
  if (!rows_->ended()) {
    auto taken = rows_->Take(bytes);
    if (!taken) return std::move(taken.error());
    at = *taken;
  }
  for (; at < bytes.size(); ++at) {
    if (behind_rows_ == kBehindRows.size() || bytes[at] != kBehindRows[behind_rows_]) {
      return RowsFault{at, "bytes after the end mark of the rows of " + rows_->table()};
    }
    ++behind_rows_;
  }
  return std::nullopt;
}

std::optional<RowsFault> DumpData::AddStatements(std::string_view bytes) {
  // Whichever stands first is told, however much is read at once.
  const std::size_t zero = bytes.find('\0');
  const std::size_t bad = utf8_ ? utf8_->Take(bytes.substr(0, zero)) : base::Utf8Stream::kNone;
  const std::size_t at = std::min(bad, zero);
  if (at == bytes.npos) return std::nullopt;
  return RowsFault{at, std::string(at == zero ? "a zero byte" : "bytes that are not valid UTF-8") +
                           " among the statements of " + table_};
}

std::optional<std::string> DumpData::Missing() const {
  if (!rows_ || behind_rows_ == kBehindRows.size()) return std::nullopt;
  return "the rows of " + rows_->table() + " have no end mark";
}

}  // namespace drwatch::verify
