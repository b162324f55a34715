// Decompressors: what a file's first bytes say it is packed with, and a stream of what is inside.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/source.h"

namespace drwatch::verify {

enum class Compression { kGzip, kZstd, kXz, kBzip2, kLz4, kSnappy, kBrotli, kLzma };

class Decoder : public Source {
 public:
  // True if every byte so far was covered by a checksum of the format (zstd, lz4 and xz may leave
  // theirs out). Asked at the end.
  virtual bool checked() const = 0;
};

// "gzip", "zstd", "xz", "bzip2", "lz4", "snappy", "brotli", "lzma".
std::string_view CompressionName(Compression compression);
// By magic number. nullopt: not packed, or in a way that is not known.
std::optional<Compression> DetectCompression(std::string_view head);
// The same, and by the name's ending where the format has no magic number (brotli, lzma).
std::optional<Compression> DetectCompression(std::string_view head, std::string_view name);
// By the last part of a file name: ".gz", ".tgz", ".zst" ...
std::optional<Compression> CompressionOfName(std::string_view name);
// What is packed in a file of that name: "x.sql" of "x.sql.gz", "x.tar" of "x.tgz". Empty: its name
// does not say that it is packed.
std::string UnpackedName(std::string_view name);
// The names of which that is the one.
std::vector<std::string> PackedNames(std::string_view name);
// Reads all members or frames of `input`, which must outlive the decoder. Truncation is
// kIncomplete, everything else that is wrong kCorrupt; the place is the offset in `input`.
std::unique_ptr<Decoder> MakeDecoder(Compression compression, Reader& input);

}  // namespace drwatch::verify
