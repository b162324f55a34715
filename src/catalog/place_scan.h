// One look at the objects of a place. Used by place_catalog.cc only.
#pragma once

#include <span>

#include "catalog/place_catalog.h"

namespace drwatch::catalog {

// `objects` are in the order of names. Reads checksum files and what tells an artefact's time,
// unless `cache` knows them; fills `next` with what is still in use. Cut off by the deadline or a
// stop, the listing is not whole, but `next` is worth keeping.
Listing ScanPlace(Place& place, const PlaceOptions& options, std::span<const PlaceObject> objects,
                  base::Timestamp now, const PlaceContext& context, const PlaceCache& cache,
                  PlaceCache& next);

}  // namespace drwatch::catalog
