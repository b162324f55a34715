// What one data stream of a pg_dump archive must hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "verify/copy_rows.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::verify {

// Follows one stream from its first byte to its last.
class DumpData {
 public:
  // Any bytes, as a large object may hold.
  DumpData() = default;
  DumpData(const DumpEntry& entry, TextEncoding encoding);

  // The next bytes. What is wrong with them, if anything.
  std::optional<RowsFault> Add(std::string_view bytes);
  // What is missing once there are no more.
  std::optional<std::string> Missing() const;

 private:
  std::optional<RowsFault> AddRows(std::string_view bytes);
  std::optional<RowsFault> AddStatements(std::string_view bytes);

  std::optional<CopyRows> rows_;
  std::size_t behind_rows_ = 0;  // how much of what follows their end mark has been read
  bool statements_ = false;
  std::optional<base::Utf8Stream> utf8_;  // of statements, if they are in UTF-8
  std::string table_;
};

}  // namespace drwatch::verify
