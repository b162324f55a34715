// PostgreSQL's backup_manifest, versions 1 (PostgreSQL 13) and 2 (17).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "verify/source.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

enum class ManifestChecksum { kNone, kCrc32c, kDigest };

struct ManifestFile {
  std::string path;
  std::int64_t size = 0;
  ManifestChecksum kind = ManifestChecksum::kNone;
  base::DigestAlgorithm algorithm = base::DigestAlgorithm::kSha256;  // with kDigest
  std::string checksum;                                              // raw
};

struct WalRange {
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;  // LSN
  std::uint64_t end = 0;
};

struct Manifest {
  int version = 1;
  std::optional<std::uint64_t> system_identifier;
  std::vector<ManifestFile> files;  // by path, unique
  std::vector<WalRange> wal;
  bool checksums = true;  // false if any file has none
  // Last-Modified of backup_label, or else the newest of all: when the backup was taken.
  std::optional<base::Timestamp> taken;
};

// Faults: kIncomplete (not closed JSON), kCorrupt (its own checksum differs, or fields are missing
// or impossible), unjudged kWrongFormat (a version that is not known).
Walked<Manifest> ParseManifest(std::string_view text);

}  // namespace drwatch::verify
