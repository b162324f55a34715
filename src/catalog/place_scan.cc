#include "catalog/place_scan.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/artefact_time.h"
#include "catalog/folder_catalog.h"
#include "catalog/folder_kind.h"
#include "catalog/folder_sums.h"
#include "catalog/place_files.h"
#include "verify/data_folder.h"
#include "verify/file_source.h"
#include "verify/manifest.h"
#include "verify/rdb.h"
#include "verify/redis_names.h"
#include "verify/utc.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using Objects = std::span<const PlaceObject>;

// Of a manifest whose time is read while listing; a longer one costs too much time for that.
constexpr std::int64_t kMaxManifestBytes = 64 << 20;
constexpr std::int64_t kMaxLabelBytes = 64 << 10;
// Of a checksum file; they are kept in memory.
constexpr std::int64_t kMaxSumsBytes = 4 << 20;

class PlaceScan {
 public:
  PlaceScan(Place& place, const PlaceOptions& options, base::Timestamp now,
            const PlaceContext& context, const PlaceCache& cache, PlaceCache& next)
      : place_(place),
        options_(options),
        now_(now),
        context_(context),
        cache_(cache),
        next_(next) {}

  Listing Run(Objects objects) {
    const FolderKind kind =
        options_.pattern == "*" ? RecogniseFolder(PlaceFiles(place_, objects, "")) : FolderKind();
    if (kind.one_artefact) {
      AddFolder("", objects, verify::ChecksumFolder(), kind.store);
    } else {
      Scan("", objects);
    }
    std::sort(listing_.in_progress.begin(), listing_.in_progress.end());
    SortByTime(listing_.complete.Edit());
    return std::move(listing_);
  }

 private:
  void Find(Reason reason, std::string message) {
    if (listing_.findings.size() < kMaxFindings) {
      listing_.findings.push_back({reason, std::move(message)});
    }
  }
  void Scan(const std::string& folder, Objects objects);
  void JudgeFile(const PlaceObject& object, const verify::ChecksumFolder& sums,
                 const std::string& folder);
  void JudgeFolder(const std::string& folder, Objects objects,
                   const verify::ChecksumFolder& beside);
  void JudgeTemporary(const PlaceObject& object, const std::string& folder);
  // `beside` are the checksum files of the folder above.
  void AddFolder(const std::string& folder, Objects objects, const verify::ChecksumFolder& beside,
                 verify::ChunkStore store);
  bool IsUnfinished(const PlaceFiles& files) const;
  std::shared_ptr<const verify::ChecksumFolder> SumsOf(const std::string& folder, Objects objects);
  std::optional<std::string> ReadSum(const PlaceObject& object);
  // nullopt: there is none (nullptr), it is too long, or it could not be read this time: then
  // `sure` becomes false.
  std::optional<std::string> ReadText(const PlaceObject* object, std::int64_t max_bytes,
                                      bool& sure);
  std::optional<base::Timestamp> TimeOfFile(const Artefact& artefact, bool& sure);
  std::optional<base::Timestamp> TimeOfManifest(const PlaceObject* object, bool& sure);
  std::optional<base::Timestamp> TimeOfFolder(const PlaceFiles& files, verify::ChunkStore store,
                                              bool& sure);
  using ReadTime = std::function<std::optional<base::Timestamp>(bool& sure)>;
  // `read` is asked for what the artefact says of its time, unless that is known.
  void SetTime(Artefact& artefact, const ReadTime& read);
  std::string PathOf(const std::string& name) const {
    return place_.Describe() + (name.empty() ? "" : "/" + name);
  }

  Place& place_;
  const PlaceOptions& options_;
  const base::Timestamp now_;
  const PlaceContext& context_;
  const PlaceCache& cache_;
  PlaceCache& next_;
  Listing listing_;
};

// The last part of a name that begins with `folder`.
std::string_view LastPart(const PlaceObject& object, const std::string& folder) {
  return std::string_view(object.name).substr(folder.size());
}

std::optional<std::string> PlaceScan::ReadSum(const PlaceObject& object) {
  const auto known = cache_.texts.find(object.name);
  if (known != cache_.texts.end() && known->second.fingerprint == object.fingerprint) {
    next_.texts[object.name] = known->second;
    return known->second.text;
  }
  auto text = place_.Read(object.name, kMaxSumsBytes, context_);
  if (!text) {
    Find(text.error().reason, text.error().message);
    return std::nullopt;
  }
  next_.texts[object.name] = {object.fingerprint, *text};
  return *std::move(text);
}

std::shared_ptr<const verify::ChecksumFolder> PlaceScan::SumsOf(const std::string& folder,
                                                                Objects objects) {
  std::vector<const PlaceObject*> lists;
  std::uint64_t fingerprint = 1;
  for (const PlaceObject& object : objects) {
    const std::string_view name = LastPart(object, folder);
    if (name.find('/') != name.npos || !verify::ParseChecksumFileName(name)) continue;
    lists.push_back(&object);
    fingerprint += FingerprintOf(object);
  }
  PlaceCache::Sums& sums = next_.sums[folder];
  const auto known = cache_.sums.find(folder);
  if (known != cache_.sums.end() && known->second.fingerprint == fingerprint) {
    sums = known->second;
    for (const PlaceObject* object : lists) ReadSum(*object);  // keeps it
  } else {
    const PlaceFiles files(place_, objects, folder);
    const verify::ListFolder place(
        [&files](const std::string& name) { return files.Find(name) != nullptr; });
    auto fresh = std::make_shared<verify::ChecksumFolder>();
    bool whole = true;
    for (const PlaceObject* object : lists) {
      const auto text = ReadSum(*object);
      whole = whole && text;
      if (text) fresh->Add(std::string(LastPart(*object, folder)), *text, object->modified, place);
    }
    fresh->Sort();
    // What could not be read is tried again.
    sums = {whole ? fingerprint : 0, std::move(fresh)};
  }
  for (const std::string& problem : sums.folder->problems()) Find(Reason::kWrongFormat, problem);
  return sums.folder;
}

void PlaceScan::Scan(const std::string& folder, Objects objects) {
  const auto sums = SumsOf(folder, objects);
  for (std::size_t i = 0; i < objects.size();) {
    const std::string_view name = LastPart(objects[i], folder);
    const std::size_t slash = name.find('/');
    if (slash == name.npos) {
      JudgeFile(objects[i++], *sums, folder);
      continue;
    }
    const std::string inner = objects[i].name.substr(0, folder.size() + slash + 1);
    std::size_t end = i;
    while (end < objects.size() && objects[end].name.starts_with(inner)) ++end;
    JudgeFolder(inner, objects.subspan(i, end - i), *sums);
    i = end;
  }
}

void PlaceScan::JudgeFile(const PlaceObject& object, const verify::ChecksumFolder& sums,
                          const std::string& folder) {
  const std::string name(LastPart(object, folder));
  if (name.empty() || verify::ParseChecksumFileName(name)) return;
  if (IsUnfinishedName(options_.pattern, name)) return JudgeTemporary(object, folder);
  if (!MatchesPattern(options_.pattern, object.name)) return;
  if (!options_.every_file && LiesBeside(options_.pattern, name)) return;
  Artefact artefact;
  artefact.name = object.name;
  artefact.path = PathOf(object.name);
  artefact.size_bytes = object.size_bytes;
  artefact.modified = object.modified;
  artefact.fingerprint = FingerprintOf(object);
  artefact.checksum_stamp = StampOf(DigestsOf(sums, name));
  SetTime(artefact, [&](bool& sure) { return TimeOfFile(artefact, sure); });
  listing_.complete.Edit().push_back(std::move(artefact));
}

void PlaceScan::JudgeTemporary(const PlaceObject& object, const std::string& folder) {
  if (!WillMatch(options_.pattern, folder, LastPart(object, folder))) return;
  if (now_ - object.modified > FolderCatalog::kAbandonedAfter) {
    Find(Reason::kIncomplete, base::Quote(object.name) + " was never finished");
  } else {
    listing_.in_progress.push_back(object.name);
  }
}

void PlaceScan::JudgeFolder(const std::string& folder, Objects objects,
                            const verify::ChecksumFolder& beside) {
  const FolderKind kind = RecogniseFolder(PlaceFiles(place_, objects, folder));
  const bool matches = MatchesPattern(options_.pattern, folder.substr(0, folder.size() - 1));
  if (matches && (kind.one_artefact || (options_.pattern != "*" && !options_.recursive))) {
    return AddFolder(folder, objects, beside, kind.store);
  }
  if (kind.one_artefact && !kind.guessed) return;
  if (options_.recursive) return Scan(folder, objects);
  if (matches) listing_.left_out.Add(folder.substr(0, folder.size() - 1));
}

// A manifest alone: the archives that it speaks of are still on their way. What Redis was writing
// to in its folder of append-only files was copied along, and says nothing of the copy.
bool PlaceScan::IsUnfinished(const PlaceFiles& files) const {
  bool has_archive = files.Has("PG_VERSION");
  for (const std::string& name : files.TopNames()) {
    const bool temporary = IsTemporaryName(name) && !verify::IsRedisTemporaryName(name);
    if (temporary && files.Find(name) != nullptr) return true;
    has_archive = has_archive || name.starts_with("base.tar");
  }
  return files.Has("backup_manifest") && !has_archive;
}

void PlaceScan::AddFolder(const std::string& folder, Objects objects,
                          const verify::ChecksumFolder& beside, verify::ChunkStore store) {
  const PlaceFiles files(place_, objects, folder);
  Artefact artefact;
  artefact.folder = true;
  artefact.name = folder.substr(0, folder.size() - (folder.empty() ? 0 : 1));
  artefact.path = PathOf(artefact.name);
  if (folder.empty()) artefact.name = artefact.path.substr(artefact.path.rfind('/') + 1);
  for (const PlaceObject& object : objects) {
    artefact.size_bytes += object.size_bytes;
    artefact.modified = std::max(artefact.modified, object.modified);
  }
  artefact.files = static_cast<std::int64_t>(objects.size());
  artefact.fingerprint = files.Fingerprint();
  std::string stamp;
  const auto inside = SumsOf(folder, objects);
  for (const std::string& name : inside->NamesBelow("")) {
    for (const auto& expected : inside->Find(name)) stamp += name + expected.digest;
  }
  const std::string own = artefact.name.substr(artefact.name.rfind('/') + 1) + "/";
  for (const std::string& name : beside.NamesBelow(folder.empty() ? "/" : own)) {
    for (const auto& expected : beside.Find(own + name)) stamp += name + expected.digest;
  }
  artefact.checksum_stamp = StampOf(stamp);
  SetTime(artefact, [&](bool& sure) { return TimeOfFolder(files, store, sure); });
  // What is being added to a repository takes nothing from the backups that are there.
  if (store != verify::ChunkStore::kNone) {
    artefact.modified = std::min(artefact.modified, artefact.time);
  }
  const base::Duration age = now_ - artefact.modified;
  const bool recent = age < options_.quiet_time && age > -FolderCatalog::kClockSkew;
  const bool unfinished = IsUnfinished(files) && age < FolderCatalog::kAbandonedAfter;
  if (recent || unfinished) {
    listing_.in_progress.push_back(artefact.name);
    if (!unfinished) listing_.recent.push_back(std::move(artefact));
    return;
  }
  listing_.complete.Edit().push_back(std::move(artefact));
}

std::optional<std::string> PlaceScan::ReadText(const PlaceObject* object, std::int64_t max_bytes,
                                               bool& sure) {
  if (object == nullptr || object->size_bytes > max_bytes) return std::nullopt;
  auto text = place_.Read(object->name, max_bytes, context_);
  if (text) return *std::move(text);
  sure = false;
  return std::nullopt;
}

std::optional<base::Timestamp> PlaceScan::TimeOfManifest(const PlaceObject* object, bool& sure) {
  if (object == nullptr || object->size_bytes > kMaxManifestBytes) return std::nullopt;
  verify::VerifyOptions options;
  options.deadline = context_.deadline;
  options.stop = context_.stop;
  verify::ReadBudget budget(options);
  auto source = place_.Open(object->name, budget, nullptr);
  if (!source) {
    sure = false;
    return std::nullopt;
  }
  verify::Reader reader(**source);
  const auto manifest = verify::ReadManifest(reader, verify::ManifestParts::kWithoutFiles);
  if (manifest) return manifest->taken;
  const verify::Fault& fault = manifest.error();
  const bool read =
      fault.outcome == verify::Outcome::kBroken || fault.reason == model::Reason::kWrongFormat;
  sure = sure && read;
  return std::nullopt;
}

// What backup_manifest or backup_label gives, or the last backup in a repository of restic or Borg.
std::optional<base::Timestamp> PlaceScan::TimeOfFolder(const PlaceFiles& files,
                                                       verify::ChunkStore store, bool& sure) {
  if (store != verify::ChunkStore::kNone) {
    return files.Newest(std::string(verify::WrittenByABackup(store)) + "/");
  }
  if (verify::WasStarted(files)) return std::nullopt;
  if (const auto taken = TimeOfManifest(files.Find("backup_manifest"), sure)) return taken;
  constexpr std::string_view kKey = "START TIME: ";
  const auto label = ReadText(files.Find("backup_label"), kMaxLabelBytes, sure).value_or("");
  for (const std::string_view line : base::Split(label, '\n')) {
    if (line.starts_with(kKey)) return verify::ParseUtc(base::Trim(line.substr(kKey.size())));
  }
  return std::nullopt;
}

std::optional<base::Timestamp> PlaceScan::TimeOfFile(const Artefact& artefact, bool& sure) {
  if (!base::Lower(artefact.name).ends_with(".rdb")) return std::nullopt;
  const auto head =
      place_.ReadHead(artefact.name, static_cast<std::int64_t>(verify::kRdbHeadBytes), context_);
  sure = head.has_value();
  return head ? verify::RdbTime(*head) : std::nullopt;
}

void PlaceScan::SetTime(Artefact& artefact, const ReadTime& read) {
  std::optional<base::Timestamp> content;
  const auto known = cache_.times.find(artefact.path);
  if (known != cache_.times.end() && known->second.fingerprint == artefact.fingerprint) {
    content = known->second.time;
    next_.times[artefact.path] = known->second;
  } else {
    bool sure = true;
    content = read(sure);
    if (sure) next_.times[artefact.path] = {artefact.fingerprint, content};
  }
  const std::string problem =
      ChooseTime({content, artefact.name, artefact.modified, options_.clock}, now_, artefact);
  if (!problem.empty()) Find(Reason::kStale, problem);
}

}  // namespace

Listing ScanPlace(Place& place, const PlaceOptions& options, std::span<const PlaceObject> objects,
                  base::Timestamp now, const PlaceContext& context, const PlaceCache& cache,
                  PlaceCache& next) {
  return PlaceScan(place, options, now, context, cache, next).Run(objects);
}

}  // namespace drwatch::catalog
