// Names of the files of one Barman backup. Used by barman_*.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drwatch::catalog {

// Bits for BackupTree::marks.
inline constexpr std::uint64_t kBarmanInfo = 1;
inline constexpr std::uint64_t kBarmanPlain = 2;      // data/PG_VERSION
inline constexpr std::uint64_t kBarmanControl = 4;    // data/global/pg_control
inline constexpr std::uint64_t kBarmanBaseTar = 8;    // data/base.tar in any packing
inline constexpr std::uint64_t kBarmanCloudTar = 16;  // data.tar in any packing
inline constexpr std::uint64_t kBarmanDeleted = 32;   // somebody deletes it just now
// A TreeLook: names are relative to <server>/base/<id>/.
std::uint64_t LookAtBarman(std::string_view name);

// "main/base/20260101T020000" -> "20260101T020000".
std::string LastPartOf(const std::string& path);
// "main/base/20260101T020000/" -> "20260101T020000".
std::string LastFolderOf(const std::string& folder);

// What Barman writes of its backups beside them in <server>/meta/: backup.info since 3.13.2,
// annotations since 3.13.3.
struct BarmanMetaName {
  std::string id;
  std::uint64_t marks = 0;  // kBarmanInfo or kBarmanDeleted
};
// "20260101T020000-backup.info". nullopt: nothing that is told of a backup.
std::optional<BarmanMetaName> ParseBarmanMeta(std::string_view name);

// A tar file of barman-cloud-backup: "data.tar.gz", "data_0001.tar.gz", "16387.tar".
struct CloudTarName {
  std::string stem;  // "data", or a tablespace's OID
  int number = 0;    // of parts, the first one has none
};
std::optional<CloudTarName> ParseCloudTar(std::string_view name);

// The same file in a data folder: "data/base/1" -> "base/1", "16387/PG_15/1" ->
// "pg_tblspc/16387/PG_15/1". Empty: no part of it.
std::string NameInDataFolder(std::string_view name);

}  // namespace drwatch::catalog
