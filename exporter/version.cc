#include "exporter/version.h"

namespace drwatch::exporter {

std::string_view Version() { return DRWATCH_VERSION; }

std::string_view Revision() {
  constexpr std::string_view kRevision = DRWATCH_REVISION;
  return kRevision.empty() ? "unknown" : kRevision;
}

std::string VersionText() {
  return "drwatch, version " + std::string(Version()) + " (revision: " + std::string(Revision()) +
         ")";
}

}  // namespace drwatch::exporter
