// Names in a WAL-G repository, and the WAL that a backup needs there. Used by walg_*.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/artefact.h"
#include "catalog/backup_wal.h"
#include "catalog/place.h"
#include "verify/walg_metadata.h"

namespace drwatch::catalog {

inline constexpr std::string_view kWalGBackups = "basebackups_005/";
inline constexpr std::string_view kWalGWal = "wal_005/";
inline constexpr std::string_view kWalGSentinel = "_backup_stop_sentinel.json";
inline constexpr std::string_view kWalGTars = "tar_partitions/";

// "base_000000010000000000000002_D_000000010000000000000001".
struct WalGName {
  std::string segment;         // that the backup begins in
  std::string parent_segment;  // empty = a full one
  // A position follows: WAL-E's way, whose backups have no tar file of their own for pg_control.
  bool has_position = false;
  bool needs_control_tar() const { return !has_position || !parent_segment.empty(); }
};
// nullopt: no backup of PostgreSQL.
std::optional<WalGName> ParseWalGName(std::string_view name);

// "part_001.tar.lz4" -> 1; 0: another tar file; nullopt: not a tar file.
std::optional<int> TarNumber(std::string_view name);
bool IsControlTar(std::string_view name);

// Names of the first and the last segment, both empty if the backup does not say where it ends.
struct WalGRange {
  std::string first, last;
};
// Fault: positions that do not fit its name.
tl::expected<WalGRange, std::string> RangeOf(const WalGName& name, const verify::WalGBackup& said);

// As FindBackupWal(), in a folder that holds all segments side by side.
tl::expected<BackupWal, Finding> FindFlatWal(Place& place, const RepositoryFacts& facts,
                                             const PlaceContext& context);

}  // namespace drwatch::catalog
