#include "verify/archived_dumps.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "verify/backup_name.h"
#include "verify/redis_names.h"

namespace drwatch::verify {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
// Of those that are broken and do not count so many are named.
constexpr std::size_t kMaxNamed = 3;

// What Redis appends to is empty until something is written.
bool MayBeEmpty(std::string_view name, const Fault& fault) {
  return fault.reason == model::Reason::kTooSmall && base::Lower(name).ends_with(".aof");
}

}  // namespace

bool ArchivedDumps::Wants(std::string_view name) {
  const std::string_view file = name.substr(name.rfind('/') + 1);  // npos + 1 = 0
  return NamesDump(file) && !IsRedisTemporaryName(file);
}

void ArchivedDumps::Note(std::int64_t modified) { newest_ = std::max(newest_, modified); }

void ArchivedDumps::Add(const std::string& name, std::int64_t modified, Walked<Walk> found) {
  Note(modified);
  if (found) {
    if (found->level < Level::kFormat) return;
    ++whole_;
    tables_ = std::move(found->contents.tables);
    return;
  }
  Fault fault = std::move(found.error());
  if (fault.outcome != Outcome::kBroken || MayBeEmpty(name, fault)) return;
  if (broken_.size() == kMaxBroken) {
    ++more_broken_;
    return;
  }
  fault.place = PlaceInMember(name, fault.place);
  broken_.push_back({modified, std::move(fault)});
}

Walked<void> ArchivedDumps::Finish(Walk& walk) {
  const auto counts = [this](const BrokenDump& dump) {
    return dump.modified >= newest_ - kDaySeconds;
  };
  const auto found = std::find_if(broken_.begin(), broken_.end(), counts);
  if (found != broken_.end()) return tl::unexpected(std::move(found->fault));
  if (whole_ == 1) walk.contents.tables = std::move(tables_);
  if (whole_ > 0) {
    walk.details.push_back(whole_ == 1 ? "a dump in it is whole"
                                       : std::to_string(whole_) + " dumps in it are whole");
  }
  const std::size_t named = std::min(broken_.size(), kMaxNamed);
  for (std::size_t i = 0; i < named; ++i) {
    walk.details.push_back("older than the rest, and broken: " + broken_[i].fault.place + ": " +
                           broken_[i].fault.message);
  }
  const auto others = static_cast<std::int64_t>(broken_.size() - named) + more_broken_;
  if (others > 0) walk.details.push_back(std::to_string(others) + " more of these");
  return {};
}

std::string PlaceInMember(const std::string& name, const std::string& place) {
  return base::Truncate(name, 200) + (place.empty() ? "" : ": unpacked " + place);
}

}  // namespace drwatch::verify
