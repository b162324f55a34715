#include "catalog/artefact.h"

#include "catalog/folder_catalog.h"
#include "catalog/name_time.h"

namespace drwatch::catalog {
namespace {

// "2026": the months lie in it.
bool IsYear(std::string_view name) {
  return name.size() == 4 && name.starts_with("20") &&
         name.find_first_not_of("0123456789") == name.npos;
}

bool IsNamedByDate(std::string_view name) {
  return IsYear(name) || ParseNameTime(name, base::Timestamp{}).has_value() || IsNewestWord(name);
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
