// What one data stream of a pg_dump archive must hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "verify/copy_rows.h"
#include "verify/pg_dump_toc.h"
#include "verify/source.h"

namespace drwatch::verify {

// Follows one stream from its first byte to its last.
class DumpData {
 public:
  // Any bytes, as a large object may hold.
  DumpData() = default;
  DumpData(const DumpEntry& entry, TextEncoding encoding);

  // The next bytes, the first of which stands at `offset` of what faults are told of. Faults:
  // kCorrupt.
  Walked<void> Add(std::string_view bytes, std::int64_t offset);
  // Once there are no more. Faults: kIncomplete.
  Walked<void> Finish(std::int64_t offset) const;

 private:
  Walked<void> AddRows(std::string_view bytes, std::int64_t offset);
  Walked<void> AddStatements(std::string_view bytes, std::int64_t offset);

  std::optional<CopyRows> rows_;
  std::size_t behind_rows_ = 0;  // how much of what follows their end mark has been read
  bool statements_ = false;
  std::optional<base::Utf8Stream> utf8_;  // of statements, if they are in UTF-8
  std::string table_;
};

}  // namespace drwatch::verify
