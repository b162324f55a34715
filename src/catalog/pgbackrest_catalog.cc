#include "catalog/pgbackrest_catalog.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/artefact_time.h"
#include "catalog/folder_catalog.h"
#include "catalog/pgbackrest_verify.h"
#include "catalog/place_catalog.h"
#include "catalog/place_files.h"
#include "catalog/repository_listing.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::PgBackRestBackup;

constexpr std::string_view kManifest = "backup.manifest";
constexpr std::string_view kManifestCopy = "backup.manifest.copy";
// No sum is more.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

std::string KindName(std::string_view kind) {
  if (kind == "diff") return "differential";
  return kind == "incr" ? "incremental" : "full";
}

const PlaceObject* Find(const std::vector<PlaceObject>& objects, const std::string& name) {
  const auto found = std::find_if(objects.begin(), objects.end(),
                                  [&](const PlaceObject& one) { return one.name == name; });
  return found == objects.end() ? nullptr : &*found;
}

// AES-256-CBC as "openssl enc" writes it: 8 bytes that say so, 8 of salt, blocks of 16.
bool IsEncryptedSize(std::int64_t bytes) { return bytes >= 32 && bytes % 16 == 0; }

// Each block is encrypted by itself, behind 8 bytes of salt, and between them stand numbers of any
// length. A bundle may hold such files.
bool MayHoldBlocks(std::string_view name) {
  return name.starts_with("bundle/") || name.ends_with(".pgbi");
}

std::uint64_t FingerprintOfWal(const BackupWal& wal) {
  return StampOf(wal.missing.value_or("")) + FingerprintOfObjects(wal.objects);
}

}  // namespace

struct PgBackRestCatalog::Look {
  Look(base::Timestamp when, const PlaceContext& with) : now(when), context(with) {}

  const base::Timestamp now;
  const PlaceContext context;
  std::string stanza;               // "backup/main/"
  std::string archive;              // "archive/main/"
  std::vector<std::string> labels;  // of the folders there are
  std::string newest;               // of those that are listed
  std::map<std::string, const PgBackRestBackup*> known;
  std::map<std::string, Folder> folders;
  std::map<std::string, Wal> wal;
  std::set<std::string> whole;
  Listing listing;
  std::optional<Finding> blind;  // what could not be looked at, and is not known from before

  bool Over() const { return blind || context.deadline.Expired() || context.stop.stopped(); }
  void Note(Finding finding) { AddFinding(listing, finding.reason, std::move(finding.message)); }
};

PgBackRestCatalog::PgBackRestCatalog(Place& place, RepositoryOptions options)
    : place_(place),
      options_(std::move(options)),
      proven_(options_.proven ? options_.proven : std::make_shared<ProvenFiles>()) {}

// Its name.
tl::expected<std::string, Finding> PgBackRestCatalog::ChooseStanza(const PlaceContext& context) {
  if (!options_.stanza.empty()) return options_.stanza;
  ListOptions list;
  list.prefix = "backup/";
  list.one_level = true;
  auto listing = place_.List(list, context);
  if (!listing) return tl::unexpected(std::move(listing.error()));
  if (listing->folders.size() == 1) {
    const std::string& folder = listing->folders.front();
    return folder.substr(list.prefix.size(), folder.size() - list.prefix.size() - 1);
  }
  return tl::unexpected(Finding{Reason::kNotFound, base::Quote(place_.Describe() + "/backup") +
                                                       " holds " +
                                                       std::to_string(listing->folders.size()) +
                                                       " stanzas: name one in \"stanza\""});
}

const PgBackRestCatalog::Folder& PgBackRestCatalog::LookAt(Look& look, const std::string& label) {
  if (const auto done = look.folders.find(label); done != look.folders.end()) return done->second;
  const auto known = folders_.find(label);
  if (known != folders_.end()) {
    const Folder& folder = known->second;
    const bool settled =
        folder.files > 0 && look.now - folder.modified > PlaceCatalog::kSettledAfter;
    const bool fresh = look.now >= folder.listed && look.now - folder.listed < kSettledEvery;
    if (settled && fresh && label != look.newest) return look.folders[label] = folder;
  }
  ListOptions list;
  list.prefix = look.stanza + label + "/";
  list.max_objects = verify::kMaxFiles;
  Folder folder;
  folder.listed = look.now;
  const auto listed = place_.Each(list, look.context, [&](const PlaceObject& object) {
    folder.fingerprint += FingerprintOf(object);
    folder.modified = std::max(folder.modified, object.modified);
    folder.bytes += object.size_bytes;
    ++folder.files;
    const std::string_view name = std::string_view(object.name).substr(list.prefix.size());
    folder.manifest = folder.manifest || name == kManifest;
    folder.manifest_copy = folder.manifest_copy || name == kManifestCopy;
    const bool sized =
        MayHoldBlocks(name) ? object.size_bytes > 0 : IsEncryptedSize(object.size_bytes);
    if (folder.uneven.empty() && !sized &&
        !IsTemporaryName(object.name.substr(object.name.rfind('/') + 1))) {
      folder.uneven = std::string(name) + " has " + std::to_string(object.size_bytes) + " bytes";
    }
  });
  if (!listed && listed.error().reason != Reason::kNotFound) {
    // Not seen is not missing: what was known stays.
    if (known == folders_.end()) look.blind = listed.error();
    return look.folders[label] = known != folders_.end() ? known->second : Folder();
  }
  if (!listed) folder.missing = ": " + listed.error().message;
  return look.folders[label] = folder;
}

const PgBackRestCatalog::Wal& PgBackRestCatalog::LookAtWal(Look& look, const std::string& label,
                                                           const RepositoryFacts& facts) {
  Wal& wal = look.wal[label];
  const auto known = wal_.find(label);
  const bool fresh = known != wal_.end() && !known->second.problem &&
                     look.now >= known->second.listed &&
                     look.now - known->second.listed < kSettledEvery;
  if (fresh && label != look.newest) return wal = known->second;
  wal.listed = look.now;
  const auto found = FindBackupWal(place_, facts, look.context);
  if (!found) {
    wal.problem = found.error();
    if (found.error().reason == Reason::kCorrupt) return wal;
    look.Note(found.error());
    if (known == wal_.end() && found.error().reason != Reason::kPermission) {
      look.blind = found.error();
    }
    return wal = known != wal_.end() ? known->second : Wal();
  }
  wal.fingerprint = FingerprintOfWal(*found);
  if (found->missing) {
    wal.problem = Finding{Reason::kIncomplete, "the WAL that makes it consistent is missing from " +
                                                   *found->missing + " on"};
  }
  return wal;
}

std::shared_ptr<const RepositoryFacts> PgBackRestCatalog::FactsOf(
    const Look& look, const PgBackRestBackup& backup) const {
  auto facts = std::make_shared<RepositoryFacts>();
  facts->kind = KindName(backup.kind);
  facts->started = backup.started;
  facts->stopped = backup.stopped;
  facts->parent = backup.prior;
  facts->references = backup.references;
  facts->wal_start = backup.wal_start;
  facts->wal_stop = backup.wal_stop;
  facts->start_lsn = backup.lsn_start;
  facts->stop_lsn = backup.lsn_stop;
  facts->original_bytes = backup.original_bytes;
  facts->own_bytes = backup.own_bytes;
  facts->stored_bytes = backup.stored_bytes;
  if (facts->stored_bytes == 0) {
    // Block by block there is no such sum: all that the references hold is the most it can be.
    facts->stored_bytes = backup.own_bytes;
    for (const std::string& label : backup.references) {
      const auto reference = look.known.find(label);
      if (reference == look.known.end()) continue;
      facts->stored_bytes =
          std::min(facts->stored_bytes + reference->second->own_bytes, kMostBytes);
    }
  }
  facts->damaged_source = backup.error;
  if (backup.error) facts->remark = "pgBackRest found damaged pages in the database it copied";
  for (const verify::PgBackRestDatabase& database : backup_info_.content->databases) {
    if (database.id != backup.database) continue;
    facts->system_identifier = database.system_identifier;
    facts->server_version = database.version;
    // A backup of a stopped server needs no WAL, and one may carry its own.
    if (!backup.wal_start.empty() && !backup.holds_wal) {
      facts->wal_folder = look.archive + database.ArchiveName() + "/";
    }
  }
  return facts;
}

std::optional<Finding> PgBackRestCatalog::DefectOf(Look& look, const PgBackRestBackup& backup,
                                                   const RepositoryFacts& facts) {
  std::set<std::string> needed(backup.references.begin(), backup.references.end());
  if (!backup.prior.empty()) needed.insert(backup.prior);
  needed.insert(backup.label);
  for (const std::string& label : needed) {
    const bool own = label == backup.label;
    const Folder& folder = LookAt(look, label);
    const std::string who = own ? std::string("its folder") : "the backup " + label + " it needs";
    if (folder.files == 0)
      return Finding{Reason::kIncomplete, who + " is missing" + folder.missing};
    if (own && !folder.manifest && !folder.manifest_copy) {
      return Finding{Reason::kIncomplete, "its backup.manifest is missing"};
    }
    if (!own && !look.known.contains(label)) {
      return Finding{Reason::kIncomplete, who + " is not in backup.info any more"};
    }
  }
  if (facts.wal_folder.empty()) return std::nullopt;
  if (archive_info_.content) {
    const auto& databases = archive_info_.content->databases;
    const bool known = std::any_of(databases.begin(), databases.end(), [&](const auto& database) {
      return database.id == backup.database;
    });
    if (!known) return Finding{Reason::kCorrupt, "archive.info does not know its database"};
  } else if (archive_info_.problem) {
    return Finding{archive_info_.problem->reason,
                   "its WAL cannot be fetched: " + archive_info_.problem->message};
  }
  return LookAtWal(look, backup.label, facts).problem;
}

void PgBackRestCatalog::AddBackup(Look& look, const PgBackRestBackup& backup) {
  Artefact artefact;
  artefact.name = backup.label;
  artefact.path = place_.Describe() + "/" + look.stanza + backup.label;
  artefact.folder = true;
  artefact.facts = FactsOf(look, backup);
  artefact.size_bytes = artefact.facts->stored_bytes;
  artefact.defect = DefectOf(look, backup, *artefact.facts);
  std::set<std::string> needed(backup.references.begin(), backup.references.end());
  needed.insert(backup.label);
  for (const std::string& label : needed) {
    const auto folder = look.folders.find(label);
    if (folder == look.folders.end()) continue;
    artefact.fingerprint += folder->second.fingerprint;
    if (label != backup.label) continue;
    artefact.files = folder->second.files;
    artefact.modified = folder->second.modified;
  }
  if (const auto wal = look.wal.find(backup.label); wal != look.wal.end()) {
    artefact.fingerprint += wal->second.fingerprint;
  }
  const bool arriving =
      look.now - backup.stopped < options_.arrival && !whole_.contains(backup.label);
  if (artefact.defect && artefact.defect->reason == Reason::kIncomplete && arriving) {
    look.listing.in_progress.push_back(backup.label);
    return;
  }
  if (!artefact.defect || whole_.contains(backup.label)) look.whole.insert(backup.label);
  const std::string problem =
      ChooseTime({backup.stopped, backup.label, artefact.modified}, look.now, artefact);
  if (!problem.empty()) look.Note({Reason::kStale, problem});
  look.listing.complete.Edit().push_back(std::move(artefact));
}

// pgBackRest lists a backup when it is finished; one that it takes off the list goes without its
// manifests.
void PgBackRestCatalog::AddUnlisted(Look& look, const std::string& label) {
  const Folder& folder = LookAt(look, label);
  if (folder.files == 0) return;
  const bool old = look.now - folder.modified > FolderCatalog::kAbandonedAfter;
  if (!old) {
    look.listing.in_progress.push_back(label);
  } else if (folder.manifest || folder.manifest_copy) {
    look.listing.failed.push_back({label, folder.modified, "left behind without being finished"});
  }
}

// Nothing else can be told of a file that only the passphrase opens.
std::optional<Finding> PgBackRestCatalog::CutOff(const Folder& folder, const std::string& where) {
  if (folder.uneven.empty()) return std::nullopt;
  return Finding{Reason::kIncomplete, where + folder.uneven + ", as no encrypted file has"};
}

void PgBackRestCatalog::AddEncrypted(Look& look, const std::string& label) {
  const Folder& folder = LookAt(look, label);
  if (!folder.manifest) return AddUnlisted(look, label);
  auto facts = std::make_shared<RepositoryFacts>();
  facts->kind = label.back() == 'F' ? "full" : label.back() == 'D' ? "differential" : "incremental";
  if (FullLabelOf(label) != label) facts->references = {FullLabelOf(label)};
  facts->own_bytes = folder.bytes;
  facts->stored_bytes = folder.bytes;
  Artefact artefact;
  artefact.name = label;
  artefact.path = place_.Describe() + "/" + look.stanza + label;
  artefact.folder = true;
  artefact.size_bytes = folder.bytes;
  artefact.files = folder.files;
  artefact.modified = folder.modified;
  artefact.fingerprint = folder.fingerprint;
  artefact.defect = CutOff(folder, "");
  for (const std::string& parent : facts->references) {
    const Folder& above = LookAt(look, parent);
    artefact.fingerprint += above.fingerprint;
    if (!artefact.defect) artefact.defect = CutOff(above, parent + "/");
    if (!above.manifest) {
      artefact.defect =
          Finding{Reason::kIncomplete, "the backup " + parent + " it needs is missing"};
    }
  }
  artefact.facts = std::move(facts);
  const std::string problem =
      ChooseTime({std::nullopt, label, artefact.modified}, look.now, artefact);
  if (!problem.empty()) look.Note({Reason::kStale, problem});
  // Its own files may come after its manifest where somebody copies the repository.
  const bool arriving = look.now - artefact.modified < options_.arrival && !whole_.contains(label);
  if (!artefact.defect || !arriving) {
    if (!artefact.defect || whole_.contains(label)) look.whole.insert(label);
    look.listing.complete.Edit().push_back(std::move(artefact));
  } else {
    look.listing.in_progress.push_back(label);
  }
}

void PgBackRestCatalog::ListLabels(Look& look) {
  if (backup_info_.encrypted) {
    if (!look.labels.empty()) look.newest = look.labels.back();
    for (const std::string& label : look.labels) AddEncrypted(look, label);
    return;
  }
  const auto& backups = backup_info_.content->backups;
  for (const PgBackRestBackup& backup : backups) look.known[backup.label] = &backup;
  const auto newest =
      std::max_element(backups.begin(), backups.end(),
                       [](const auto& a, const auto& b) { return a.stopped < b.stopped; });
  if (newest != backups.end()) look.newest = newest->label;
  for (const PgBackRestBackup& backup : backups) {
    if (look.Over()) return;
    AddBackup(look, backup);
  }
  for (const std::string& label : look.labels) {
    if (look.Over()) return;
    if (!look.known.contains(label)) AddUnlisted(look, label);
  }
}

// Both files and their copies. What is returned leaves nothing to list.
std::optional<Finding> PgBackRestCatalog::ReadInfos(Look& look,
                                                    const std::vector<PlaceObject>& backup) {
  backup_info_.Read(place_, Find(backup, look.stanza + "backup.info"),
                    Find(backup, look.stanza + "backup.info.copy"), look.context);
  if (backup_info_.encrypted) return std::nullopt;
  if (!backup_info_.content) {
    if (backup_info_.problem) return backup_info_.problem;
    return Finding{Reason::kNotFound,
                   "no backup.info in " + base::Quote(place_.Describe() + "/" + look.stanza)};
  }
  if (backup_info_.problem) look.Note(*backup_info_.problem);
  ListOptions list;
  list.one_level = true;
  list.prefix = look.archive;
  auto archive = place_.List(list, look.context);
  if (!archive && archive.error().reason != Reason::kNotFound) {
    look.Note(archive.error());
    archive_info_ = PgBackRestInfoFile();
    return std::nullopt;
  }
  const std::string why = archive ? "archive.info is missing" : archive.error().message;
  if (!archive) archive = PlaceListing();
  const PlaceObject* const file = Find(archive->objects, look.archive + "archive.info");
  const PlaceObject* const copy = Find(archive->objects, look.archive + "archive.info.copy");
  archive_info_.Read(place_, file, copy, look.context);
  if (file == nullptr && copy == nullptr) {
    archive_info_ = PgBackRestInfoFile();
    archive_info_.problem = Finding{Reason::kIncomplete, why};
  }
  if (archive_info_.problem) look.Note(*archive_info_.problem);
  return std::nullopt;
}

Listing PgBackRestCatalog::List(base::Timestamp now, base::Deadline deadline,
                                const base::StopToken& stop) {
  Look look(now, {deadline, stop});
  const auto stanza = ChooseStanza(look.context);
  if (!stanza) return BlindListing(stanza.error());
  look.stanza = "backup/" + *stanza + "/";
  look.archive = "archive/" + *stanza + "/";
  ListOptions list;
  list.one_level = true;
  list.prefix = look.stanza;
  auto top = place_.List(list, look.context);
  if (!top) return BlindListing(std::move(top.error()));
  if (auto problem = ReadInfos(look, top->objects)) return BlindListing(*std::move(problem));
  for (const std::string& folder : top->folders) {
    std::string label = folder.substr(look.stanza.size());
    label.pop_back();
    if (IsPgBackRestLabel(label)) look.labels.push_back(std::move(label));
  }
  ListLabels(look);
  if (look.Over()) {
    // What has settled need not be listed again at the next look, which comes further then.
    for (auto& [label, folder] : look.folders) {
      if (folder.files > 0) folders_[label] = folder;
    }
    for (auto& [label, wal] : look.wal) wal_[label] = wal;
    return BlindListing(look.blind.value_or(
        Finding{Reason::kTimeout, "listing " + place_.Describe() + " takes too long"}));
  }
  folders_ = std::move(look.folders);
  wal_ = std::move(look.wal);
  whole_ = std::move(look.whole);
  SortListing(look.listing);
  return std::move(look.listing);
}

std::optional<std::uint64_t> PgBackRestCatalog::CurrentFingerprint(const Artefact& artefact,
                                                                   base::Deadline deadline,
                                                                   const base::StopToken& stop) {
  const std::string folder = artefact.path.substr(place_.Describe().size() + 1);
  const std::string stanza = folder.substr(0, folder.size() - artefact.name.size());
  std::set<std::string> needed(artefact.facts->references.begin(),
                               artefact.facts->references.end());
  needed.insert(artefact.name);
  std::uint64_t fingerprint = 0;
  for (const std::string& label : needed) {
    ListOptions list;
    list.prefix = stanza + label + "/";
    list.max_objects = verify::kMaxFiles;
    const auto listed = place_.Each(list, {deadline, stop}, [&](const PlaceObject& object) {
      fingerprint += FingerprintOf(object);
    });
    if (!listed && listed.error().reason != Reason::kNotFound) return std::nullopt;
  }
  const auto wal = FindBackupWal(place_, *artefact.facts, {deadline, stop});
  if (wal) return fingerprint + FingerprintOfWal(*wal);
  if (wal.error().reason != Reason::kCorrupt) return std::nullopt;
  return fingerprint;
}

verify::Verdict PgBackRestCatalog::Verify(const Artefact& artefact,
                                          const verify::VerifyOptions& options) {
  const std::string folder = artefact.path.substr(place_.Describe().size() + 1);
  const std::string stanza = folder.substr(0, folder.size() - artefact.name.size());
  return VerifyPgBackRest(place_, stanza, artefact.name, *artefact.facts, *proven_, options);
}

std::unique_ptr<ArtefactCatalog> MakePgBackRestCatalog(Place& place,
                                                       const RepositoryOptions& options) {
  return std::make_unique<PgBackRestCatalog>(place, options);
}

}  // namespace drwatch::catalog
