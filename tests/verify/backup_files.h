// The files of a small base backup, its WAL and its manifest.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "samples.h"
#include "verify/content_check.h"
#include "verify/manifest.h"
#include "wal_builder.h"

namespace drwatch::verify {

// Two segments with what a backup needs: from their first record to `end`. One of its records
// begins in the first segment and ends in the second.
struct BackupWal {
  std::vector<std::string> segments;
  std::vector<std::string> names;
  Lsn start = 0;
  Lsn end = 0;
};

inline BackupWal MakeBackupWal() {
  BackupWal wal;
  WalBuilder builder(2);
  wal.start = builder.Add("first");
  builder.FillTo(40);
  builder.Add(Noise(20'000));
  wal.end = builder.Position();
  builder.Add(Noise(5000));
  builder.Switch();
  wal.segments = builder.Segments();
  wal.names = {builder.Name(0), builder.Name(1)};
  return wal;
}

inline const BackupWal kWal = MakeBackupWal();

struct ManifestOptions {
  int version = 1;
  std::string algorithm = "CRC32C";
  bool swapped = false;
};

inline std::string ChecksumOf(const ManifestOptions& options, std::string_view bytes) {
  if (options.algorithm == "CRC32C") {
    const std::uint32_t crc = Crc32c(0, bytes);
    std::string raw;
    for (int i = 0; i < 4; ++i)
      raw += static_cast<char>(crc >> (8 * (options.swapped ? 3 - i : i)));
    return base::Hex(raw);
  }
  return base::Hex(base::ComputeDigest(*base::ParseDigestName(options.algorithm), bytes));
}

inline std::string MakeManifest(const std::map<std::string, std::string>& files,
                                const ManifestOptions& options = {}) {
  std::string text =
      "{ \"PostgreSQL-Backup-Manifest-Version\": " + std::to_string(options.version) + ",\n";
  if (options.version == 2) {
    text += "\"System-Identifier\": " + std::to_string(WalBuilder::kSystem) + ",\n";
  }
  text += "\"Files\": [\n";
  std::string separator;
  for (const auto& [name, content] : files) {
    text += separator + "{ \"Path\": \"" + name +
            "\", \"Size\": " + std::to_string(content.size()) +
            ", \"Last-Modified\": \"2026-01-02 03:04:05 GMT\"";
    // As pg_combinebackup lists WAL.
    if (options.algorithm != "NONE" && !name.starts_with("pg_wal/")) {
      text += ", \"Checksum-Algorithm\": \"" + options.algorithm + "\", \"Checksum\": \"" +
              ChecksumOf(options, content) + "\"";
    }
    text += " }";
    separator = ",\n";
  }
  text += "\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"" + FormatLsn(kWal.start) +
          "\", \"End-LSN\": \"" + FormatLsn(kWal.end) + "\" }\n],\n";
  return text + "\"Manifest-Checksum\": \"" +
         base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text)) + "\"}\n";
}

inline std::string ControlFile(std::uint64_t system_identifier) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(system_identifier >> (8 * i));
  return bytes + Noise(8184);
}

inline const std::map<std::string, std::string> kFiles = {
    {"PG_VERSION", "15\n"},
    {"backup_label", "START TIME: 2026-01-02 03:04:05 UTC\n"},
    {"base/1/1259", Noise(8192)},
    {"base/1/1249", Noise(16384)},
    {"global/pg_control", ControlFile(WalBuilder::kSystem)},
    {"empty", ""},
    {"postgresql.auto.conf", "# old\n"},
};

}  // namespace drwatch::verify
