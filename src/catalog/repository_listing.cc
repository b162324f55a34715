#include "catalog/repository_listing.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "catalog/place_files.h"

namespace drwatch::catalog {

using model::Reason;

bool WalLook::Holds(base::Timestamp now) const {
  return looked && !defect && now >= *looked && now - *looked < kEvery;
}

tl::expected<void, Finding> WalLook::Note(const tl::expected<BackupWal, Finding>& wal,
                                          std::string_view folder, base::Timestamp now) {
  if (!wal && wal.error().reason != Reason::kCorrupt && wal.error().reason != Reason::kLimit) {
    return tl::unexpected(wal.error());
  }
  looked = now;
  defect.reset();
  fingerprint = wal ? FingerprintOfObjects(wal->objects) : 0;
  if (!wal) {
    defect = wal.error();
  } else if (wal->missing) {
    defect = Finding{Reason::kIncomplete, "WAL segment " + *wal->missing + " is missing in " +
                                              std::string(folder) +
                                              ": without it the backup is not consistent"};
  }
  return {};
}

std::string PostgresVersion(std::int64_t number) {
  if (number >= 100'000) return std::to_string(number / 10'000);
  if (number <= 0) return {};
  return std::to_string(number / 10'000) + "." + std::to_string(number / 100 % 100);
}

Listing BlindListing(Finding finding) {
  Listing listing;
  listing.blind = std::move(finding);
  return listing;
}

void AddFinding(Listing& listing, model::Reason reason, std::string message) {
  if (listing.findings.size() < kMaxFindings) {
    listing.findings.push_back({reason, std::move(message)});
  }
}

bool IsArriving(const Artefact& artefact, base::Timestamp now, base::Duration arrival) {
  return artefact.defect && artefact.defect->reason == model::Reason::kIncomplete &&
         now - artefact.time < arrival;
}

std::uint64_t FingerprintOfObjects(const std::vector<PlaceObject>& objects) {
  std::uint64_t sum = 0;
  for (const PlaceObject& object : objects) sum += FingerprintOf(object);
  return sum;
}

void SortListing(Listing& listing) {
  const auto by_time = [](const auto& a, const auto& b) {
    return std::tie(a.time, a.name) < std::tie(b.time, b.name);
  };
  std::vector<Artefact>& complete = listing.complete.Edit();
  std::sort(complete.begin(), complete.end(), by_time);
  std::sort(listing.in_progress.begin(), listing.in_progress.end());
  std::sort(listing.failed.begin(), listing.failed.end(), by_time);
  if (listing.failed.size() > kMaxFindings) {
    listing.failed.erase(listing.failed.begin(), listing.failed.end() - kMaxFindings);
  }
}

}  // namespace drwatch::catalog
