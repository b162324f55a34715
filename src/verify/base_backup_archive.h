// The tar files of a base backup: which are its parts, and their members as they stream by.
#pragma once

#include <optional>
#include <string>

#include "verify/carried_wal.h"
#include "verify/content_check.h"
#include "verify/manifest_inventory.h"
#include "verify/tar.h"

namespace drwatch::verify {

// "base.tar.gz" -> "base", "16385.tar" -> "16385", "pg_wal.tar" -> "pg_wal". Empty: none of them.
std::string BackupArchiveOf(const std::string& name);

// Where in the backup the members of that archive belong: "", "pg_tblspc/16385/", "pg_wal/".
std::string BackupArchivePrefix(const std::string& archive);

// What of base.tar tells about the other archives.
struct BaseMembers {
  std::string control;  // the start of pg_control
  std::string label;
  std::string tablespaces;
  std::optional<std::string> version;  // PG_VERSION
};

// Members of one of the archives, checked against the manifest; those of pg_wal go to `wal`.
class BaseBackupMembers final : public TarVisitor {
 public:
  // `inventory` may be nullptr (no manifest). `archive` as BackupArchiveOf() says. Both outlive it.
  BaseBackupMembers(ManifestInventory* inventory, CarriedWal& wal, const std::string& archive);

  Walked<void> Begin(const TarMember& member) override;
  Walked<void> Data(std::string_view bytes) override;
  Walked<void> End() override;
  Walked<void> Content(Source& content) override;
  const BaseMembers& members() const { return members_; }

 private:
  ManifestInventory* inventory_;
  CarriedWal& wal_;
  std::string prefix_;  // where the archive's members belong
  std::string path_;
  std::optional<ContentCheck> check_;
  BaseMembers members_;
  std::int64_t size_ = 0;
};

}  // namespace drwatch::verify
