// What miniature repositories of WAL-G and Barman are made of: a tiny data folder, its tar files
// and real WAL (tests/testdata/pgbackrest).
#pragma once

#include <lz4frame.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "catalog/artefact_catalog.h"
#include "catalog/place.h"
#include "support/temp_dir.h"
#include "verify/content_check.h"
#include "verify/samples.h"
#include "verify/wal_segment.h"

namespace drwatch::catalog::repository_test {

// The cluster that the WAL is of, and the segments there are.
inline constexpr const char* kFirstSegment = "000000010000000000000017";
inline constexpr const char* kSecondSegment = "000000010000000000000018";

inline std::string Lz4(std::string_view bytes) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  std::string out(LZ4F_compressFrameBound(bytes.size(), &preferences), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences));
  return out;
}

// A segment packed with lz4.
inline const std::string& PackedSegment(const std::string& name) {
  static const auto kSegments = [] {
    std::map<std::string, std::string> segments;
    for (const auto& entry :
         std::filesystem::directory_iterator(testing::TestData("testdata/pgbackrest"))) {
      const std::string file = entry.path().filename().string();
      segments[file.substr(0, 24)] = testing::ReadTestFile(entry.path().string());
    }
    return segments;
  }();
  return kSegments.at(name);
}

inline std::uint64_t SystemIdentifier() {
  static const std::uint64_t kIdentifier = [] {
    const std::string& packed = PackedSegment(kFirstSegment);
    verify::MemorySource source(packed);
    verify::Reader reader(source);
    return verify::PeekWalHead(reader)->system_identifier;
  }();
  return kIdentifier;
}

inline std::string LittleEndian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// pg_control of PostgreSQL 15: its checksum stands at byte 288.
inline std::string Control(std::uint64_t system_identifier) {
  std::string bytes = LittleEndian(system_identifier, 8) + LittleEndian(1300, 4);
  bytes += verify::Noise(276);
  bytes += LittleEndian(verify::Crc32c(0, bytes), 4);
  bytes.resize(8192);
  return bytes;
}

inline std::string Label(const std::string& lsn, const std::string& segment) {
  return "START WAL LOCATION: " + lsn + " (file " + segment + ")\nCHECKPOINT LOCATION: " + lsn +
         "\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n";
}

// A repository in a folder: names and bytes.
class Files {
 public:
  std::map<std::string, std::string> files;

  void WriteTo(const testing::TempDir& folder) const {
    for (const auto& [name, bytes] : files) folder.Write(name, bytes);
  }
};

}  // namespace drwatch::catalog::repository_test
