#include "catalog/wal_streamed.h"

#include <memory>
#include <utility>

#include "catalog/wal_check.h"

namespace drwatch::catalog {

using verify::Outcome;

void StreamedSegment::Begin(const std::string& name) {
  name_ = name;
  mark_ = {};
  end_.reset();
  last_commit_.reset();
}

void StreamedSegment::Take(const verify::WalSegmentFacts& facts) {
  end_.reset();
  if (facts.end > facts.begin) end_ = facts.end;
  last_commit_ = facts.last_commit;
}

// False: it is not what it was when the mark was set.
bool StreamedSegment::ReadOn(verify::Source& source, std::uint64_t system_identifier) {
  const bool anew = mark_.offset == 0;
  verify::WalSegmentOptions options;
  options.name = verify::ParseWalFileName(name_);
  options.system_identifier = system_identifier;
  options.mark = &mark_;
  verify::Reader reader(source);
  const auto facts = verify::WalkWalSegment(reader, options);
  if (facts) {
    if (!anew && facts->end < end_) return false;
    Take(*facts);
    done_ = true;
    return true;
  }
  if (facts.error().outcome == Outcome::kBroken) {
    if (!anew) return false;
    Begin(name_);
    done_ = true;
  } else if (mark_.facts.end > end_.value_or(mark_.facts.begin)) {
    Take(mark_.facts);
  }
  return true;
}

void StreamedSegment::ReadWhole(const PlaceObject& object, std::uint64_t system_identifier,
                                verify::ReadBudget& budget) {
  const WalCheck check = WalChecker(place_, system_identifier).Check(object, budget);
  if (check.outcome == Outcome::kBroken) Begin(name_);
  if (check.outcome == Outcome::kIntact) Take(check.facts);
  // An encrypted one stays so.
  done_ = check.outcome != Outcome::kUnjudged || check.reason == model::Reason::kUnverified;
}

void StreamedSegment::Read(const PlaceObject& object, std::uint64_t system_identifier,
                           std::int64_t whole_bytes, verify::ReadBudget& budget) {
  if (name_ != object.name) Begin(object.name);
  if (done_ && fingerprint_ == object.fingerprint) return;
  done_ = false;
  fingerprint_ = object.fingerprint;
  if (verify::IsBeingWritten(object.name)) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto source = place_.Open(object.name, budget, nullptr);
      if (!source) return;
      if (!(*source)->StartAt(mark_.offset)) {
        if (mark_.offset == 0) break;  // such a place cannot
      } else if (ReadOn(**source, system_identifier)) {
        return;
      }
      Begin(object.name);
    }
  }
  if (object.size_bytes <= whole_bytes) ReadWhole(object, system_identifier, budget);
}

}  // namespace drwatch::catalog
