#include "probes/place_remedy.h"

#include "catalog/make_place.h"
#include "net/s3_hints.h"

namespace drwatch::probes {

std::string RemedyOf(const catalog::Finding& finding, const config::PlaceAddress& place) {
  if (!finding.hint.empty()) return finding.hint;
  if (catalog::IsS3(place)) return net::HintForBucket(finding.reason);
  return "mount it, or give drwatch's user the right to read it";
}

}  // namespace drwatch::probes
