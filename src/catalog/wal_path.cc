#include "catalog/wal_path.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace drwatch::catalog {
namespace {

class PathFinder {
 public:
  PathFinder(const WalInventory& inventory, const WalQuestion& question, WalArchiveState& state)
      : inventory_(inventory),
        question_(question),
        size_(static_cast<std::uint64_t>(inventory.segment_bytes)),
        state_(state) {}

  std::vector<WalPathPart> Run() {
    state_.timeline = PickTimeline();
    if (state_.timeline == 0) return {};
    BuildPath();
    FindStrangers();
    FindLostHistories();
    return std::move(path_);
  }

 private:
  std::set<std::uint32_t> TimelinesHere() const;
  std::uint32_t PickTimeline() const;
  std::optional<std::uint64_t> BeginOf(std::uint32_t timeline) const;
  std::vector<verify::TimelineSwitch> GuessHistory() const;
  void BuildPath();
  void FindStrangers();
  void FindLostHistories();
  bool HasHistory(std::uint32_t timeline) const;
  bool WentOn(const WalPathPart& part, std::uint32_t next) const;
  bool IsAcknowledged(std::uint32_t timeline) const;
  void AddStranger(std::uint32_t timeline, std::vector<std::uint32_t>& kind);

  const WalInventory& inventory_;
  const WalQuestion& question_;
  const std::uint64_t size_;
  WalArchiveState& state_;
  std::vector<WalPathPart> path_;
};

std::set<std::uint32_t> PathFinder::TimelinesHere() const {
  std::set<std::uint32_t> here;
  for (const auto& [timeline, segments] : inventory_.segments) here.insert(timeline);
  for (const auto& [timeline, partials] : inventory_.partials) here.insert(timeline);
  for (const auto& [timeline, file] : inventory_.histories) here.insert(timeline);
  return here;
}

bool PathFinder::HasHistory(std::uint32_t timeline) const {
  return question_.histories.contains(timeline) || question_.unread_histories.contains(timeline);
}

// The live server's if the archive knows it, else the highest of which the ancestry is known.
std::uint32_t PathFinder::PickTimeline() const {
  const std::set<std::uint32_t> here = TimelinesHere();
  if (here.empty()) return 0;
  if (question_.live && here.contains(question_.live->timeline)) return question_.live->timeline;
  for (auto at = here.rbegin(); at != here.rend(); ++at) {
    if (*at == 1 || HasHistory(*at)) return *at;
  }
  return *here.begin();
}

// The number of a timeline's first segment here.
std::optional<std::uint64_t> PathFinder::BeginOf(std::uint32_t timeline) const {
  const auto segments = inventory_.segments.find(timeline);
  if (segments == inventory_.segments.end()) return std::nullopt;
  return segments->second.front().number;
}

// The parents as their segments show them. Where in its segment a switch was nobody knows.
std::vector<verify::TimelineSwitch> PathFinder::GuessHistory() const {
  std::vector<verify::TimelineSwitch> history;
  std::optional<std::uint64_t> end = BeginOf(state_.timeline);
  if (!end) return history;
  for (auto parent = std::make_reverse_iterator(inventory_.segments.find(state_.timeline));
       parent != inventory_.segments.rend(); ++parent) {
    const std::uint64_t begin = parent->second.front().number;
    if (begin >= *end) continue;
    history.push_back({parent->first, (*end + 1) * size_ - 1});
    end = begin;
  }
  std::reverse(history.begin(), history.end());
  return history;
}

void PathFinder::BuildPath() {
  std::uint64_t first = 0;
  const auto known = question_.histories.find(state_.timeline);
  std::vector<verify::TimelineSwitch> history;
  if (known != question_.histories.end()) {
    history = known->second;
  } else if (question_.unread_histories.contains(state_.timeline)) {
    history = GuessHistory();
  } else if (state_.timeline > 1) {
    state_.no_history.push_back(state_.timeline);
  }
  for (const verify::TimelineSwitch& change : history) {
    const std::uint64_t end = change.at / size_;
    path_.push_back({change.timeline, first, end, change.at});
    first = end;
  }
  path_.push_back({state_.timeline, first});
  for (const WalPathPart& part : path_) state_.ancestry.push_back(part.timeline);
}

bool PathFinder::IsAcknowledged(std::uint32_t timeline) const {
  const auto known = question_.acknowledged_timelines.find(timeline);
  return known != question_.acknowledged_timelines.end() && known->second > question_.now;
}

void PathFinder::AddStranger(std::uint32_t timeline, std::vector<std::uint32_t>& kind) {
  (IsAcknowledged(timeline) ? state_.acknowledged_timelines : kind).push_back(timeline);
}

// Whether WAL of a part came from behind its end when the next timeline had begun.
bool PathFinder::WentOn(const WalPathPart& part, std::uint32_t next) const {
  const auto segments = inventory_.segments.find(part.timeline);
  const auto history = inventory_.histories.lower_bound(next);  // a later one where it is missing
  if (segments == inventory_.segments.end() || history == inventory_.histories.end()) return false;
  // The segment of the switch itself may have been completed: a server that stops fills it.
  return std::any_of(segments->second.rbegin(), segments->second.rend(),
                     [&](const WalSegmentFile& file) {
                       return file.number > part.end && file.modified > history->second.modified;
                     });
}

// Each server archives the history of its timeline before all else of it: where segments of a newer
// timeline are here without one, it was lost, and a restore does not find them. A live server that
// is on the older one needs none of them.
void PathFinder::FindLostHistories() {
  const bool chosen =
      question_.live && question_.live->answers && question_.live->timeline == state_.timeline;
  if (chosen) return;
  for (auto at = inventory_.segments.upper_bound(state_.timeline); at != inventory_.segments.end();
       ++at) {
    if (!IsAcknowledged(at->first) && !HasHistory(at->first))
      state_.no_history.push_back(at->first);
  }
}

void PathFinder::FindStrangers() {
  const bool may_be_followed = question_.live && !question_.live->answers;
  for (const std::uint32_t timeline : TimelinesHere()) {
    const auto part = std::find_if(path_.begin(), path_.end(), [timeline](const WalPathPart& one) {
      return one.timeline == timeline;
    });
    if (part == path_.end()) {
      state_.foreign.push_back(timeline);
      if (timeline > state_.timeline && !may_be_followed) AddStranger(timeline, state_.newer);
      continue;
    }
    if (part->end != kNoWalEnd && WentOn(*part, (part + 1)->timeline)) {
      AddStranger(timeline, state_.diverged);
    }
  }
}

}  // namespace

std::vector<WalPathPart> FindWalPath(const WalInventory& inventory, const WalQuestion& question,
                                     WalArchiveState& state) {
  return PathFinder(inventory, question, state).Run();
}

}  // namespace drwatch::catalog
