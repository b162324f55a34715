#include "probes/unnamed_repository.h"

#include <string>

#include "base/strings.h"
#include "catalog/make_place.h"
#include "catalog/repository.h"

namespace drwatch::probes {
namespace {

using config::Repository;

std::string Explain(const catalog::RecognisedRepository& found, const std::string& place) {
  std::string program = "Barman";
  std::string key = "barman";
  if (found.kind == Repository::kPgBackRest) program = "pgBackRest", key = "pgbackrest";
  if (found.kind == Repository::kWalG) program = "WAL-G", key = "wal-g";
  const std::string part = found.above > 0 ? "part of " : "";
  const std::string path = found.above == 0   ? ""
                           : found.above == 1 ? ", \"path\" the folder above it"
                                              : ", \"path\" the folder two above it";
  return base::Quote(place) + " is " + part + "a repository of " + program +
         ": its backups count with \"repository: " + key + "\"" + path;
}

}  // namespace

UnnamedRepository::UnnamedRepository(const config::BackupProbe& spec, catalog::Place* bucket)
    : possible_(spec.repository == Repository::kNone && spec.pattern == "*" && !spec.recursive &&
                spec.kind != "files"),
      folder_(bucket == nullptr),
      own_(folder_ ? catalog::MakeFolderPlace(spec.place.path) : nullptr),
      place_(folder_ ? *own_ : *bucket) {}

void UnnamedRepository::Look(base::Timestamp now, const catalog::PlaceContext& context) {
  if (looked_ && now >= *looked_ && now - *looked_ < kLookEvery) return;
  const auto found = catalog::RecogniseRepository(place_, context);
  if (!found) return;
  looked_ = now;
  found_.reset();
  if (found->kind == Repository::kNone) return;
  in_stanza_ = found->above > 0;
  found_ = catalog::Finding{model::Reason::kConfig, Explain(*found, place_.Describe())};
}

void UnnamedRepository::Note(catalog::Listing& listing, base::Timestamp now,
                             const catalog::PlaceContext& context) {
  if (!possible_ || listing.blind) return;
  // In a folder a look costs next to nothing, but for one of very many files.
  if (listing.complete.size() > (folder_ ? kMostBeside : 0)) return;
  Look(now, context);
  if (!found_ || (!in_stanza_ && !listing.complete.empty())) return;
  if (in_stanza_) {
    listing.complete = {};
    listing.in_progress.clear();
    listing.recent.clear();
  }
  listing.findings.push_back(*found_);
}

}  // namespace drwatch::probes
