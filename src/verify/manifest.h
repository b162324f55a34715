// PostgreSQL's backup_manifest, versions 1 (PostgreSQL 13) and 2 (17).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "verify/needed_wal.h"
#include "verify/source.h"
#include "verify/text_blocks.h"

namespace drwatch::verify {

enum class ManifestChecksum : std::uint8_t { kNone, kCrc32c, kDigest };

// Large clusters have millions: 24 bytes each, and the texts.
struct ManifestFile {
  std::string_view path() const { return {text, path_bytes}; }
  std::string_view checksum() const { return {text + path_bytes, checksum_bytes}; }  // raw

  const char* text = nullptr;  // the path and the checksum behind it: of Manifest::texts
  std::int64_t size = 0;
  std::uint16_t path_bytes = 0;
  std::uint8_t checksum_bytes = 0;
  ManifestChecksum kind = ManifestChecksum::kNone;
  base::DigestAlgorithm algorithm = base::DigestAlgorithm::kSha256;  // with kDigest
};

// Movable only: the files refer to its texts.
struct Manifest {
  Manifest() = default;
  Manifest(Manifest&&) = default;
  Manifest& operator=(Manifest&&) = default;

  int version = 1;
  std::optional<std::uint64_t> system_identifier;
  TextBlocks texts;
  std::deque<ManifestFile> files;  // by path, unique; none with kWithoutFiles
  std::vector<WalRange> wal;
  bool checksums = true;  // false if any file has none
  // Last-Modified of backup_label, or else the newest of all: when the backup was taken.
  std::optional<base::Timestamp> taken;
};

enum class ManifestParts { kAll, kWithoutFiles };

// Reads it to its end. Faults: kIncomplete (not closed JSON), kCorrupt (its own checksum differs,
// or fields are missing or impossible), unjudged kWrongFormat (a version that is not known) and
// kLimit (more than kMaxFiles are to be kept, more than 1000 WAL ranges), and those of the reader.
Walked<Manifest> ReadManifest(Reader& reader, ManifestParts parts);

}  // namespace drwatch::verify
