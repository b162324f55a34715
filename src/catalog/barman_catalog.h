// Backups of one server in a Barman home, or in the bucket that barman-cloud-backup writes to:
// <server>/base/ and <server>/wals/. What Barman says of a backup lies in its folder or, since
// Barman 3.13.2, in <server>/meta/, which counts if both are there; an upgraded server has some
// of each. barman-cloud still writes it into the folder.
//
// backup.info says how far a backup came: only DONE is finished. What shows without reading makes
// it a defective one: its data, its parent or a segment of its own WAL is not there, or xlog.db
// says that a segment is another one.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/artefact_catalog.h"
#include "catalog/barman_index.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/repository.h"
#include "catalog/repository_listing.h"
#include "catalog/repository_trees.h"
#include "verify/barman_info.h"

namespace drwatch::catalog {

class BarmanCatalog final : public ArtefactCatalog {
 public:
  // `place` outlives it.
  BarmanCatalog(Place& place, RepositoryOptions options);

  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;

 private:
  // What <server>/meta/ holds of one backup.
  struct Meta {
    std::optional<PlaceObject> info;
    std::uint64_t marks = 0;
  };
  using Metas = std::map<std::string, Meta>;  // by id

  struct Backup {
    BackupTree tree;
    Meta meta;
    std::int64_t info_bytes = 0;
    std::optional<verify::BarmanInfo> info;  // nullopt: there is none, or it is damaged
    std::optional<Finding> damage;           // of backup.info
    std::shared_ptr<RepositoryFacts> facts;
    WalLook wal;

    std::uint64_t fingerprint() const;
    base::Timestamp newest() const;
    std::uint64_t marks() const { return tree.marks | meta.marks; }
  };
  using Backups = std::map<std::string, Backup>;  // by id

  tl::expected<std::string, Finding> FindServer(const PlaceContext& context);
  tl::expected<Metas, Finding> ListMeta(const std::string& server, const PlaceContext& context);
  tl::expected<void, Finding> ListTreeOf(const std::string& id, Backup& backup, base::Timestamp now,
                                         const PlaceContext& context);
  tl::expected<void, Finding> Read(const std::string& id, Backup& backup, base::Timestamp now,
                                   const PlaceContext& context);
  void FillFacts(Backup& backup) const;
  tl::expected<void, Finding> LookForWal(Backup& backup, base::Timestamp now,
                                         const PlaceContext& context);
  std::optional<Finding> ParentDefect(const std::string& id, const Backups& all,
                                      Artefact& artefact) const;
  Artefact ArtefactOf(const std::string& id, const Backups& all, base::Timestamp now,
                      Listing& listing) const;
  // `whole` becomes the next whole_.
  void Sort(const std::string& id, const Backups& all, base::Timestamp now, Listing& listing,
            std::set<std::string>& whole) const;
  std::string FolderOf(const std::string& id) const { return server_ + "/base/" + id + "/"; }

  Place& place_;
  const RepositoryOptions options_;
  BackupTrees trees_;
  const std::shared_ptr<ProvenFiles> proven_;
  std::string server_;  // found
  BarmanIndex index_{place_};
  mutable std::mutex mutex_;  // Verify() reads backups_ beside a List()
  Backups backups_;
  std::set<std::string> whole_;  // that were seen without a defect
};

}  // namespace drwatch::catalog
