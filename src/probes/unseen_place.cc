#include "probes/unseen_place.h"

#include "catalog/make_place.h"
#include "net/s3_hints.h"

namespace drwatch::probes {

std::string RemedyOf(const catalog::Finding& finding, const config::PlaceAddress& place) {
  if (!finding.hint.empty()) return finding.hint;
  if (catalog::IsS3(place)) return net::HintForBucket(finding.reason);
  return "mount it, or give drwatch's user the right to read it";
}

void ReportUnseenPlace(ProbeReport& report, const catalog::Finding& finding,
                       const config::PlaceAddress& place, bool only_run) {
  const bool unknown = only_run && finding.reason != model::Reason::kNotFound;
  report.Unseen();
  report.Add("place", unknown ? model::Severity::kUnknown : model::Severity::kCritical,
             finding.reason, finding.message, RemedyOf(finding, place));
}

}  // namespace drwatch::probes
