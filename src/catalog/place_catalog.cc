#include "catalog/place_catalog.h"

#include <algorithm>
#include <utility>

#include "catalog/artefact_names.h"
#include "catalog/folder_sums.h"
#include "catalog/place_files.h"
#include "catalog/place_scan.h"
#include "verify/split_pieces.h"
#include "verify/verify.h"

namespace drwatch::catalog {
namespace {

bool ByName(const PlaceObject& a, const PlaceObject& b) { return a.name < b.name; }

// "s3://b/p/daily/x" -> "daily/x"; "" for the place itself.
std::string NameOf(const Artefact& artefact, const Place& place) {
  const std::string root = place.Describe();
  return artefact.path.size() > root.size() ? artefact.path.substr(root.size() + 1) : "";
}

// The folder of a name: "a/b/" of "a/b/c", "" of "c".
std::string FolderOf(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash + 1);
}

Listing BlindListing(Finding finding) {
  Listing listing;
  listing.blind = std::move(finding);
  return listing;
}

verify::Verdict CannotLook(Finding finding) {
  verify::Verdict verdict;
  verdict.reason = finding.reason;
  verdict.message = std::move(finding.message);
  return verdict;
}

}  // namespace

PlaceCatalog::PlaceCatalog(Place& place, PlaceOptions options)
    : place_(place), options_(std::move(options)) {}

tl::expected<void, Finding> PlaceCatalog::ListFolder(const std::string& folder, base::Timestamp now,
                                                     const PlaceContext& context) {
  PlaceCache::Folder& known = cache_.folders[folder];
  base::Timestamp newest{};
  for (const PlaceObject& object : known.objects) newest = std::max(newest, object.modified);
  const bool settled = !known.objects.empty() && now - newest > kSettledAfter;
  if (settled && now >= known.listed && now - known.listed < kLargeEvery) return {};
  ListOptions options;
  options.prefix = folder;
  options.max_objects = kMaxObjects;
  auto listed = place_.List(options, context);
  if (!listed) return tl::unexpected(std::move(listed.error()));
  known = {now, std::move(listed->objects)};
  return {};
}

// Fills objects_ with what the pattern can be about. Without `recursive` that is the first level
// and the folders there that match.
tl::expected<void, Finding> PlaceCatalog::ListObjects(base::Timestamp now,
                                                      const PlaceContext& context) {
  if (objects_.size() > kLargePlace && now >= listed_ && now - listed_ < kLargeEvery) return {};
  ListOptions options;
  options.one_level = !options_.recursive;
  options.max_objects = kMaxObjects;
  auto listed = place_.List(options, context);
  if (!listed) return tl::unexpected(std::move(listed.error()));
  std::vector<PlaceObject> objects = std::move(listed->objects);
  FoldersLeftOut not_listed;
  std::map<std::string, PlaceCache::Folder> before = std::exchange(cache_.folders, {});
  for (const std::string& folder : listed->folders) {
    const std::string name = folder.substr(0, folder.size() - 1);
    if (!MatchesPattern(options_.pattern, name)) {
      not_listed.Add(name);
      continue;
    }
    if (const auto known = before.find(folder); known != before.end()) {
      cache_.folders[folder] = std::move(known->second);
    }
    if (auto done = ListFolder(folder, now, context); !done) return done;
    const auto& below = cache_.folders[folder].objects;
    objects.insert(objects.end(), below.begin(), below.end());
  }
  std::sort(objects.begin(), objects.end(), ByName);
  objects_ = std::move(objects);
  not_listed_ = not_listed;
  listed_ = now;
  return {};
}

Listing PlaceCatalog::List(base::Timestamp now, base::Deadline deadline,
                           const base::StopToken& stop) {
  const PlaceContext context{deadline, stop};
  if (auto listed = ListObjects(now, context); !listed) {
    objects_.clear();
    return BlindListing(std::move(listed.error()));
  }
  PlaceCache next;
  Listing listing = ScanPlace(place_, options_, objects_, now, context, cache_, next);
  if (options_.into_dated_folders && listing.IsAllInDatedFolders()) {
    PlaceOptions deeper = options_;
    deeper.recursive = true;
    next = {};
    listing = ScanPlace(place_, deeper, objects_, now, context, cache_, next);
  }
  listing.left_out.count += not_listed_.count;
  listing.left_out.dated += not_listed_.dated;
  const std::lock_guard lock(mutex_);
  if (deadline.Expired() || stop.stopped()) {
    // What was left unread would look as if it said nothing; what was read is not read again.
    for (auto& [name, text] : next.texts) cache_.texts[name] = std::move(text);
    for (auto& [path, time] : next.times) cache_.times[path] = time;
    return BlindListing(
        {model::Reason::kTimeout, "listing " + place_.Describe() + " takes too long"});
  }
  next.folders = std::move(cache_.folders);
  cache_ = std::move(next);
  return listing;
}

std::optional<std::uint64_t> PlaceCatalog::CurrentFingerprint(const Artefact& artefact,
                                                              base::Deadline deadline,
                                                              const base::StopToken& stop) {
  ListOptions options;
  options.prefix = NameOf(artefact, place_);
  if (artefact.folder && !options.prefix.empty()) options.prefix += "/";
  options.one_level = !artefact.folder;
  options.max_objects = kMaxObjects;
  const auto listed = place_.List(options, {deadline, stop});
  if (!listed) return std::nullopt;
  const PlaceFiles files(place_, listed->objects, "");
  if (artefact.folder) return files.Fingerprint();
  const PlaceObject* const object = files.Find(options.prefix);
  return object != nullptr ? std::optional(FingerprintOf(*object)) : std::nullopt;
}

std::shared_ptr<const verify::ChecksumFolder> PlaceCatalog::SumsOf(
    const std::string& folder) const {
  const std::lock_guard lock(mutex_);
  const auto known = cache_.sums.find(folder);
  if (known != cache_.sums.end() && known->second.folder) return known->second.folder;
  return std::make_shared<verify::ChecksumFolder>();
}

ArtefactTimes PlaceCatalog::Times(const Artefact& artefact) {
  ArtefactTimes times{artefact.modified};
  if (artefact.folder) return times;
  const std::string name = NameOf(artefact, place_);
  const std::string folder = FolderOf(name);
  times.listed = ListedAt(*SumsOf(folder), name.substr(folder.size()));
  return times;
}

verify::Walked<verify::OpenedFile> PlaceCatalog::OpenPiece(const std::string& name,
                                                           verify::ReadBudget& budget) {
  ListOptions list;
  list.prefix = name;
  list.one_level = true;
  const auto listed = place_.List(list, {budget.options().deadline, budget.options().stop});
  if (!listed) return verify::Unjudged(listed.error().reason, listed.error().message);
  for (const PlaceObject& object : listed->objects) {
    if (object.name != name) continue;
    auto source = place_.Open(name, budget, nullptr);
    if (!source) return tl::unexpected(std::move(source.error()));
    return verify::OpenedFile{*std::move(source), object.size_bytes};
  }
  return verify::Unjudged(model::Reason::kNotFound, "it is not there");
}

verify::Verdict PlaceCatalog::Verify(const Artefact& artefact,
                                     const verify::VerifyOptions& options) {
  verify::VerifyOptions own = options;
  own.known = &proven_;
  verify::ReadBudget budget(own);
  const std::string name = NameOf(artefact, place_);
  if (!artefact.folder) {
    const std::string folder = FolderOf(name);
    const verify::Checksums checksums(name.substr(folder.size()), SumsOf(folder), nullptr);
    const verify::Checksums of_whole(verify::WholeName(name).value_or(name).substr(folder.size()),
                                     SumsOf(folder), nullptr);
    const auto open = [&](verify::DigestTee* tee) -> verify::Walked<verify::OpenedFile> {
      auto source = place_.Open(name, budget, tee);
      if (!source) return tl::unexpected(std::move(source.error()));
      return verify::OpenedFile{*std::move(source), artefact.size_bytes};
    };
    const auto piece = [&](const std::string& one) { return OpenPiece(one, budget); };
    verify::Verdict verdict =
        verify::JudgeWithPieces(
            verify::VerifyOpened(open, name.substr(folder.size()), checksums, budget), name, "",
            of_whole, piece, budget)
            .verdict;
    verdict.bytes_read = budget.bytes_read();
    return verdict;
  }
  const std::string folder = name.empty() ? "" : name + "/";
  ListOptions list;
  list.prefix = folder;
  list.max_objects = kMaxObjects;
  auto listed = place_.List(list, {options.deadline, options.stop});
  if (!listed) return CannotLook(std::move(listed.error()));
  const PlaceFiles files(place_, listed->objects, folder);
  const std::string above = FolderOf(name);
  const auto beside = name.empty() ? std::make_shared<verify::ChecksumFolder>() : SumsOf(above);
  const verify::Checksums checksums(name.substr(above.size()), beside, SumsOf(folder));
  return verify::VerifyFiles(files, checksums, budget);
}

}  // namespace drwatch::catalog
