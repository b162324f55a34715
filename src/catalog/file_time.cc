#include "catalog/file_time.h"

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/file_source.h"
#include "verify/rdb.h"

namespace drwatch::catalog {

bool MayTellTime(std::string_view name) { return base::Lower(name).find("rdb") != name.npos; }

std::optional<base::Timestamp> TimeInFile(const std::string& path) {
  verify::ReadBudget budget({});
  auto file = verify::FileSource::Open(path, budget, nullptr);
  if (!file) return std::nullopt;
  verify::Reader reader(*file);
  const auto head = reader.Peek(verify::kRdbHeadBytes);
  if (!head) return std::nullopt;
  const auto compression = verify::DetectCompression(*head);
  if (!compression) return verify::RdbTime(*head);
  const auto decoder = verify::MakeDecoder(*compression, reader);
  verify::Reader inner(*decoder);
  const auto unpacked = inner.Peek(verify::kRdbHeadBytes);
  return unpacked ? verify::RdbTime(*unpacked) : std::nullopt;
}

}  // namespace drwatch::catalog
