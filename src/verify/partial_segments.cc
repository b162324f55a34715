#include "verify/partial_segments.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"
#include "verify/checksums.h"
#include "verify/file_verifier.h"
#include "verify/wal_segment.h"

namespace drwatch::verify {
namespace {

bool SameTimeline(const std::string& folder, const WalFileName& name,
                  const std::string& other_folder, const WalFileName& other) {
  return name.timeline == other.timeline && folder == other_folder;
}

}  // namespace

bool PartialSegments::Same(const Segment& a, const Segment& b) {
  return SameTimeline(a.folder, a.name, b.folder, b.name) && a.name.high == b.name.high &&
         a.name.low == b.name.low;
}

void PartialSegments::Add(const std::string& name, Verdict part) {
  auto parsed = ParseWalFileName(name);
  Segment segment;
  if (parsed) segment = {SplitPath(name).first, *std::move(parsed)};
  if (parsed && part.cut_off && segment.name.kind == WalFileName::Kind::kPartial) {
    const bool replaced = Same(segment, last_);
    open_.push_back({std::move(segment), name, std::move(part), replaced});
    return;
  }
  any_ = true;
  AddPart(whole_, std::move(part));
  if (parsed && segment.name.kind == WalFileName::Kind::kSegment) Meet(std::move(segment));
}

void PartialSegments::Meet(Segment segment) {
  const auto number = [](const WalFileName& name) { return std::tie(name.high, name.low); };
  for (Partial& partial : open_) {
    const Segment& open = partial.segment;
    if (!SameTimeline(open.folder, open.name, segment.folder, segment.name)) continue;
    if (Same(open, segment)) partial.replaced = true;
    if (partial.replaced || number(open.name) > number(segment.name)) continue;
    partial.part.outcome = Outcome::kBroken;
    partial.part.reason = model::Reason::kIncomplete;
    partial.part.place = partial.name;
    partial.part.message = kLeftBehindText;
    AddPart(whole_, partial.part);
  }
  last_ = std::move(segment);
}

void PartialSegments::Finish() {
  for (Partial& partial : open_) {
    const bool nothing_yet = partial.part.outcome == Outcome::kUnjudged;
    if (nothing_yet && any_) {
      whole_.details.push_back(base::Quote(partial.name) +
                               " is being written, and nothing of it is there yet");
    } else {
      AddPart(whole_, std::move(partial.part));
    }
  }
}

}  // namespace drwatch::verify
