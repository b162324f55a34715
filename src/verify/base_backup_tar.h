// A base backup inside of one tar file, with its manifest among the members: what
// `pg_basebackup -D - -Ft` writes, or the tar of a backup's folder, whose files may be tar files.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/carried_wal.h"
#include "verify/manifest.h"
#include "verify/tar.h"

namespace drwatch::verify {

// Watches the members of any tar file go by. The manifest comes last as a rule: what goes by before
// is summed, and compared once the manifest is known. Whatever does not fit then, or cannot be
// compared so (SHA checksums), a second walk judges with the manifest at hand (Walk::again).
class BaseBackupScan final : public TarVisitor {
 public:
  explicit BaseBackupScan(BaseBackupWal wal) : wal_place_(wal) {}

  Walked<void> Begin(const TarMember& member) override;
  Walked<void> Content(Source& content) override;
  Walked<void> Data(std::string_view) override { return {}; }
  Walked<void> End() override { return {}; }

  // Once all members went by: whether they hold a base backup.
  bool found() const;
  // If they do, once: what is known of it by now. Fault: of the manifest.
  Walked<Walk> Finish();

 private:
  // Files that are kept in mind, 24 bytes each.
  static constexpr std::size_t kMaxSums = 1'000'000;
  struct Sum {
    std::uint64_t name = 0;  // the hash of its path
    std::int64_t size = 0;
    std::uint32_t crc = 0;
  };
  struct Segment {
    std::uint32_t timeline = 0;
    std::uint16_t magic = 0;
    Lsn begin = 0;
    Lsn end = 0;  // of the last whole record
    std::int64_t bytes = 0;
    std::uint64_t system_identifier = 0;
    bool whole = false;    // its WAL goes on to the next one
    bool chained = false;  // it goes on where the one before it ends
  };

  void NoteRoots(const std::string& path);
  Walked<void> Take(const std::string& path, std::int64_t size, Source& content);
  Walked<void> TakeManifest(const std::string& path, Source& content);
  Walked<void> TakeArchive(const std::string& folder, const std::string& name, Source& content);
  Walked<void> TakeWal(const std::string& name, std::int64_t size, Source& content);
  Walked<void> TakeFile(const std::string& path, Source& content);
  const Sum* Find(const std::string& path) const;
  bool FilesFit();
  bool WalFits() const;
  std::uint64_t Cluster() const;
  bool Fits(const Segment& segment, const WalRange& range) const;

  const BaseBackupWal wal_place_;
  TarMember member_;
  bool in_archive_ = false;  // what goes by is a member of a tar file in the tar file
  std::deque<Sum> sums_;
  // What the sums do not tell: something was left out of them.
  bool doubtful_ = false;
  std::optional<Walked<Manifest>> manifest_;
  bool several_ = false;  // manifests
  // Folders in the tar file, "" or with '/' at their end.
  std::string root_;  // of the manifest
  std::optional<std::string> control_root_;
  std::optional<std::string> wal_root_;
  std::optional<std::string> server_root_;  // where a server was started
  std::optional<std::string> label_root_;
  std::optional<std::string> used_label_root_;  // which a server renames when it starts
  std::optional<std::string> archive_root_;
  bool packed_ = false;  // the backup's files are members of tar files in it
  std::string version_;
  std::string control_;
  std::vector<Segment> segments_;
  std::optional<WalCarry> carry_;
};

}  // namespace drwatch::verify
