#include "verify/decoder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "base/strings.h"
#include "verify/brotli.h"
#include "verify/bzip2.h"
#include "verify/inflate.h"
#include "verify/lz4.h"
#include "verify/snappy.h"
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
  std::string_view magic;  // empty: the format has none
  std::array<std::string_view, 4> suffixes;
  std::unique_ptr<Decoder> (*make)(Reader&);
};
constexpr std::array<Row, 8> kRows = {{
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
    {Compression::kSnappy,
     "snappy",
     "\xff\x06\x00\x00sNaPpY"sv,
     {".snappy", "", "", ""},
     Make<SnappyDecoder>},
    {Compression::kBrotli, "brotli", ""sv, {".br", "", "", ""}, Make<BrotliDecoder>},
    {Compression::kLzma, "lzma", ""sv, {".lzma", "", "", ""}, Make<LzmaDecoder>},
}};

constexpr std::string_view kTar = ".tar";

// ".tgz"
bool IsOfTar(std::string_view suffix) { return suffix.starts_with(".t"); }

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

// Frames of zstd and lz4 may stand behind skippable ones (zstd_compression_format.md, 3.1.2), which
// say nothing themselves: pzstd writes one before each of its frames.
std::optional<Compression> BehindSkippable(std::string_view head) {
  constexpr std::size_t kHeaderBytes = 8;  // a magic number and the size of what is skipped
  bool skippable = false;
  while (head.size() >= kHeaderBytes && head.substr(1, 3) == "\x2a\x4d\x18" &&
         (head[0] & 0xf0) == 0x50) {
    skippable = true;
    std::size_t size = 0;
    for (std::size_t i = kHeaderBytes; i-- > 4;) {
      size = size << 8 | static_cast<unsigned char>(head[i]);
    }
    head.remove_prefix(std::min(head.size(), kHeaderBytes + size));
  }
  if (!skippable) return std::nullopt;
  return head.starts_with(FindRow(Compression::kLz4).magic) ? Compression::kLz4
                                                            : Compression::kZstd;
}

}  // namespace

std::string_view CompressionName(Compression compression) { return FindRow(compression).name; }

std::optional<Compression> DetectCompression(std::string_view head) {
  for (const Row& row : kRows) {
    if (row.magic.empty() || !head.starts_with(row.magic)) continue;
    if (row.compression == Compression::kBzip2 && !IsBzip2(head)) continue;
    return row.compression;
  }
  if (head.starts_with(kLegacyLz4Magic)) return Compression::kLz4;
  return BehindSkippable(head);
}

std::optional<Compression> DetectCompression(std::string_view head, std::string_view name) {
  if (const auto known = DetectCompression(head)) return known;
  const auto promised = CompressionOfName(name);
  return promised && FindRow(*promised).magic.empty() ? promised : std::nullopt;
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

std::string UnpackedName(std::string_view name) {
  if (!CompressionOfName(name)) return {};
  const std::size_t dot = name.rfind('.');
  const std::string stem(name.substr(0, dot));
  return IsOfTar(base::Lower(name.substr(dot))) ? stem + std::string(kTar) : stem;
}

std::vector<std::string> PackedNames(std::string_view name) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    for (const std::string_view suffix : row.suffixes) {
      const std::string packed = std::string(name) + std::string(suffix);
      if (!suffix.empty() && !IsOfTar(suffix)) names.push_back(packed);
      if (!IsOfTar(suffix) || !name.ends_with(kTar)) continue;
      names.push_back(std::string(name.substr(0, name.size() - kTar.size())) + std::string(suffix));
    }
  }
  return names;
}

std::unique_ptr<Decoder> MakeDecoder(Compression compression, Reader& input) {
  return FindRow(compression).make(input);
}

}  // namespace drwatch::verify
