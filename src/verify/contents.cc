#include "verify/contents.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace drwatch::verify {

void TableList::Add(std::string_view schema, std::string_view table) {
  if (too_many_) return;
  std::string name(schema.substr(0, kMaxNameBytes));
  if (!name.empty()) name += ".";
  name = base::Truncate(name + std::string(table.substr(0, kMaxNameBytes)), kMaxNameBytes);
  // Lists are kept a line a name.
  std::replace(name.begin(), name.end(), '\n', ' ');
  bytes_ += name.size();
  names_.push_back(std::move(name));
  too_many_ = names_.size() > kMaxTables || bytes_ > kMaxBytes;
  if (too_many_) names_ = {};
}

std::vector<std::string> TableList::Take() {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  return std::exchange(names_, {});
}

}  // namespace drwatch::verify
