// The WAL that makes a base backup consistent: what the backup says it needs, what it carries of it
// in pg_wal, and whether both are of one cluster and release.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "verify/manifest.h"
#include "verify/wal_files.h"

namespace drwatch::verify {

inline constexpr std::string_view kWalFolder = "pg_wal/";
inline constexpr std::string_view kControlFile = "global/pg_control";
// So much of the control file's start tells the cluster.
inline constexpr std::size_t kControlHeadBytes = 8;
// The cluster's system identifier.
std::uint64_t SystemIdentifierOf(std::string_view control_head);
inline constexpr std::string_view kVersionFile = "PG_VERSION";
// It is never longer.
inline constexpr std::size_t kVersionBytes = 16;

// Of CarriedWal::unchained().
inline constexpr const char* kUnchainedText =
    "its WAL segments are not in order: records that go on in the next one were not checked";

// With its WAL elsewhere (in an archive) what a backup carries of it is not looked at.
enum class BaseBackupWal { kInside, kElsewhere };

// One thread.
class CarriedWal {
 public:
  explicit CarriedWal(BaseBackupWal place) : place_(place) {}

  // What is needed: as the manifest says, or without one from where backup_label begins.
  void Expect(const Manifest& manifest);
  void ExpectLabel(std::string_view backup_label);
  // The same for what a control file says.
  void ExpectRange(const WalRange& range);
  // Whose it has to be, unless the manifest said so: the start of the control file.
  void BelongTo(std::string_view control_head);
  bool cluster_known() const { return system_identifier_ != 0; }
  // Which release has to have written it: the content of PG_VERSION.
  void OfRelease(std::string_view version_file);

  // A file of pg_wal: as WalFiles::Add().
  Walked<void> Add(const std::string& name, std::int64_t size, Source& content);
  // Once all were added: as WalFiles::Check(), and kWrongFormat if it is another cluster's or
  // release's.
  Walked<void> Check() const;
  // What an archive must have: all that a manifest names, if nothing of it is carried and Check()
  // finds nothing else wrong. Else empty, but for whose it is.
  NeededWal Lacking() const;

  bool inside() const { return place_ == BaseBackupWal::kInside; }
  std::size_t count() const { return files_.count(); }
  // As in WalFiles.
  bool unchained() const { return files_.unchained(); }

 private:
  Walked<void> CheckRelease() const;

  const BaseBackupWal place_;
  WalFiles files_;
  std::vector<WalRange> ranges_;         // of the manifest
  bool expected_ = false;                // by a manifest
  std::uint64_t system_identifier_ = 0;  // of the backup; 0: not known
  std::string release_;                  // of the backup: "15"; empty: not known
};

}  // namespace drwatch::verify
