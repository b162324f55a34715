// Any bytes as a file that a backup program keeps in its repository end in a fault or in something
// that holds together. The input is a kind, a newline, the content.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "verify/barman_info.h"
#include "verify/walg_metadata.h"

namespace drwatch::verify {
namespace {

using fuzz::Check;

// One byte at a time.
class ByteSource final : public Source {
 public:
  explicit ByteSource(std::string_view bytes) : left_(bytes) {}
  Walked<std::string_view> Next() override {
    byte_ = std::string(left_.substr(0, 1));
    left_.remove_prefix(byte_.size());
    return byte_;
  }

 private:
  std::string_view left_;
  std::string byte_;
};

template <typename T>
void CheckFault(const Walked<T>& result) {
  if (result) return;
  const Fault& fault = result.error();
  Check(!fault.message.empty(), "a fault that says nothing");
  Check(fault.message.size() < 1000, "a fault that says too much");
  Check(fault.outcome != Outcome::kIntact && fault.reason != model::Reason::kNone,
        "a fault that is none");
}

void CheckSentinel(std::string_view content) {
  WalGBackup backup;
  CheckFault(ParseWalGJson(content, backup));
}

void CheckFiles(std::string_view content) {
  MemorySource whole(content);
  Reader reader(whole);
  const auto files = ReadWalGFiles(reader);
  CheckFault(files);
  ByteSource bytes(content);
  Reader slow(bytes);
  const auto again = ReadWalGFiles(slow);
  Check(files.has_value() == again.has_value(), "pieces make a difference");
  if (!files) return;
  Check(files->packed == again->packed && files->skipped == again->skipped &&
            files->tars == again->tars,
        "pieces make a difference");
  if (files->packed.empty()) return;
  MemorySource source(content);
  Reader third(source);
  const auto name = FindWalGName(third, files->packed.front());
  Check(name && WalGNameHash(*name) == files->packed.front(), "a name that is not found again");
}

void CheckInfo(std::string_view content) {
  const auto info = ParseBarmanInfo(content);
  CheckFault(info);
  if (!info || info->status != BarmanStatus::kDone) return;
  Check(ParseWalFileName(info->begin_wal) && ParseWalFileName(info->end_wal),
        "a finished backup without WAL");
  Check(IsSegmentSize(info->segment_bytes) && info->size_bytes >= 0, "impossible sizes");
}

void CheckIndex(std::string_view content) {
  const auto lines = ParseXlogDb(content);
  CheckFault(lines);
  if (!lines) return;
  for (const XlogDbLine& line : *lines) {
    Check(line.size_bytes >= 0 && ParseWalFileName(line.name), "a line that is none");
  }
}

}  // namespace
}  // namespace drwatch::verify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = drwatch::fuzz::Text(data, size);
  const std::size_t line = input.find('\n');
  if (line == input.npos) return 0;
  const std::string_view kind = input.substr(0, line);
  const std::string_view content = input.substr(line + 1);
  if (kind == "sentinel") drwatch::verify::CheckSentinel(content);
  if (kind == "files") drwatch::verify::CheckFiles(content);
  if (kind == "info") drwatch::verify::CheckInfo(content);
  if (kind == "index") drwatch::verify::CheckIndex(content);
  return 0;
}
