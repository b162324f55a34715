// The place that a configuration names.
#pragma once

#include <memory>

#include "base/clock.h"
#include "catalog/s3_place.h"
#include "config/backup_probe_config.h"

namespace drwatch::catalog {

// True for "s3://bucket/prefix".
bool IsS3(const config::PlaceAddress& address);

// A folder, or a bucket with a prefix. `clock` outlives it. An address that no bucket can have
// makes a place whose every call says so (kConfig).
// `budget` is of a bucket's day; nullptr = one of its own.
std::unique_ptr<Place> MakePlace(const config::PlaceAddress& address, const base::Clock& clock,
                                 std::shared_ptr<net::S3Budget> budget = nullptr);
// `address` is one of S3.
std::unique_ptr<S3Place> MakeS3Place(const config::PlaceAddress& address, const base::Clock& clock,
                                     std::shared_ptr<net::S3Budget> budget = nullptr);

}  // namespace drwatch::catalog
