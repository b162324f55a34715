#include "probes/backup_siblings.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "probes/backup_contents.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

std::string_view ExtensionOf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == name.npos ? std::string_view() : name.substr(dot);
}

base::Timestamp BeginOfRun(const config::BackupProbe& spec, base::Timestamp newest) {
  if (!spec.schedule) return newest - kLongestRun;
  return spec.schedule->LatestSlot(newest + kSlotTolerance) - kSlotTolerance;
}

}  // namespace

std::vector<const catalog::Artefact*> SiblingsOfNewest(
    const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete) {
  if (complete.empty() || complete.back().facts) return {};
  const catalog::Artefact& newest = complete.back();
  const base::Timestamp begin = BeginOfRun(spec, newest.time);
  const std::size_t count = std::min(complete.size(), kContentsLookBack);
  const auto end = complete.rbegin() + static_cast<std::ptrdiff_t>(count);
  struct Sibling {
    const catalog::Artefact* newest;
    bool has_older;
  };
  std::map<std::string, Sibling> siblings;
  const std::string own = SeriesOf(newest.name);
  for (auto at = complete.rbegin() + 1; at != end; ++at) {
    const bool of_run = at->time >= begin;
    if (!of_run && siblings.empty()) break;
    std::string series = SeriesOf(at->name);
    if (const auto known = siblings.find(series); known != siblings.end()) {
      known->second.has_older = known->second.has_older || !of_run;
    } else if (of_run && series != own && ExtensionOf(at->name) == ExtensionOf(newest.name) &&
               KindOf(spec, *at) == KindOf(spec, newest) && siblings.size() < kMaxSeries) {
      siblings.emplace(std::move(series), Sibling{&*at, false});
    }
  }
  std::vector<const catalog::Artefact*> found;
  for (const auto& [series, sibling] : siblings) {
    if (sibling.has_older) found.push_back(sibling.newest);
  }
  return found;
}

}  // namespace drwatch::probes
