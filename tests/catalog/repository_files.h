// What miniature repositories of WAL-G and Barman are made of: a tiny data folder, its tar files
// and real WAL (tests/testdata/pgbackrest).
#pragma once

#include <lz4frame.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "catalog/archive_check.h"
#include "catalog/artefact_catalog.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "config/backup_probe_config.h"
#include "support/fake_s3.h"
#include "support/temp_dir.h"
#include "verify/content_check.h"
#include "verify/samples.h"
#include "verify/utc.h"
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
    return verify::PeekWalHead(reader, kFirstSegment)->system_identifier;
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

inline base::Timestamp At(std::string_view text) { return verify::ParseIsoTime(text).value(); }
inline const base::Timestamp kNow = At("2026-11-21T12:00:00Z");

// A repository in a folder of its own, looked at once.
class LookedAtFolder {
 public:
  using MakeCatalog = std::function<std::unique_ptr<ArtefactCatalog>(Place&)>;
  // The names of backups begin with `above`.
  LookedAtFolder(const Files& repository, std::string above, const MakeCatalog& make,
                 base::Timestamp now)
      : above_(std::move(above)) {
    repository.WriteTo(folder);
    place = MakeFolderPlace(folder.path());
    catalog = make(*place);
    listing = List(now);
  }
  Listing List(base::Timestamp now) {
    return catalog->List(now, base::Deadline(base::SteadyTime::max()), {});
  }
  const Artefact* Find(const std::string& name) const {
    for (const Artefact& artefact : listing.complete) {
      if (artefact.name == above_ + name) return &artefact;
    }
    return nullptr;
  }
  // "complete ... | in progress ... | failed ...", without the folder.
  std::string Names() const {
    if (listing.blind) return "blind: " + listing.blind->message;
    std::string text;
    for (const Artefact& artefact : listing.complete) text += Short(artefact.name) + " ";
    text += "|";
    for (const std::string& name : listing.in_progress) text += " " + Short(name);
    text += " |";
    for (const FailedAttempt& attempt : listing.failed) text += " " + Short(attempt.name);
    return text;
  }
  std::string Defect(const std::string& name) const {
    const Artefact* const artefact = Find(name);
    if (artefact == nullptr) return "not there";
    return artefact->defect ? artefact->defect->message : "";
  }
  verify::Verdict Verify(const std::string& name, const verify::VerifyOptions& options = {}) const {
    const Artefact* const artefact = Find(name);
    return artefact == nullptr ? verify::Verdict() : catalog->Verify(*artefact, options);
  }

  testing::TempDir folder;
  std::unique_ptr<Place> place;
  std::unique_ptr<ArtefactCatalog> catalog;
  Listing listing;

 private:
  std::string Short(const std::string& name) const { return name.substr(above_.size()); }
  const std::string above_;
};

// Reads the archive that a backup names, then the backup: its WAL is not read a second time, and
// what is wrong with it is told as if it were. `proven` is what `looked` was made with.
inline void ExpectWalIsReadOnce(const LookedAtFolder& looked, const LookedAtFolder& alone,
                                const std::string& name, ProvenFiles& proven) {
  const auto facts = looked.Find(name)->facts;
  std::int64_t wal_bytes = 0;
  for (const char* segment : {kFirstSegment, kSecondSegment}) {
    wal_bytes += static_cast<std::int64_t>(PackedSegment(segment).size());
  }
  verify::VerifyOptions options;
  options.reuse = std::chrono::hours(1);
  const verify::Verdict archive =
      VerifyArchive(*looked.place, facts->wal_folder, facts->system_identifier, proven, options);
  EXPECT_EQ(archive.outcome, verify::Outcome::kIntact) << archive.ToString();
  const verify::Verdict apart = alone.Verify(name, options);
  const verify::Verdict after = looked.Verify(name, options);
  EXPECT_EQ(after.outcome, verify::Outcome::kIntact) << after.ToString();
  EXPECT_EQ(after.ToString(), apart.ToString());
  EXPECT_EQ(after.details, apart.details);
  EXPECT_EQ(after.bytes_read, apart.bytes_read - wal_bytes);
  // Again: nothing of it changed.
  EXPECT_LT(looked.Verify(name, options).bytes_read, after.bytes_read / 2);
}

// Ways to damage a file; the bits of a text mean nothing by themselves.
enum class Bits { kText, kCovered };
inline std::map<std::string, std::string> Damages(const std::string& bytes, Bits bits) {
  std::map<std::string, std::string> damages = {
      {"emptied", ""},
      {"cut in half", bytes.substr(0, bytes.size() / 2)},
      {"last byte lost", bytes.substr(0, bytes.size() - 1)},
      {"zeros", std::string(bytes.size(), '\0')},
      {"error page", "<html><body>503 Service Unavailable</body></html>"},
      {"junk behind it", bytes + "junk"},
  };
  if (bits == Bits::kText) return damages;
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 2 + 1) {
    damages["flipped at " + std::to_string(at)] =
        verify::Flipped(bytes, at, static_cast<int>(at % 8));
  }
  return damages;
}

inline config::S3 S3Of(const testing::FakeS3& server) {
  config::S3 s3;
  s3.endpoint = server.endpoint();
  s3.access_key_id = "AK";
  s3.secret_access_key.value = base::Secret("topsecret");
  return s3;
}

}  // namespace drwatch::catalog::repository_test
