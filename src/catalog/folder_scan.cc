#include "catalog/folder_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/artefact_time.h"
#include "catalog/file_time.h"
#include "catalog/folder_entries.h"
#include "catalog/folder_kind.h"
#include "catalog/folder_summary.h"
#include "catalog/folder_sums.h"
#include "verify/checksum_list.h"
#include "verify/checksums.h"

namespace drwatch::catalog {
namespace {

using model::Reason;

Reason ReasonOf(int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) return Reason::kNotFound;
  if (error_number == EACCES || error_number == EPERM) return Reason::kPermission;
  return Reason::kStorage;
}

}  // namespace

// One look at the place.
class FolderScan {
 public:
  FolderScan(const FolderOptions& options, CatalogCache& cache, base::Timestamp now,
             base::Deadline deadline, const base::StopToken& stop)
      : options_(options),
        cache_(cache),
        look_(cache.last),
        now_(now),
        deadline_(deadline),
        stop_(stop) {}

  Listing Run();

 private:
  bool Blind(Reason reason, std::string message);
  void Find(Reason reason, std::string message);
  bool InTime();
  bool CountEntry();
  void LookAtFile(const struct stat& info);
  bool ReadEntries(const std::string& folder, FolderEntries& entries);
  bool Scan(const std::string& prefix);
  bool KeepKnown(const FolderEntry& entry);
  bool Judge(const std::string& prefix, const FolderEntry& entry);
  bool JudgeUnseen(const FolderEntry& entry);
  void JudgeTemporary(const std::string& prefix, const FolderEntry& entry);
  void AddFile(std::string path, const FolderEntry& entry);
  static FolderKind KindOf(const std::string& path) {
    return RecogniseFolder(verify::FolderFiles(path));
  }
  bool JudgeFolder(const std::string& relative, const FolderEntry& entry);
  bool AddFolder(const std::string& relative, const FolderEntry& entry, verify::ChunkStore store);
  std::optional<FolderSummary> Summarise(const std::string& path, CatalogCache::Folder& known);
  std::optional<base::Timestamp> ContentTime(const Artefact& file, const FolderEntry& entry);
  std::optional<base::Timestamp> ChangeOf(const Artefact& artefact) const;
  Standing SetTime(Artefact& artefact, std::optional<base::Timestamp> content);
  void AddRecent(Artefact artefact, std::optional<base::Timestamp> content);
  const FolderSums* SumsOf(const std::string& folder, const std::vector<ChecksumFile>& files);
  bool QuietSince(base::Timestamp modified) const;

  const FolderOptions& options_;
  CatalogCache& cache_;
  CatalogCache next_;  // what of the cache is still in use, but for its last look
  NextLook look_;
  const base::Timestamp now_;
  const base::Deadline deadline_;
  const base::StopToken& stop_;
  Listing listing_;
  const FolderSums* sums_ = nullptr;  // of the folder being scanned
  std::set<Inode> entered_;
  std::int64_t entries_ = 0;
  std::int64_t looked_ = 0;
};

bool FolderScan::Blind(Reason reason, std::string message) {
  if (!listing_.blind) listing_.blind = Finding{reason, std::move(message)};
  return false;
}

void FolderScan::Find(Reason reason, std::string message) {
  if (listing_.findings.size() < kMaxFindings) {
    listing_.findings.push_back({reason, std::move(message)});
  }
}

bool FolderScan::CountEntry() {
  if (++entries_ <= FolderCatalog::kMaxEntries) return InTime();
  return Blind(Reason::kLimit, "more than " + std::to_string(FolderCatalog::kMaxEntries) +
                                   " entries in " + base::Quote(options_.path));
}

bool FolderScan::InTime() {
  if (++looked_ % 256 != 0 || (!deadline_.Expired() && !stop_.stopped())) return true;
  return Blind(Reason::kTimeout, "listing " + base::Quote(options_.path) + " takes too long");
}

Listing FolderScan::Run() {
  struct stat info {};
  if (::stat(options_.path.c_str(), &info) != 0) {
    Blind(ReasonOf(errno),
          "cannot look at " + base::Quote(options_.path) + ": " + base::ErrnoText(errno));
    return std::move(listing_);
  }
  if (S_ISREG(info.st_mode)) {
    LookAtFile(info);
  } else {
    const FolderKind kind = options_.pattern == "*" ? KindOf(options_.path) : FolderKind();
    kind.one_artefact ? AddFolder("", FolderEntry(), kind.store) : Scan("");
  }
  if (listing_.blind) {
    Listing blind;
    blind.blind = std::move(listing_.blind);
    return blind;
  }
  look_.Finish();
  listing_.complete = cache_.last.artefacts();
  next_.last = std::move(cache_.last);
  next_.looked = now_;
  cache_ = std::move(next_);
  std::sort(listing_.in_progress.begin(), listing_.in_progress.end());
  return std::move(listing_);
}

// The place is a file.
void FolderScan::LookAtFile(const struct stat& info) {
  const auto [folder, name] = verify::SplitPath(options_.path);
  sums_ = SumsOf(folder, ChecksumFilesIn(folder));
  FolderEntry entry;
  entry.path = name;
  entry.Take(info);
  AddFile(options_.path, entry);
}

bool FolderScan::ReadEntries(const std::string& folder, FolderEntries& entries) {
  DIR* const handle = ::opendir(folder.c_str());
  if (handle == nullptr) {
    return Blind(ReasonOf(errno),
                 "cannot read folder " + base::Quote(folder) + ": " + base::ErrnoText(errno));
  }
  struct stat self {};
  // A loop of links.
  bool whole =
      ::fstat(::dirfd(handle), &self) == 0 && entered_.emplace(self.st_dev, self.st_ino).second;
  if (whole) {
    const FolderEntries::Outcome read = entries.Read(
        handle, cache_.last, [this] { return CountEntry(); }, deadline_, stop_);
    whole = read.error == 0 && read.in_time;
    if (read.error != 0) {
      Blind(Reason::kStorage,
            "cannot read folder " + base::Quote(folder) + ": " + base::ErrnoText(read.error));
    } else if (!whole) {  // InTime() may have said so already
      Blind(Reason::kTimeout, "listing " + base::Quote(options_.path) + " takes too long");
    }
  }
  ::closedir(handle);
  return whole;
}

const FolderSums* FolderScan::SumsOf(const std::string& folder,
                                     const std::vector<ChecksumFile>& files) {
  const FolderSums& sums = TakeSums(folder, files, cache_.sums, next_.sums);
  for (const std::string& problem : sums.said->problems()) Find(Reason::kWrongFormat, problem);
  return &sums;
}

bool FolderScan::Scan(const std::string& prefix) {
  const std::string folder = options_.path + (prefix.empty() ? "" : "/" + prefix);
  FolderEntries entries(prefix);
  if (!ReadEntries(folder, entries)) return !listing_.blind.has_value();
  const FolderSums* const before = sums_;
  sums_ = SumsOf(folder, ChecksumFilesIn(entries));
  look_.Expect(entries.size());
  bool whole = true;
  for (const auto& batch : entries.batches()) {
    for (const FolderEntry& entry : batch) {
      if (!whole || KeepKnown(entry)) continue;
      whole = entry.error == 0 ? Judge(prefix, entry) : JudgeUnseen(entry);
    }
  }
  sums_ = before;
  return whole;
}

// True for a file that would be judged as it was at the last look.
bool FolderScan::KeepKnown(const FolderEntry& entry) {
  if (entry.known == nullptr || entry.known->standing != Standing::kSettled || entry.link ||
      sums_->changed || now_ < cache_.looked) {
    return false;
  }
  look_.Keep(*entry.known, entry.inode);
  return true;
}

// One that was removed meanwhile, a link that points nowhere, or one that may not be looked at.
bool FolderScan::JudgeUnseen(const FolderEntry& entry) {
  const std::string relative(entry.path);
  // A folder that may be listed but not entered (mode r--): none of its names can be looked at.
  if (entry.error == EACCES && !entry.link) {
    return Blind(Reason::kPermission, "cannot look at " + base::Quote(relative) + " in " +
                                          base::Quote(options_.path) + ": " +
                                          base::ErrnoText(entry.error));
  }
  if (entry.error != ENOENT) {
    Find(ReasonOf(entry.error),
         "cannot look at " + base::Quote(relative) + ": " + base::ErrnoText(entry.error));
  } else if (entry.link && MatchesPattern(options_.pattern, relative)) {
    Find(Reason::kNotFound, base::Quote(relative) + " is a link that points nowhere");
  }
  return true;
}

bool FolderScan::Judge(const std::string& prefix, const FolderEntry& entry) {
  if (verify::ParseChecksumFileName(entry.name())) return true;
  if (IsUnfinishedName(options_.pattern, entry.name())) {
    JudgeTemporary(prefix, entry);
    return true;
  }
  const std::string relative(entry.path);
  if (S_ISDIR(entry.mode)) return entry.name() == kLostAndFound || JudgeFolder(relative, entry);
  if (!MatchesPattern(options_.pattern, relative)) return true;
  if (!S_ISREG(entry.mode)) {
    Find(Reason::kWrongFormat, base::Quote(relative) + " is neither a file nor a folder");
    return true;
  }
  if (!options_.every_file && LiesBeside(options_.pattern, relative)) return InTime();
  std::string path;
  path.reserve(options_.path.size() + 1 + relative.size());
  path.append(options_.path).append("/").append(relative);
  AddFile(std::move(path), entry);
  return InTime();
}

bool FolderScan::JudgeFolder(const std::string& relative, const FolderEntry& entry) {
  const FolderKind kind = KindOf(options_.path + "/" + relative);
  if (MatchesPattern(options_.pattern, relative) &&
      (kind.one_artefact || (options_.pattern != "*" && !options_.recursive))) {
    return AddFolder(relative, entry, kind.store);
  }
  if (kind.one_artefact && !kind.guessed) return true;
  if (options_.recursive) return Scan(relative + "/");
  listing_.left_out.Add(relative);
  return true;
}

void FolderScan::JudgeTemporary(const std::string& prefix, const FolderEntry& entry) {
  if (!WillMatch(options_.pattern, prefix, entry.name())) return;
  if (now_ - entry.modified > FolderCatalog::kAbandonedAfter) {
    Find(Reason::kIncomplete, base::Quote(entry.path) + " was never finished");
  } else {
    listing_.in_progress.emplace_back(entry.path);
  }
}

// False while a file that changed at `modified` may still be written to.
bool FolderScan::QuietSince(base::Timestamp modified) const {
  return modified <= now_ - options_.quiet_time || modified > now_ + FolderCatalog::kClockSkew;
}

// Of a file; read again only when it changed.
std::optional<base::Timestamp> FolderScan::ContentTime(const Artefact& file,
                                                       const FolderEntry& entry) {
  if (!MayTellTime(file.name)) return std::nullopt;
  if (entry.known != nullptr && entry.known->standing == Standing::kSettled) {
    const Artefact& before = look_.Get(*entry.known);
    const bool told = before.time_source == TimeSource::kContent;
    return told ? std::optional(before.time) : std::nullopt;
  }
  const auto known = cache_.files.find(file.path);
  CatalogCache::FileTime& time = next_.files[file.path];
  if (known != cache_.files.end() && known->second.fingerprint == file.fingerprint) {
    time = known->second;
  } else {
    time = {file.fingerprint, TimeInFile(file.path)};
  }
  return time.time;
}

// Asked for only where the modification time is to come yet.
std::optional<base::Timestamp> FolderScan::ChangeOf(const Artefact& artefact) const {
  if (artefact.modified <= now_ + FolderCatalog::kClockSkew) return std::nullopt;
  if (artefact.folder) {
    const auto folder = next_.folders.find(artefact.path);
    if (folder == next_.folders.end() || !folder->second.summary) return std::nullopt;
    return folder->second.summary->changed;
  }
  struct stat info {};
  if (::stat(artefact.path.c_str(), &info) != 0) return std::nullopt;
  return ChangedAt(info);
}

Standing FolderScan::SetTime(Artefact& artefact, std::optional<base::Timestamp> content) {
  const std::string problem =
      ChooseTime({content, artefact.name, artefact.modified, options_.clock, ChangeOf(artefact)},
                 now_, artefact);
  if (!problem.empty()) Find(Reason::kStale, problem);
  // A time of now may stand for one that is yet to come.
  return problem.empty() && artefact.time < now_ ? Standing::kSettled : Standing::kForNow;
}

void FolderScan::AddRecent(Artefact artefact, std::optional<base::Timestamp> content) {
  SetTime(artefact, content);
  listing_.in_progress.push_back(artefact.name);
  listing_.recent.push_back(std::move(artefact));
}

void FolderScan::AddFile(std::string path, const FolderEntry& entry) {
  Artefact artefact;
  artefact.name = entry.path;
  artefact.path = std::move(path);
  artefact.size_bytes = entry.size_bytes;
  artefact.modified = entry.modified;
  artefact.fingerprint = entry.fingerprint;
  bool marked = false;
  if (!sums_->said->empty()) {
    const std::string name(entry.name());
    for (const auto& expected : sums_->said->Find(name)) {
      marked = marked || expected.listed >= artefact.modified;
    }
    artefact.checksum_stamp = StampOf(DigestsOf(*sums_->said, name));
  }
  const auto time = ContentTime(artefact, entry);
  if (!marked && !QuietSince(artefact.modified)) {
    AddRecent(std::move(artefact), time);
    return;
  }
  const Standing standing = SetTime(artefact, time);
  if (entry.link) {
    look_.AddLink(std::move(artefact), standing, entry.inode);
  } else {
    look_.AddFile(std::move(artefact), standing, entry.inode);
  }
}

// Walks a folder artefact. A large one whose own entries did not change is walked again only from
// time to time.
std::optional<FolderSummary> FolderScan::Summarise(const std::string& path,
                                                   CatalogCache::Folder& known) {
  struct stat info {};
  const std::uint64_t own = ::stat(path.c_str(), &info) == 0 ? FingerprintOf(path, info) : 0;
  const bool large = known.summary && known.summary->files > FolderCatalog::kLargeFolder;
  if (large && known.own_fingerprint == own && now_ >= known.walked &&
      now_ - known.walked < FolderCatalog::kLargeFolderEvery) {
    return known.summary;
  }
  known.own_fingerprint = own;
  known.walked = now_;
  known.summary = SummariseFolder(path, deadline_, stop_);
  return known.summary;
}

bool FolderScan::AddFolder(const std::string& relative, const FolderEntry& entry,
                           verify::ChunkStore store) {
  Artefact artefact;
  artefact.folder = true;
  artefact.path = options_.path + (relative.empty() ? "" : "/" + relative);
  artefact.name = relative.empty() ? verify::SplitPath(options_.path).second : relative;
  CatalogCache::Folder& known = next_.folders[artefact.path];
  if (const auto before = cache_.folders.find(artefact.path); before != cache_.folders.end()) {
    known = before->second;
  }
  const std::optional<FolderSummary> summary = Summarise(artefact.path, known);
  if (!summary) {
    if (deadline_.Expired() || stop_.stopped()) {
      return Blind(Reason::kTimeout, "listing " + base::Quote(artefact.path) + " takes too long");
    }
    Find(Reason::kPermission, "cannot read all of folder " + base::Quote(artefact.name));
    return true;
  }
  if (summary->files == 0) return true;
  artefact.size_bytes = summary->size_bytes;
  artefact.files = summary->files;
  artefact.fingerprint = summary->fingerprint;
  if (known.timed_fingerprint != artefact.fingerprint) {
    known.timed_fingerprint = artefact.fingerprint;
    known.time = TimeInFolder(artefact.path, store);
  }
  const bool by_folder = options_.dated_by_folder && !known.time;
  artefact.modified =
      by_folder ? std::max(summary->newest, summary->newest_folder) : summary->newest;
  // What is being added to it takes nothing from the backups that are there.
  if (store != verify::ChunkStore::kNone && known.time) artefact.modified = *known.time;
  std::string stamp;
  if (sums_ != nullptr) {
    const std::string inside = verify::SplitPath(artefact.path).second + "/";
    for (const std::string& name : sums_->said->NamesBelow(inside)) {
      for (const auto& expected : sums_->said->Find(inside + name)) stamp += name + expected.digest;
    }
  }
  artefact.checksum_stamp = StampOf(stamp);
  const bool marked =
      summary->mark && *summary->mark >= summary->newest && !summary->temporary_files;
  if (!marked && !QuietSince(artefact.modified)) {
    AddRecent(std::move(artefact), known.time);
    return true;
  }
  SetTime(artefact, known.time);
  if (entry.link) {
    look_.AddLink(std::move(artefact), Standing::kForNow, entry.inode);
  } else {
    look_.AddFolder(std::move(artefact), entry.inode);
  }
  return true;
}

Listing ScanFolder(const FolderOptions& options, CatalogCache& cache, base::Timestamp now,
                   base::Deadline deadline, const base::StopToken& stop) {
  return FolderScan(options, cache, now, deadline, stop).Run();
}

}  // namespace drwatch::catalog
