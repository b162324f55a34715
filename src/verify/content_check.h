// The bytes of one file against its line in a backup_manifest.
#pragma once

#include <optional>

#include "verify/digest_lanes.h"
#include "verify/manifest.h"

namespace drwatch::verify {

// CRC-32C (Castagnoli) of more bytes after those of `crc`; begin with 0.
std::uint32_t Crc32c(std::uint32_t crc, std::string_view bytes);

// Whether `checksum`, of a manifest, is that CRC-32C.
bool IsCrc32c(std::uint32_t crc, std::string_view checksum);

class ContentCheck {
 public:
  // `lane` is that of the budget the file is read with.
  ContentCheck(const ManifestFile& file, DigestLane* lane);
  void Update(std::string_view bytes);
  // Call once. Fault: kIncomplete or kCorrupt; its place is the file.
  Walked<void> Finish();

 private:
  const ManifestFile& file_;
  std::int64_t size_ = 0;
  std::uint32_t crc_ = 0;
  std::optional<StreamDigest> digest_;
};

}  // namespace drwatch::verify
