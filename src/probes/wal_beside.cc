#include "probes/wal_beside.h"

#include <algorithm>
#include <string>
#include <vector>

#include "verify/wal_name.h"

namespace drwatch::probes {
namespace {

bool IsWal(const catalog::Artefact& artefact) {
  return !artefact.folder && verify::ParseWalFileName(artefact.name);
}

}  // namespace

void LeaveWalOut(catalog::Listing& listing) {
  std::size_t left_out = std::erase_if(listing.recent, IsWal);
  const std::vector<catalog::Artefact>& complete = listing.complete.all();
  if (std::any_of(complete.begin(), complete.end(), IsWal)) {
    left_out += std::erase_if(listing.complete.Edit(), IsWal);
  }
  std::erase_if(listing.in_progress, verify::ParseWalFileName);
  if (left_out == 0) return;
  listing.findings.push_back(
      {model::Reason::kUnverified, std::to_string(left_out) + " files of WAL, which is no backup"});
}

}  // namespace drwatch::probes
