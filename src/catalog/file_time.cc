#include "catalog/file_time.h"

#include <algorithm>

#include "verify/decoder.h"
#include "verify/file_source.h"
#include "verify/rdb.h"

namespace drwatch::catalog {

bool MayTellTime(std::string_view name) {
  constexpr std::string_view kWord = "rdb";
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  return std::search(name.begin(), name.end(), kWord.begin(), kWord.end(), same) != name.end();
}

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
