#include "catalog/walg_catalog.h"

#include <algorithm>
#include <utility>

#include "base/sizes.h"
#include "base/strings.h"
#include "catalog/artefact_time.h"
#include "catalog/folder_catalog.h"
#include "catalog/place_files.h"
#include "catalog/walg_names.h"
#include "catalog/walg_verify.h"

namespace drwatch::catalog {
namespace {

using model::Reason;

// Sentinels of old versions hold what files_metadata.json holds today.
constexpr std::int64_t kMaxSentinelBytes = 16 << 20;

// BackupTree::marks.
constexpr std::uint64_t kHasTar = 1;
constexpr std::uint64_t kHasControl = 2;
constexpr std::uint64_t kHasFiles = 4;

std::uint64_t LookAt(std::string_view name) {
  if (name == "files_metadata.json") return kHasFiles;
  if (!name.starts_with(kWalGTars)) return 0;
  const std::string_view tar = name.substr(kWalGTars.size());
  if (IsControlTar(tar)) return kHasControl;
  return TarNumber(tar) ? kHasTar : 0;
}

std::string FolderOf(const std::string& name) { return std::string(kWalGBackups) + name + "/"; }

Finding Damage(const std::string& file, const verify::Fault& fault) {
  const std::string place = fault.place.empty() ? "" : fault.place + ": ";
  return {fault.reason, file + ": " + place + fault.message};
}

}  // namespace

WalGCatalog::WalGCatalog(Place& place, RepositoryOptions options)
    : place_(place),
      options_(std::move(options)),
      trees_(place, LookAt),
      proven_(options_.proven ? options_.proven : std::make_shared<ProvenFiles>()) {}

// Sentinels, and folders without one.
tl::expected<WalGCatalog::Names, Finding> WalGCatalog::ListNames(const PlaceContext& context) {
  ListOptions options;
  options.prefix = std::string(kWalGBackups);
  options.one_level = true;
  auto listing = place_.List(options, context);
  if (!listing) return tl::unexpected(std::move(listing.error()));
  Names names;
  for (PlaceObject& object : listing->objects) {
    std::string name = object.name.substr(kWalGBackups.size());
    if (!name.ends_with(kWalGSentinel)) continue;
    name.resize(name.size() - kWalGSentinel.size());
    if (ParseWalGName(name)) names.finished[name].sentinel = std::move(object);
  }
  for (const std::string& folder : listing->folders) {
    const std::string name =
        folder.substr(kWalGBackups.size(), folder.size() - kWalGBackups.size() - 1);
    if (ParseWalGName(name) && !names.finished.contains(name)) names.unfinished.push_back(name);
  }
  return names;
}

// metadata.json says what sentinels before version 2 leave out.
tl::expected<void, Finding> WalGCatalog::ReadTexts(const std::string& name, Backup& backup,
                                                   const PlaceContext& context) {
  backup.said = {};
  backup.damage.reset();
  const auto metadata = place_.Read(FolderOf(name) + "metadata.json", kMaxSentinelBytes, context);
  if (metadata) {
    const auto parsed = verify::ParseWalGJson(*metadata, backup.said);
    if (!parsed) backup.damage = Damage("metadata.json", parsed.error());
  } else if (metadata.error().reason != Reason::kNotFound) {
    return tl::unexpected(metadata.error());
  }
  const auto text = place_.Read(backup.sentinel.name, kMaxSentinelBytes, context);
  if (!text) {
    const bool too_long = text.error().reason == Reason::kLimit;
    return too_long ? tl::expected<void, Finding>() : tl::unexpected(text.error());
  }
  const auto parsed = verify::ParseWalGJson(*text, backup.said);
  if (!parsed) backup.damage = Damage("its sentinel", parsed.error());
  return {};
}

tl::expected<void, Finding> WalGCatalog::Read(const std::string& name, Backup& backup,
                                              base::Timestamp now, const PlaceContext& context) {
  const auto known = backups_.find(name);
  const bool same =
      known != backups_.end() && known->second.sentinel.fingerprint == backup.sentinel.fingerprint;
  using Use = BackupTrees::Use;
  const auto tree = trees_.Get(FolderOf(name), same ? Use::kCached : Use::kFresh, now, context);
  if (!tree) return tl::unexpected(tree.error());
  if (same && known->second.tree.fingerprint == (*tree)->fingerprint) {
    backup = known->second;
    backup.tree = **tree;
    return {};
  }
  backup.tree = **tree;
  return ReadTexts(name, backup, context);
}

void WalGCatalog::FillFacts(const std::string& name, const Backups& all, Backup& backup) const {
  auto facts = std::make_shared<RepositoryFacts>();
  const verify::WalGBackup& said = backup.said;
  const WalGName parsed = *ParseWalGName(name);
  facts->parent = said.delta_from;
  if (facts->parent.empty() && !parsed.parent_segment.empty()) {
    // Only its own name tells: the parent's begins with this.
    const auto parent = all.lower_bound("base_" + parsed.parent_segment);
    const bool found =
        parent != all.end() && parent->first.starts_with("base_" + parsed.parent_segment);
    facts->parent = found ? parent->first : "base_" + parsed.parent_segment;
  }
  facts->kind = facts->parent.empty() ? "full" : "incremental";
  if (said.started) facts->started = *said.started;
  if (said.finished) facts->stopped = *said.finished;
  if (const auto range = RangeOf(parsed, said); range && !range->first.empty()) {
    facts->wal_start = range->first;
    facts->wal_stop = range->last;
    facts->wal_folder = std::string(kWalGWal);
    facts->start_lsn = *said.start;
    facts->stop_lsn = *said.finish;
  } else if (!range && !backup.damage) {
    backup.damage = Finding{Reason::kCorrupt, range.error()};
  }
  facts->system_identifier = said.system_identifier;
  facts->server_version = PostgresVersion(said.server_version);
  facts->original_bytes = said.data_bytes > 0 ? said.data_bytes : said.uncompressed_bytes;
  facts->own_bytes = backup.tree.size_bytes + backup.sentinel.size_bytes;
  backup.facts = std::move(facts);
}

// Looks whether the WAL that it needs is there, unless it was a short while ago.
tl::expected<void, Finding> WalGCatalog::LookForWal(Backup& backup, base::Timestamp now,
                                                    const PlaceContext& context) {
  if (backup.wal.Holds(now)) return {};
  return backup.wal.Note(FindFlatWal(place_, *backup.facts, context), "wal_005/", now);
}

namespace {

// What is wrong with a backup by itself.
std::optional<Finding> OwnDefect(const std::string& name, const BackupTree& tree,
                                 const verify::WalGBackup& said) {
  if ((tree.marks & kHasControl) == 0 && ParseWalGName(name)->needs_control_tar()) {
    return Finding{Reason::kIncomplete, "tar_partitions/pg_control.tar is missing"};
  }
  if ((tree.marks & kHasTar) == 0) {
    return Finding{Reason::kIncomplete, "tar_partitions/ holds nothing but pg_control"};
  }
  if (said.version >= 2 && !said.without_files_metadata && (tree.marks & kHasFiles) == 0) {
    return Finding{Reason::kIncomplete,
                   "files_metadata.json is missing: WAL-G does not restore without it"};
  }
  return std::nullopt;
}

}  // namespace

Artefact WalGCatalog::ArtefactOf(const std::string& name, const Backups& all, base::Timestamp now,
                                 Listing& listing) const {
  const Backup& own = all.at(name);
  Artefact artefact;
  artefact.name = std::string(kWalGBackups) + name;
  artefact.path = place_.Describe() + "/" + artefact.name;
  artefact.folder = true;
  artefact.size_bytes = own.facts->own_bytes;
  artefact.files = own.tree.files + 1;
  artefact.modified = std::max(own.tree.newest, own.sentinel.modified);
  // WAL-G's sentinel alone changes its own time when it is copied.
  const std::string problem = ChooseTime({own.said.finished, "", artefact.modified}, now, artefact);
  if (!problem.empty()) AddFinding(listing, Reason::kStale, base::Quote(name) + ": " + problem);
  artefact.facts = own.facts;
  std::set<std::string> chain;
  std::string part = name;
  for (const Backup* backup = &own;;) {
    artefact.fingerprint += backup->tree.fingerprint + FingerprintOf(backup->sentinel);
    own.facts->stored_bytes += backup->facts->own_bytes;
    const std::string of = part == name ? "" : "its parent " + part + ": ";
    std::optional<Finding> defect = backup->damage;
    if (!defect) defect = OwnDefect(part, backup->tree, backup->said);
    if (defect && !artefact.defect) artefact.defect = Finding{defect->reason, of + defect->message};
    const std::string& parent = backup->facts->parent;
    if (parent.empty()) break;
    chain.insert(part);
    const auto next = all.find(parent);
    Reason reason = Reason::kNone;
    std::string message;
    if (next == all.end()) {
      reason = Reason::kIncomplete;
      message = "the backup that it was made upon, " + base::Quote(base::Truncate(parent, 100)) +
                ", is not there or was never finished";
    } else if (chain.contains(parent) || chain.size() >= kMaxChain) {
      reason = Reason::kCorrupt;
      message = "its chain of parents has no end";
    } else if (backup->said.delta_start && next->second.said.start &&
               *backup->said.delta_start != *next->second.said.start) {
      reason = Reason::kCorrupt;
      message = parent + " is not the backup that it was made upon: that began at " +
                verify::FormatLsn(*backup->said.delta_start);
    } else if (backup->said.system_identifier != 0 && next->second.said.system_identifier != 0 &&
               backup->said.system_identifier != next->second.said.system_identifier) {
      reason = Reason::kCorrupt;
      message = parent + " is of another cluster";
    }
    if (reason != Reason::kNone && !artefact.defect) {
      artefact.defect = Finding{reason, of + message};
    }
    if (next == all.end() || chain.contains(parent) || chain.size() >= kMaxChain) break;
    own.facts->references.push_back(parent);
    part = parent;
    backup = &next->second;
  }
  if (!artefact.defect) artefact.defect = own.wal.defect;
  artefact.fingerprint += own.wal.fingerprint;
  return artefact;
}

// A folder without a sentinel: still being written, or left behind.
void WalGCatalog::AddUnfinished(const std::string& name, const Backups& all, base::Timestamp now,
                                const PlaceContext& context, Listing& listing) {
  const auto tree = trees_.Get(FolderOf(name), BackupTrees::Use::kCached, now, context);
  if (!tree) return AddFinding(listing, tree.error().reason, tree.error().message);
  const base::Timestamp newest = (*tree)->newest;
  const bool overtaken = std::any_of(all.begin(), all.end(), [&](const auto& entry) {
    return entry.second.said.started && *entry.second.said.started > newest;
  });
  if (overtaken || now - newest > FolderCatalog::kAbandonedAfter) {
    listing.failed.push_back({std::string(kWalGBackups) + name, newest,
                              "left behind without being finished: it has no sentinel"});
  } else {
    listing.in_progress.push_back(std::string(kWalGBackups) + name);
  }
}

Listing WalGCatalog::List(base::Timestamp now, base::Deadline deadline,
                          const base::StopToken& stop) {
  const PlaceContext context{deadline, stop};
  auto names = ListNames(context);
  if (!names) return BlindListing(std::move(names.error()));
  std::set<std::string> prefixes;
  for (auto& [name, backup] : names->finished) {
    prefixes.insert(FolderOf(name));
    if (auto read = Read(name, backup, now, context); !read) {
      return BlindListing(std::move(read.error()));
    }
  }
  for (auto& [name, backup] : names->finished) {
    FillFacts(name, names->finished, backup);
    if (auto looked = LookForWal(backup, now, context); !looked) {
      return BlindListing(std::move(looked.error()));
    }
  }
  Listing listing;
  std::set<std::string> whole;
  for (const auto& [name, backup] : names->finished) {
    Artefact artefact = ArtefactOf(name, names->finished, now, listing);
    const bool was_whole = whole_.contains(name);
    if (!artefact.defect || was_whole) whole.insert(name);
    if (IsArriving(artefact, now, options_.arrival) && !was_whole) {
      listing.in_progress.push_back(artefact.name);
    } else {
      listing.complete.Edit().push_back(std::move(artefact));
    }
  }
  whole_ = std::move(whole);
  for (const std::string& name : names->unfinished) {
    prefixes.insert(FolderOf(name));
    AddUnfinished(name, names->finished, now, context, listing);
  }
  trees_.Keep(prefixes);
  SortListing(listing);
  const std::lock_guard lock(mutex_);
  backups_ = std::move(names->finished);
  return listing;
}

std::optional<std::uint64_t> WalGCatalog::CurrentFingerprint(const Artefact& artefact,
                                                             base::Deadline deadline,
                                                             const base::StopToken& stop) {
  const PlaceContext context{deadline, stop};
  std::vector<std::string> chain = {artefact.name.substr(kWalGBackups.size())};
  if (artefact.facts) {
    chain.insert(chain.end(), artefact.facts->references.begin(), artefact.facts->references.end());
  }
  std::uint64_t fingerprint = 0;
  for (const std::string& name : chain) {
    const auto tree = ListTree(place_, FolderOf(name), LookAt, context);
    ListOptions options;
    options.prefix = std::string(kWalGBackups) + name + std::string(kWalGSentinel);
    options.one_level = true;
    const auto sentinel = place_.List(options, context);
    if (!tree || !sentinel || sentinel->objects.empty()) return std::nullopt;
    fingerprint += tree->fingerprint + FingerprintOf(sentinel->objects.front());
  }
  if (!artefact.facts) return fingerprint;
  const auto wal = FindFlatWal(place_, *artefact.facts, context);
  return fingerprint + (wal ? FingerprintOfObjects(wal->objects) : 0);
}

verify::Verdict WalGCatalog::Verify(const Artefact& artefact,
                                    const verify::VerifyOptions& options) {
  std::vector<WalGLink> chain;
  std::vector<std::string> names = {artefact.name.substr(kWalGBackups.size())};
  names.insert(names.end(), artefact.facts->references.begin(), artefact.facts->references.end());
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names) {
      const auto known = backups_.find(name);
      chain.push_back({name, known == backups_.end() ? verify::WalGBackup() : known->second.said});
    }
  }
  return VerifyWalG(place_, chain, artefact, *proven_, options);
}

std::unique_ptr<ArtefactCatalog> MakeWalGCatalog(Place& place, const RepositoryOptions& options) {
  return std::make_unique<WalGCatalog>(place, options);
}

}  // namespace drwatch::catalog
