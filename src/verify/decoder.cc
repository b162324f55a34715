#include "verify/decoder.h"

#include <array>
#include <cstdlib>
#include <vector>

#include "base/strings.h"
#include "verify/bzip2.h"
#include "verify/inflate.h"
#include "verify/lz4.h"
#include "verify/xz.h"
#include "verify/zstd.h"

namespace drwatch::verify {
namespace {

using std::string_view_literals::operator""sv;

template <typename T>
std::unique_ptr<Decoder> Make(Reader& input) {
  return std::make_unique<T>(input);
}

// The list of compressions: a line each.
struct Row {
  Compression compression;
  std::string_view name;
  std::string_view magic;
  std::array<std::string_view, 4> suffixes;
  std::unique_ptr<Decoder> (*make)(Reader&);
};
constexpr std::array<Row, 5> kRows = {{
    {Compression::kGzip, "gzip", "\x1f\x8b\x08"sv, {".gz", ".tgz", "", ""}, Make<GzipDecoder>},
    {Compression::kZstd,
     "zstd",
     "\x28\xb5\x2f\xfd"sv,
     {".zst", ".zstd", ".tzst", ""},
     Make<ZstdDecoder>},
    {Compression::kXz,
     "xz",
     "\xfd\x37\x7a\x58\x5a\x00"sv,
     {".xz", ".txz", "", ""},
     Make<XzDecoder>},
    {Compression::kBzip2, "bzip2", "BZh"sv, {".bz2", ".tbz2", ".tbz", ""}, Make<Bzip2Decoder>},
    {Compression::kLz4, "lz4", "\x04\x22\x4d\x18"sv, {".lz4", "", "", ""}, Make<Lz4Decoder>},
}};

const Row& FindRow(Compression compression) {
  for (const Row& row : kRows) {
    if (row.compression == compression) return row;
  }
  std::abort();
}

// "BZh" alone also begins texts: a level and the magic of a block or of the end must follow.
bool IsBzip2(std::string_view head) {
  if (head.size() < 10 || head[3] < '1' || head[3] > '9') return false;
  return head.substr(4, 6) == "\x31\x41\x59\x26\x53\x59" ||
         head.substr(4, 6) == "\x17\x72\x45\x38\x50\x90";
}

}  // namespace

std::string_view CompressionName(Compression compression) { return FindRow(compression).name; }

std::optional<Compression> DetectCompression(std::string_view head) {
  for (const Row& row : kRows) {
    if (!head.starts_with(row.magic)) continue;
    if (row.compression == Compression::kBzip2 && !IsBzip2(head)) continue;
    return row.compression;
  }
  return std::nullopt;
}

std::optional<Compression> CompressionOfName(std::string_view name) {
  const std::string lower = base::Lower(name);
  for (const Row& row : kRows) {
    for (const std::string_view suffix : row.suffixes) {
      if (!suffix.empty() && lower.ends_with(suffix)) return row.compression;
    }
  }
  return std::nullopt;
}

std::unique_ptr<Decoder> MakeDecoder(Compression compression, Reader& input) {
  return FindRow(compression).make(input);
}

}  // namespace drwatch::verify
