#include "catalog/barman_catalog.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_time.h"
#include "catalog/barman_names.h"
#include "catalog/barman_verify.h"
#include "catalog/folder_catalog.h"
#include "catalog/place_files.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::BarmanStatus;

constexpr std::size_t kMaxServers = 100;

tl::expected<PlaceListing, Finding> Level(Place& place, const std::string& prefix,
                                          const PlaceContext& context) {
  ListOptions options;
  options.prefix = prefix;
  options.one_level = true;
  return place.List(options, context);
}

// What is wrong with a finished backup by itself.
std::optional<Finding> OwnDefect(const BackupTree& tree, const verify::BarmanInfo& info) {
  if (info.snapshots) return std::nullopt;
  if ((tree.marks & (kBarmanBaseTar | kBarmanCloudTar)) != 0) return std::nullopt;
  if ((tree.marks & kBarmanPlain) == 0) {
    return Finding{Reason::kIncomplete,
                   "its data is missing: neither data/PG_VERSION nor a tar "
                   "file of it is there"};
  }
  if ((tree.marks & kBarmanControl) == 0) {
    return Finding{Reason::kIncomplete, "data/global/pg_control is missing"};
  }
  return std::nullopt;
}

}  // namespace

BarmanCatalog::BarmanCatalog(Place& place, RepositoryOptions options)
    : place_(place),
      options_(std::move(options)),
      trees_(place, LookAtBarman),
      proven_(options_.proven ? options_.proven : std::make_shared<ProvenFiles>()) {}

tl::expected<std::string, Finding> BarmanCatalog::FindServer(const PlaceContext& context) {
  if (!options_.stanza.empty()) return options_.stanza;
  const auto top = Level(place_, "", context);
  if (!top) return tl::unexpected(top.error());
  std::vector<std::string> servers;
  for (std::size_t i = 0; i < std::min(top->folders.size(), kMaxServers); ++i) {
    const std::string& folder = top->folders[i];
    if (folder.starts_with('.')) continue;  // .ssh: nobody else may look into it
    const auto inside = Level(place_, folder, context);
    if (!inside) return tl::unexpected(inside.error());
    const auto& folders = inside->folders;
    if (std::find(folders.begin(), folders.end(), folder + "base/") == folders.end()) continue;
    servers.push_back(folder.substr(0, folder.size() - 1));
  }
  if (servers.size() == 1) return servers.front();
  if (servers.empty()) {
    return tl::unexpected(
        Finding{Reason::kNotFound,
                "no server of Barman has a folder \"base\" in " + base::Quote(place_.Describe())});
  }
  return tl::unexpected(Finding{Reason::kConfig, base::Quote(place_.Describe()) + " holds " +
                                                     std::to_string(servers.size()) +
                                                     " servers: name one in \"stanza\""});
}

std::uint64_t BarmanCatalog::Backup::fingerprint() const {
  return tree.fingerprint + (meta.info ? FingerprintOf(*meta.info) : 0);
}

base::Timestamp BarmanCatalog::Backup::newest() const {
  return meta.info ? std::max(tree.newest, meta.info->modified) : tree.newest;
}

tl::expected<BarmanCatalog::Metas, Finding> BarmanCatalog::ListMeta(const std::string& server,
                                                                    const PlaceContext& context) {
  auto listing = Level(place_, server + "/meta/", context);
  if (!listing) return tl::unexpected(std::move(listing.error()));
  Metas metas;
  for (PlaceObject& object : listing->objects) {
    const auto name = ParseBarmanMeta(LastPartOf(object.name));
    if (!name) continue;
    Meta& meta = metas[name->id];
    meta.marks |= name->marks;
    if (name->marks == kBarmanInfo) meta.info = std::move(object);
  }
  return metas;
}

tl::expected<void, Finding> BarmanCatalog::ListTreeOf(const std::string& id, Backup& backup,
                                                      base::Timestamp now,
                                                      const PlaceContext& context) {
  const auto known = backups_.find(id);
  const bool settled = known != backups_.end() && known->second.info &&
                       (known->second.info->status == BarmanStatus::kDone ||
                        known->second.info->status == BarmanStatus::kFailed);
  using Use = BackupTrees::Use;
  const auto tree = trees_.Get(FolderOf(id), settled ? Use::kCached : Use::kFresh, now, context);
  if (!tree) return tl::unexpected(tree.error());
  backup.tree = **tree;
  return {};
}

// `backup` has its meta.
tl::expected<void, Finding> BarmanCatalog::Read(const std::string& id, Backup& backup,
                                                base::Timestamp now, const PlaceContext& context) {
  if (auto listed = ListTreeOf(id, backup, now, context); !listed) return listed;
  const auto known = backups_.find(id);
  if (known != backups_.end() && known->second.fingerprint() == backup.fingerprint()) {
    Backup before = known->second;
    before.tree = backup.tree;
    before.meta = std::move(backup.meta);
    backup = std::move(before);
    return {};
  }
  if ((backup.marks() & kBarmanInfo) == 0) return {};
  const std::string name = backup.meta.info ? backup.meta.info->name : FolderOf(id) + "backup.info";
  const auto text = place_.Read(name, verify::kMaxBarmanInfoBytes, context);
  if (!text && text.error().reason == Reason::kNotFound) return {};
  if (!text && text.error().reason == Reason::kLimit) {
    backup.damage = text.error();
    return {};
  }
  if (!text) return tl::unexpected(text.error());
  backup.info_bytes = static_cast<std::int64_t>(text->size());
  auto info = verify::ParseBarmanInfo(*text);
  if (info) {
    backup.info = std::move(*info);
  } else {
    const verify::Fault& fault = info.error();
    backup.damage = Finding{fault.reason, "backup.info: " + fault.place +
                                              (fault.place.empty() ? "" : ": ") + fault.message};
  }
  return {};
}

void BarmanCatalog::FillFacts(Backup& backup) const {
  auto facts = std::make_shared<RepositoryFacts>();
  facts->own_bytes = backup.tree.size_bytes;
  facts->kind = "full";
  if (backup.info) {
    const verify::BarmanInfo& info = *backup.info;
    if (!info.parent.empty()) facts->kind = "incremental";
    facts->parent = info.parent;
    if (info.started) facts->started = *info.started;
    if (info.finished) facts->stopped = *info.finished;
    if (!info.begin_wal.empty() && !info.end_wal.empty()) {
      facts->wal_start = info.begin_wal;
      facts->wal_stop = info.end_wal;
      facts->wal_folder = server_ + "/wals/";
    }
    facts->start_lsn = info.begin_lsn.value_or(0);
    facts->stop_lsn = info.end_lsn.value_or(0);
    facts->system_identifier = info.system_identifier;
    facts->server_version = PostgresVersion(info.server_version);
    facts->original_bytes = info.size_bytes;
    facts->remark = info.error;
  }
  backup.facts = std::move(facts);
}

// Looks whether the WAL that it needs is there, unless it was a short while ago.
tl::expected<void, Finding> BarmanCatalog::LookForWal(Backup& backup, base::Timestamp now,
                                                      const PlaceContext& context) {
  if (backup.wal.Holds(now)) return {};
  const auto wal = FindBackupWal(place_, *backup.facts, context);
  if (auto noted = backup.wal.Note(wal, "wals/", now); !noted) return noted;
  if (wal && !backup.wal.defect) backup.wal.defect = index_.DefectOf(*wal);
  return {};
}

// Of its parents; notes them in the artefact on the way.
std::optional<Finding> BarmanCatalog::ParentDefect(const std::string& id, const Backups& all,
                                                   Artefact& artefact) const {
  RepositoryFacts& facts = *all.at(id).facts;
  std::set<std::string> chain = {id};
  std::string parent = facts.parent;
  while (!parent.empty()) {
    const std::string name = base::Quote(base::Truncate(parent, 100));
    const auto found = all.find(parent);
    if (found == all.end() || !found->second.info ||
        found->second.info->status != BarmanStatus::kDone) {
      return Finding{Reason::kIncomplete,
                     "the backup that it was made upon, " + name + ", is not there or is not DONE"};
    }
    if (!chain.insert(parent).second || chain.size() > kMaxChain) {
      return Finding{Reason::kCorrupt, "its chain of parents has no end"};
    }
    facts.references.push_back(parent);
    facts.stored_bytes += found->second.facts->own_bytes;
    artefact.fingerprint += found->second.fingerprint();
    if (const auto defect = OwnDefect(found->second.tree, *found->second.info)) {
      return Finding{defect->reason, "its parent " + name + ": " + defect->message};
    }
    parent = found->second.facts->parent;
  }
  return std::nullopt;
}

Artefact BarmanCatalog::ArtefactOf(const std::string& id, const Backups& all, base::Timestamp now,
                                   Listing& listing) const {
  const Backup& backup = all.at(id);
  Artefact artefact;
  artefact.name = server_ + "/base/" + id;
  artefact.path = place_.Describe() + "/" + artefact.name;
  artefact.folder = true;
  artefact.size_bytes = backup.tree.size_bytes;
  artefact.files = backup.tree.files;
  artefact.modified = backup.newest();
  artefact.fingerprint = backup.fingerprint();
  artefact.facts = backup.facts;
  std::optional<base::Timestamp> finished;
  if (backup.info) finished = backup.info->finished;
  const std::string problem = ChooseTime({finished, id, artefact.modified}, now, artefact);
  if (!problem.empty()) AddFinding(listing, Reason::kStale, problem);
  backup.facts->stored_bytes = backup.facts->own_bytes;
  const auto parents = ParentDefect(id, all, artefact);
  if (backup.damage) artefact.defect = backup.damage;
  if (!artefact.defect && backup.info) artefact.defect = OwnDefect(backup.tree, *backup.info);
  if (!artefact.defect) artefact.defect = parents;
  if (!artefact.defect) artefact.defect = backup.wal.defect;
  artefact.fingerprint += backup.wal.fingerprint;
  return artefact;
}

// Puts a backup where its state belongs.
void BarmanCatalog::Sort(const std::string& id, const Backups& all, base::Timestamp now,
                         Listing& listing, std::set<std::string>& whole) const {
  const Backup& backup = all.at(id);
  const std::string name = server_ + "/base/" + id;
  const BarmanStatus status = backup.info ? backup.info->status : BarmanStatus::kEmpty;
  if (backup.damage || status == BarmanStatus::kDone) {
    Artefact artefact = ArtefactOf(id, all, now, listing);
    const bool was_whole = whole_.contains(id);
    if (!artefact.defect || was_whole) whole.insert(id);
    if (IsArriving(artefact, now, options_.arrival) && !was_whole) {
      listing.in_progress.push_back(name);
    } else {
      listing.complete.Edit().push_back(std::move(artefact));
    }
    return;
  }
  const base::Timestamp newest = backup.newest();
  const base::Timestamp began =
      backup.info && backup.info->started ? *backup.info->started : newest;
  if (status == BarmanStatus::kFailed) {
    const std::string& error = backup.info->error;
    listing.failed.push_back({name, began, error.empty() ? "it says FAILED" : error});
    return;
  }
  // Barman makes one backup of a server at a time.
  const bool being_copied = status == BarmanStatus::kStarted || status == BarmanStatus::kEmpty;
  const bool overtaken =
      being_copied && std::any_of(all.begin(), all.end(), [&](const auto& entry) {
        const auto& other = entry.second.info;
        return other && other->status == BarmanStatus::kDone && other->started &&
               *other->started > std::max(began, newest);
      });
  if (!overtaken && now - newest <= FolderCatalog::kAbandonedAfter) {
    listing.in_progress.push_back(name);
    return;
  }
  std::string message = "left behind without being finished: ";
  message += backup.info ? "it says " + std::string(verify::BarmanStatusName(status))
                         : std::string("it has no backup.info");
  if (backup.wal.defect) message += "; " + backup.wal.defect->message;
  listing.failed.push_back({name, began, std::move(message)});
}

Listing BarmanCatalog::List(base::Timestamp now, base::Deadline deadline,
                            const base::StopToken& stop) {
  const PlaceContext context{deadline, stop};
  auto server = FindServer(context);
  if (!server) return BlindListing(std::move(server.error()));
  {
    const std::lock_guard lock(mutex_);
    server_ = std::move(*server);
  }
  auto folders = Level(place_, server_ + "/base/", context);
  if (!folders) return BlindListing(std::move(folders.error()));
  if (auto read = index_.Read(server_, now, context); !read) {
    return BlindListing(std::move(read.error()));
  }
  auto metas = ListMeta(server_, context);
  if (!metas) return BlindListing(std::move(metas.error()));
  for (const std::string& folder : folders->folders) {
    const std::string id = LastFolderOf(folder);
    if (!id.starts_with('.')) (*metas)[id];  // but for Barman's own temporary folders
  }
  Backups all;
  std::set<std::string> prefixes;
  for (auto& [id, meta] : *metas) {
    prefixes.insert(FolderOf(id));
    Backup& backup = all[id];
    backup.meta = std::move(meta);
    auto done = Read(id, backup, now, context);
    if (done) {
      FillFacts(backup);
      done = LookForWal(backup, now, context);
    }
    if (!done) return BlindListing(std::move(done.error()));
  }
  std::erase_if(all, [](const auto& entry) { return entry.second.marks() & kBarmanDeleted; });
  Listing listing;
  std::set<std::string> whole;
  for (const auto& [id, backup] : all) Sort(id, all, now, listing, whole);
  whole_ = std::move(whole);
  if (const auto& finding = index_.finding()) {
    AddFinding(listing, finding->reason, finding->message);
  }
  trees_.Keep(prefixes);
  SortListing(listing);
  const std::lock_guard lock(mutex_);
  backups_ = std::move(all);
  return listing;
}

std::optional<std::uint64_t> BarmanCatalog::CurrentFingerprint(const Artefact& artefact,
                                                               base::Deadline deadline,
                                                               const base::StopToken& stop) {
  const std::string above = artefact.name.substr(0, artefact.name.rfind('/') + 1);
  auto metas = ListMeta(above.substr(0, above.rfind("/base/")), {deadline, stop});
  if (!metas) return std::nullopt;
  std::vector<std::string> ids = {LastPartOf(artefact.name)};
  if (artefact.facts) {
    ids.insert(ids.end(), artefact.facts->references.begin(), artefact.facts->references.end());
  }
  std::uint64_t fingerprint = 0;
  for (const std::string& id : ids) {
    const auto tree = ListTree(place_, above + id + "/", LookAtBarman, {deadline, stop});
    if (!tree || tree->files == 0) return std::nullopt;
    Backup backup;
    backup.tree = *tree;
    backup.meta = std::move((*metas)[id]);
    fingerprint += backup.fingerprint();
  }
  if (!artefact.facts) return fingerprint;
  const auto wal = FindBackupWal(place_, *artefact.facts, {deadline, stop});
  return fingerprint + (wal ? FingerprintOfObjects(wal->objects) : 0);
}

verify::Verdict BarmanCatalog::Verify(const Artefact& artefact,
                                      const verify::VerifyOptions& options) {
  const std::string above = artefact.name.substr(0, artefact.name.rfind('/') + 1);
  std::vector<std::string> ids = {LastPartOf(artefact.name)};
  ids.insert(ids.end(), artefact.facts->references.begin(), artefact.facts->references.end());
  std::vector<BarmanLink> chain;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& id : ids) {
      const auto known = backups_.find(id);
      const bool said = known != backups_.end() && known->second.info;
      BarmanLink link{above + id + "/", {}, 0};
      if (said) link = {above + id + "/", *known->second.info, known->second.info_bytes};
      chain.push_back(std::move(link));
    }
  }
  return VerifyBarman(place_, chain, artefact, *proven_, options);
}

std::unique_ptr<ArtefactCatalog> MakeBarmanCatalog(Place& place, const RepositoryOptions& options) {
  return std::make_unique<BarmanCatalog>(place, options);
}

}  // namespace drwatch::catalog
