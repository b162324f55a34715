#include "catalog/make_place.h"

#include <utility>

#include "net/s3_address.h"

namespace drwatch::catalog {

bool IsS3(const config::PlaceAddress& address) { return address.path.starts_with("s3://"); }

std::unique_ptr<Place> MakePlace(const config::PlaceAddress& address, const base::Clock& clock,
                                 std::shared_ptr<net::S3Budget> budget) {
  if (IsS3(address)) return MakeS3Place(address, clock, std::move(budget));
  return MakeFolderPlace(address.path);
}

std::unique_ptr<S3Place> MakeS3Place(const config::PlaceAddress& address, const base::Clock& clock,
                                     std::shared_ptr<net::S3Budget> budget) {
  auto path = net::ParseS3Path(address.path);
  auto [bucket, prefix] = path ? *std::move(path) : std::pair<std::string, std::string>();
  return std::make_unique<S3Place>(
      std::make_shared<net::S3Client>(address.s3.value_or(config::S3()), bucket, clock,
                                      net::ProcessVariables(), std::move(budget)),
      prefix);
}

}  // namespace drwatch::catalog
