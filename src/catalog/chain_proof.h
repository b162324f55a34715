// What the proofs of WAL-G and Barman backups have in common: a chain of folders, each one a backup
// with its own tar files, and the WAL that the first of them needs. Used within this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/backup_wal.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/tar_members.h"
#include "verify/file_source.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// Intact at the highest level: what AddPart() starts from.
verify::Verdict IntactSoFar();
// `where` names the part, and may be empty.
verify::Verdict PartOf(verify::Fault fault, const std::string& where);
verify::Verdict BrokenPart(model::Reason reason, const std::string& where, std::string message);
verify::Verdict UnjudgedPart(model::Reason reason, const std::string& where, std::string message);

// What the tar files of a backup hold.
struct TarsFound {
  std::vector<std::uint64_t> hashes;  // as TarMembers, in no order
  DataFolderFacts facts;
  std::string packing;  // of the first one, as the end of a verdict's format says it
};

// One folder of the chain while it is proven. One thread at a time.
class LinkProof {
 public:
  // `folder` ends with '/', `name` stands for it in messages. The references outlive this.
  LinkProof(Place& place, std::string folder, std::string name, ProvenFiles& proven,
            verify::ReadBudget& budget);

  // Lists its objects; if it cannot, false, and the verdict says so.
  bool List();
  std::vector<PlaceObject>& objects() { return objects_; }
  // The object's name below the folder.
  std::string Relative(const PlaceObject& object) const {
    return object.name.substr(folder_.size());
  }
  // True if these objects were proven before, which the verdict says then.
  bool ProvenBefore();
  // Remembers that they are proven if the verdict is that they are intact.
  void Remember();
  // Reads each to its end, several at a time (VerifyOptions::jobs), until one is not intact.
  TarsFound ReadTars(const std::vector<PlaceObject>& tars);
  void Check(const DataFolderFacts& facts, const ExpectedData& expected);

  void Add(verify::Verdict part);
  bool intact() const { return whole_.outcome == verify::Outcome::kIntact; }
  bool broken() const { return whole_.outcome == verify::Outcome::kBroken; }
  verify::Verdict& whole() { return whole_; }
  Place& place() { return place_; }
  verify::ReadBudget& budget() { return budget_; }
  const std::string& folder() const { return folder_; }
  const std::string& name() const { return name_; }

 private:
  std::uint64_t Key(verify::Level level) const;

  Place& place_;
  const std::string folder_;
  const std::string name_;
  ProvenFiles& proven_;
  verify::ReadBudget& budget_;
  verify::Verdict whole_;
  std::vector<PlaceObject> objects_;
};

// `wal` is what was found of it in the folder that messages call `folder`.
verify::Verdict ProveWal(Place& place, const RepositoryFacts& facts,
                         const tl::expected<BackupWal, Finding>& wal, std::string_view folder,
                         ProvenFiles& proven, verify::ReadBudget& budget);

// "WAL-G backup, full, PostgreSQL 15".
std::string DescribeBackup(std::string_view program, const RepositoryFacts& facts);

}  // namespace drwatch::catalog
