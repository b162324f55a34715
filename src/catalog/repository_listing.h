// What the listings of repositories have in common. Used within this folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"

namespace drwatch::catalog {

Listing BlindListing(Finding finding);
// Unless there are kMaxFindings.
void AddFinding(Listing& listing, model::Reason reason, std::string message);
// A finished backup that is not all there, so shortly after it was finished that the rest may be on
// its way.
bool IsArriving(const Artefact& artefact, base::Timestamp now, base::Duration arrival);
// Changes when any of them does.
std::uint64_t FingerprintOfObjects(const std::vector<PlaceObject>& objects);
// Puts everything in the order that Listing says, and leaves out what is too much.
void SortListing(Listing& listing);

}  // namespace drwatch::catalog
