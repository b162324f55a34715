// Backups of PostgreSQL in a WAL-G repository: basebackups_005/ and wal_005/.
//
// A backup is finished once its stop sentinel is there, which WAL-G writes last. What shows without
// reading makes it a defective one: no pg_control, no files_metadata.json where WAL-G insists on
// it, a parent that is missing or another one, a segment of its own WAL that is not there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/artefact_catalog.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/repository.h"
#include "catalog/repository_listing.h"
#include "catalog/repository_trees.h"
#include "verify/walg_metadata.h"

namespace drwatch::catalog {

class WalGCatalog final : public ArtefactCatalog {
 public:
  // `place` outlives it.
  WalGCatalog(Place& place, RepositoryOptions options);

  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;

 private:
  struct Backup {
    PlaceObject sentinel;
    verify::WalGBackup said;
    std::optional<Finding> damage;  // of the sentinel
    BackupTree tree;
    std::shared_ptr<RepositoryFacts> facts;
    WalLook wal;
  };
  using Backups = std::map<std::string, Backup>;  // by name: "base_..."

  struct Names {
    Backups finished;
    std::vector<std::string> unfinished;
  };
  tl::expected<Names, Finding> ListNames(const PlaceContext& context);
  tl::expected<void, Finding> Read(const std::string& name, Backup& backup, base::Timestamp now,
                                   const PlaceContext& context);
  tl::expected<void, Finding> ReadTexts(const std::string& name, Backup& backup,
                                        const PlaceContext& context);
  void FillFacts(const std::string& name, const Backups& all, Backup& backup) const;
  tl::expected<void, Finding> LookForWal(Backup& backup, base::Timestamp now,
                                         const PlaceContext& context);
  void AddUnfinished(const std::string& name, const Backups& all, base::Timestamp now,
                     const PlaceContext& context, Listing& listing);
  Artefact ArtefactOf(const std::string& name, const Backups& all, base::Timestamp now,
                      Listing& listing) const;

  Place& place_;
  const RepositoryOptions options_;
  BackupTrees trees_;
  const std::shared_ptr<ProvenFiles> proven_;
  mutable std::mutex mutex_;  // Verify() and CurrentFingerprint() read backups_ beside a List()
  Backups backups_;
  std::set<std::string> whole_;  // that were seen without a defect
};

}  // namespace drwatch::catalog
