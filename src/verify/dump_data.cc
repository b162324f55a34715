#include "verify/dump_data.h"

#include <algorithm>

namespace drwatch::verify {
namespace {

using model::Reason;

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

Walked<void> DumpData::Add(std::string_view bytes, std::int64_t offset) {
  if (rows_) return AddRows(bytes, offset);
  return statements_ ? AddStatements(bytes, offset) : Walked<void>();
}

Walked<void> DumpData::AddRows(std::string_view bytes, std::int64_t offset) {
  std::size_t at = 0;
  if (!rows_->ended()) {
    auto taken = rows_->Take(bytes);
    if (!taken) {
      return Broken(Reason::kCorrupt, offset + static_cast<std::int64_t>(taken.error().at),
                    std::move(taken.error().message));
    }
    at = *taken;
  }
  for (; at < bytes.size(); ++at) {
    if (behind_rows_ == kBehindRows.size() || bytes[at] != kBehindRows[behind_rows_]) {
      return Broken(Reason::kCorrupt, offset + static_cast<std::int64_t>(at),
                    "bytes after the end mark of the rows of " + rows_->table());
    }
    ++behind_rows_;
  }
  return {};
}

Walked<void> DumpData::AddStatements(std::string_view bytes, std::int64_t offset) {
  // Whichever stands first is told, however much is read at once.
  const std::size_t zero = bytes.find('\0');
  const std::size_t bad = utf8_ ? utf8_->Take(bytes.substr(0, zero)) : base::Utf8Stream::kNone;
  if (bad == base::Utf8Stream::kNone && zero == bytes.npos) return {};
  const std::size_t at = std::min(bad, zero);
  return Broken(Reason::kCorrupt, offset + static_cast<std::int64_t>(at),
                std::string(at == zero ? "a zero byte" : "bytes that are not valid UTF-8") +
                    " among the statements of " + table_);
}

Walked<void> DumpData::Finish(std::int64_t offset) const {
  if (!rows_ || behind_rows_ == kBehindRows.size()) return {};
  return Broken(Reason::kIncomplete, offset, "the rows of " + rows_->table() + " have no end mark");
}

}  // namespace drwatch::verify
