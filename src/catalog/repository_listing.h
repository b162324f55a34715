// What the listings of repositories have in common. Used within this folder.
#pragma once

#include <string>

#include "catalog/artefact.h"

namespace drwatch::catalog {

Listing BlindListing(Finding finding);
// Unless there are kMaxFindings.
void AddFinding(Listing& listing, model::Reason reason, std::string message);
// Puts everything in the order that Listing says, and leaves out what is too much.
void SortListing(Listing& listing);

}  // namespace drwatch::catalog
