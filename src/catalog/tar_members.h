// Members of the tar files that make a base backup, as they stream by: their names, and what the
// small ones among them say of the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/place.h"
#include "verify/source.h"
#include "verify/tar.h"
#include "verify/wal_name.h"

namespace drwatch::catalog {

// What the files of a data folder say about it. Found in any of its tar files, or in the folder.
struct DataFolderFacts {
  std::optional<std::uint64_t> system_identifier;  // global/pg_control
  std::optional<verify::Lsn> label_start;          // backup_label
  bool has_label = false;
  bool has_control = false;
  bool control_damaged = false;  // its own checksum differs
  bool has_version = false;      // PG_VERSION
};
// Adds what `other` found.
void AddFacts(DataFolderFacts& facts, const DataFolderFacts& other);
// What the backup itself was told; 0 and nullopt = it was not.
struct ExpectedData {
  std::uint64_t system_identifier = 0;
  std::optional<verify::Lsn> start;
  // Of files that did not change since its parent an incremental backup holds nothing; a WAL-G
  // delta leaves out PG_VERSION.
  bool incremental = false;
};
// Fault: a part that every base backup has is missing, or speaks of another backup.
verify::Walked<void> CheckFacts(const DataFolderFacts& facts, const ExpectedData& expected);
// Of files of these names, relative to the data folder, WatchedFile() is to be told of the content.
inline constexpr std::size_t kMaxWatchedBytes = 64 << 10;
bool IsWatchedFile(std::string_view name);
void WatchedFile(std::string_view name, std::string_view content, DataFolderFacts& facts);

class TarMembers final : public verify::TarVisitor {
 public:
  verify::Walked<void> Begin(const verify::TarMember& member) override;
  verify::Walked<void> Data(std::string_view bytes) override;
  verify::Walked<void> End() override;

  // WalGNameHash() of each, in no order.
  std::vector<std::uint64_t>& hashes() { return hashes_; }
  const DataFolderFacts& facts() const { return facts_; }

 private:
  std::vector<std::uint64_t> hashes_;
  DataFolderFacts facts_;
  std::string name_;  // of a watched file
  std::string content_;
};

// One tar file read to its end. It holds something, and is packed as its name says.
struct TarFound {
  verify::Verdict verdict;
  std::vector<std::uint64_t> hashes;  // as TarMembers
  DataFolderFacts facts;
};
// `where` names it in the verdict.
TarFound ReadTarFile(Place& place, const PlaceObject& tar, const std::string& where,
                     verify::ReadBudget& budget);

}  // namespace drwatch::catalog
