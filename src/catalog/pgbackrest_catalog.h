// The backups of one stanza of a pgBackRest repository, as backup.info lists them.
//
// A backup whose files, parent, references or own WAL are not there has a defect. A folder that
// backup.info does not list is a backup that is being made, or one that was left behind. Of an
// encrypted repository only names, sizes and times can be seen: each folder with a manifest counts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "catalog/artefact_catalog.h"
#include "catalog/backup_wal.h"
#include "catalog/pgbackrest_info_file.h"
#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "catalog/repository.h"

namespace drwatch::catalog {

class PgBackRestCatalog final : public ArtefactCatalog {
 public:
  // The files of a backup that has not changed for PlaceCatalog::kSettledAfter, and the WAL it
  // needs, are listed again only after so long; those of the newest one at each look.
  static constexpr base::Duration kSettledEvery{10 * 60 * 1000};

  // `place` outlives this.
  PgBackRestCatalog(Place& place, RepositoryOptions options);

  Listing List(base::Timestamp now, base::Deadline deadline, const base::StopToken& stop) override;
  std::optional<std::uint64_t> CurrentFingerprint(const Artefact& artefact, base::Deadline deadline,
                                                  const base::StopToken& stop) override;
  verify::Verdict Verify(const Artefact& artefact, const verify::VerifyOptions& options) override;

 private:
  // What a backup's folder holds.
  struct Folder {
    base::Timestamp listed{};
    base::Timestamp modified{};  // the newest of its files
    std::uint64_t fingerprint = 0;
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    bool manifest = false;
    bool manifest_copy = false;
    std::string missing;  // ": why" it is not there, "" = not known
    std::string uneven;   // a file that is not as long as any encrypted one, "" = none
  };
  // The WAL of a backup as it was listed.
  struct Wal {
    base::Timestamp listed{};
    std::uint64_t fingerprint = 0;
    std::optional<Finding> problem;
  };
  struct Look;  // one run of List()

  tl::expected<std::string, Finding> ChooseStanza(const PlaceContext& context);
  std::optional<Finding> ReadInfos(Look& look, const std::vector<PlaceObject>& backup);
  void ListLabels(Look& look);
  void AddBackup(Look& look, const verify::PgBackRestBackup& backup);
  void AddUnlisted(Look& look, const std::string& label);
  void AddEncrypted(Look& look, const std::string& label);
  static std::optional<Finding> CutOff(const Folder& folder, const std::string& where);
  const Folder& LookAt(Look& look, const std::string& label);
  std::optional<Finding> DefectOf(Look& look, const verify::PgBackRestBackup& backup,
                                  const RepositoryFacts& facts);
  const Wal& LookAtWal(Look& look, const std::string& label, const RepositoryFacts& facts);
  std::shared_ptr<const RepositoryFacts> FactsOf(const Look& look,
                                                 const verify::PgBackRestBackup& backup) const;

  Place& place_;
  const RepositoryOptions options_;
  PgBackRestInfoFile backup_info_;
  PgBackRestInfoFile archive_info_;
  std::map<std::string, Folder> folders_;  // by label
  std::map<std::string, Wal> wal_;         // by label
  std::set<std::string> whole_;            // labels that were seen without a defect
  const std::shared_ptr<ProvenFiles> proven_;
};

}  // namespace drwatch::catalog
