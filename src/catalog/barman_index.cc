#include "catalog/barman_index.h"

#include <set>
#include <utility>

#include "base/strings.h"
#include "catalog/barman_names.h"
#include "verify/barman_info.h"
#include "verify/wal_name.h"

namespace drwatch::catalog {

using model::Reason;

// The newer name counts: a copy of a home may have kept the older file.
tl::expected<std::optional<PlaceObject>, Finding> BarmanIndex::Find(base::Timestamp now,
                                                                    const PlaceContext& context) {
  const bool absent = looked_ && name_.empty();
  if (absent && now >= *looked_ && now - *looked_ < kCompareEvery) return std::nullopt;
  looked_ = now;
  for (const std::string& file : {server_ + "-xlog.db", std::string("xlog.db")}) {
    ListOptions options;
    options.prefix = server_ + "/wals/" + file;
    options.one_level = true;
    const auto listing = place_.List(options, context);
    if (!listing) return tl::unexpected(listing.error());
    if (!listing->objects.empty() && listing->objects.front().name == options.prefix) {
      return listing->objects.front();
    }
  }
  return std::nullopt;
}

void BarmanIndex::Clear() {
  name_.clear();
  fingerprint_ = 0;
  sizes_.clear();
  compared_.reset();
  finding_.reset();
}

tl::expected<void, Finding> BarmanIndex::Read(const std::string& server, base::Timestamp now,
                                              const PlaceContext& context) {
  server_ = server;
  const auto object = Find(now, context);
  if (!object) return tl::unexpected(object.error());
  if (!*object) {
    Clear();
    return {};
  }
  const std::string name = (*object)->name.substr(server_.size() + 1);
  if (name == name_ && (*object)->fingerprint == fingerprint_) return Compare(now, context);
  const auto text = place_.Read((*object)->name, verify::kMaxXlogDbBytes, context);
  if (!text && text.error().reason != Reason::kLimit) return tl::unexpected(text.error());
  sizes_.clear();
  finding_.reset();
  name_ = name;
  fingerprint_ = (*object)->fingerprint;
  if (!text) {
    finding_ = text.error();
    return {};
  }
  auto lines = verify::ParseXlogDb(*text);
  if (!lines) {
    finding_ =
        Finding{Reason::kCorrupt, name + ": " + lines.error().place + ": " + lines.error().message};
    return {};
  }
  for (verify::XlogDbLine& line : *lines) sizes_[std::move(line.name)] = line.size_bytes;
  return Compare(now, context);
}

// All of the list with all files there are.
tl::expected<void, Finding> BarmanIndex::Compare(base::Timestamp now, const PlaceContext& context) {
  const bool recent = compared_ && now >= *compared_ && now - *compared_ < kCompareEvery;
  if (recent || sizes_.empty()) return {};
  ListOptions options;
  options.prefix = server_ + "/wals/";
  options.max_objects = kMaxCompared;
  const auto listing = place_.List(options, context);
  if (!listing && listing.error().reason == Reason::kLimit) return {};
  if (!listing) return tl::unexpected(listing.error());
  FindDifference(*listing, now);
  return {};
}

void BarmanIndex::FindDifference(const PlaceListing& listing, base::Timestamp now) {
  std::set<std::string> there;
  std::set<std::string> unlisted;
  for (const PlaceObject& object : listing.objects) {
    const std::string name = LastPartOf(object.name);
    // Written to while it was compared: next time.
    const bool index = object.name == server_ + "/" + name_;
    if (index && object.fingerprint != fingerprint_) return;
    if (!verify::ParseWalFileName(name)) continue;
    there.insert(name);
    const bool fresh = now - object.modified < kCompareEvery;
    if (!fresh && !sizes_.contains(name)) unlisted.insert(name);
  }
  compared_ = now;
  finding_.reset();
  std::int64_t missing = 0;
  std::string first;
  for (const auto& [name, size] : sizes_) {
    if (there.contains(name)) continue;
    if (missing++ == 0) first = name;
  }
  if (missing > 0) {
    finding_ = Finding{Reason::kIncomplete, name_ + " names " + std::to_string(missing) +
                                                " files that are not there, the first is " +
                                                base::Quote(first)};
  } else if (!unlisted.empty()) {
    finding_ = Finding{Reason::kIncomplete,
                       std::to_string(unlisted.size()) + " WAL files are not in " + name_ +
                           ", so that Barman does not know of them; the first is " +
                           base::Quote(*unlisted.begin())};
  }
}

std::optional<Finding> BarmanIndex::DefectOf(const BackupWal& wal) const {
  for (const PlaceObject& object : wal.objects) {
    const auto listed = sizes_.find(LastPartOf(object.name));
    if (listed == sizes_.end() || listed->second == object.size_bytes) continue;
    const bool shorter = object.size_bytes < listed->second;
    return Finding{shorter ? Reason::kIncomplete : Reason::kCorrupt,
                   "WAL segment " + listed->first + " has " + std::to_string(object.size_bytes) +
                       " bytes, " + name_ + " says " + std::to_string(listed->second)};
  }
  return std::nullopt;
}

}  // namespace drwatch::catalog
