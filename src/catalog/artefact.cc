#include "catalog/artefact.h"

#include <algorithm>
#include <array>

#include "catalog/folder_catalog.h"
#include "catalog/name_time.h"

namespace drwatch::catalog {
namespace {

// What lies beside folders named by dates, and leads to one of them.
constexpr std::array<std::string_view, 4> kNewestNames = {"latest", "current", "last", "newest"};

// "2026": the months lie in it.
bool IsYear(std::string_view name) {
  return name.size() == 4 && name.starts_with("20") &&
         name.find_first_not_of("0123456789") == name.npos;
}

bool IsNamedByDate(std::string_view name) {
  return IsYear(name) || ParseNameTime(name, base::Timestamp{}).has_value() ||
         std::find(kNewestNames.begin(), kNewestNames.end(), name) != kNewestNames.end();
}

}  // namespace

void FoldersLeftOut::Add(std::string_view name) {
  if (IsTemporaryName(name)) return;
  ++count;
  if (IsNamedByDate(name)) ++dated;
}

bool Listing::IsAllInDatedFolders() const {
  return !blind && complete.empty() && in_progress.empty() && left_out.count > 0 &&
         left_out.dated == left_out.count;
}

}  // namespace drwatch::catalog
