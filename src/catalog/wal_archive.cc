#include "catalog/wal_archive.h"

#include <algorithm>

#include "catalog/wal_gaps.h"
#include "catalog/wal_path.h"

namespace drwatch::catalog {
namespace {

using verify::Lsn;

struct Stretch {
  WalRange range;
  base::Timestamp first_modified{};  // of its first segment
};

// Consecutive numbers, of whatever timelines.
struct Group {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

class Judge {
 public:
  Judge(const WalInventory& inventory, const WalQuestion& question)
      : inventory_(inventory),
        question_(question),
        size_(static_cast<std::uint64_t>(inventory.segment_bytes)),
        path_(FindWalPath(inventory, question, state_)),
        gaps_(inventory, question, path_, state_) {}

  WalArchiveState Run();

 private:
  void FindRuns();
  void FindGroups();
  void AddRun(const WalPathPart& part, const std::vector<WalSegmentFile>& segments);
  void FollowBases();
  void FindLeftBases();
  void FindHoles();
  void FindHole(std::uint64_t first, const Group& next);
  void FindFrontHole(std::uint64_t first);
  bool Holds(const WalSegmentSet& segments, std::uint64_t first, std::uint64_t last) const;
  bool MayHaveExpired(std::uint64_t first, const Group& before, const Group& next) const;
  void FindTail();
  void FindBaseOnItsWay();
  bool OnPath(const WalBase& base) const;
  Group OwnWal(const WalBase& base) const;
  std::uint64_t Needed() const;
  std::uint64_t NewestStart() const;
  std::optional<std::uint64_t> NewestEnd() const;

  const WalInventory& inventory_;
  const WalQuestion& question_;
  const std::uint64_t size_;
  WalArchiveState state_;
  std::vector<WalPathPart> path_;
  WalGaps gaps_;
  std::vector<Stretch> runs_;
  std::vector<Group> groups_;
};

void Judge::AddRun(const WalPathPart& part, const std::vector<WalSegmentFile>& segments) {
  auto at = std::lower_bound(
      segments.begin(), segments.end(), part.first,
      [](const WalSegmentFile& file, std::uint64_t number) { return file.number < number; });
  for (; at != segments.end() && at->number < part.end; ++at) {
    if (question_.broken.contains({part.timeline, at->number})) continue;
    if (!runs_.empty() && runs_.back().range.timeline == part.timeline &&
        runs_.back().range.last + 1 == at->number) {
      runs_.back().range.last = at->number;
    } else {
      runs_.push_back({{part.timeline, at->number, at->number}, at->modified});
    }
  }
}

void Judge::FindRuns() {
  for (const WalPathPart& part : path_) {
    const auto segments = inventory_.segments.find(part.timeline);
    if (segments != inventory_.segments.end()) AddRun(part, segments->second);
  }
  for (const Stretch& run : runs_) state_.runs.push_back(run.range);
}

void Judge::FindGroups() {
  for (const Stretch& run : runs_) {
    if (!groups_.empty() && groups_.back().last + 1 == run.range.first) {
      groups_.back().last = run.range.last;
    } else {
      groups_.push_back({run.range.first, run.range.last});
    }
  }
}

// One that was still being taken where its timeline was left waits for an end that never comes.
bool Judge::OnPath(const WalBase& base) const {
  const auto left_at = [this](std::uint32_t timeline) {
    const auto part = std::find_if(path_.begin(), path_.end(), [timeline](const WalPathPart& one) {
      return one.timeline == timeline;
    });
    return part == path_.end() ? Lsn{0} : part->left_at;
  };
  const std::uint32_t stop = base.stop_timeline == 0 ? base.timeline : base.stop_timeline;
  return base.start < left_at(base.timeline) && base.stop <= left_at(stop);
}

// What a base backup needs to be consistent.
Group Judge::OwnWal(const WalBase& base) const {
  const std::uint64_t first = base.start / size_;
  return {first, base.stop > base.start ? (base.stop - 1) / size_ : first};
}

void Judge::FollowBases() {
  for (std::size_t i = 0; i < question_.bases.size(); ++i) {
    const WalBase& base = question_.bases[i];
    const Group own = OwnWal(base);
    const auto group = std::find_if(groups_.begin(), groups_.end(), [&own](const Group& one) {
      return one.first <= own.first && own.first <= one.last;
    });
    if (group == groups_.end() || !OnPath(base)) continue;
    state_.chains.push_back({i, group->last, own.last <= group->last});
  }
  std::optional<std::uint64_t> furthest;
  for (const WalChain& chain : state_.chains) {
    if (chain.consistent && chain.reaches >= furthest.value_or(0)) furthest = chain.reaches;
  }
  if (question_.bases.empty() && !groups_.empty()) furthest = groups_.back().last;
  if (!furthest) return;
  const auto run = std::find_if(runs_.begin(), runs_.end(),
                                [&](const Stretch& one) { return one.range.last == *furthest; });
  state_.reachable = run->range;
  for (const WalChain& chain : state_.chains) {
    if (!chain.consistent || chain.reaches != *furthest) continue;
    const bool earlier = !state_.window_base || question_.bases[chain.base].stopped <
                                                    question_.bases[*state_.window_base].stopped;
    if (earlier) state_.window_base = chain.base;
  }
}

// Only the live server tells which of two timelines is the one that went on. That a base backup's
// WAL lies here tells that it is of this cluster.
void Judge::FindLeftBases() {
  const bool sure = question_.live && question_.live->timeline == state_.timeline &&
                    question_.histories.contains(state_.timeline);
  if (!sure) return;
  for (std::size_t i = 0; i < question_.bases.size(); ++i) {
    const WalBase& base = question_.bases[i];
    const auto here = inventory_.segments.find(base.timeline);
    if (base.timeline >= state_.timeline || OnPath(base) || here == inventory_.segments.end()) {
      continue;
    }
    const bool held = std::any_of(
        here->second.begin(), here->second.end(),
        [first = OwnWal(base).first](const auto& file) { return file.number == first; });
    if (held) state_.left_bases.push_back(i);
  }
}

// What lies before this number has expired.
std::uint64_t Judge::Needed() const {
  std::uint64_t needed = kNoWalEnd;
  for (const WalChain& chain : state_.chains) {
    needed = std::min(needed, question_.bases[chain.base].start / size_);
  }
  return needed == kNoWalEnd ? groups_.front().first : needed;
}

// The segment in which the newest base backup ends. A mark that one was finished does not count: it
// says nothing of whether it still exists.
std::optional<std::uint64_t> Judge::NewestEnd() const {
  std::optional<std::uint64_t> newest;
  for (const WalBase& base : question_.bases) {
    if (base.probe.empty() || !OnPath(base)) continue;
    newest = std::max(newest.value_or(0), OwnWal(base).last);
  }
  return newest;
}

// Whether a backup program's plan explains a gap: it begins behind the WAL of one base backup and
// ends with another one, and what is left before it is nothing but what base backups need. WAL that
// nobody needs would have gone first.
bool Judge::MayHaveExpired(std::uint64_t first, const Group& before, const Group& next) const {
  std::vector<Group> own;
  for (const WalBase& base : question_.bases) {
    if (OnPath(base)) own.push_back(OwnWal(base));
  }
  std::sort(own.begin(), own.end(),
            [](const Group& a, const Group& b) { return a.first < b.first; });
  std::uint64_t needed_to = before.first;  // all before this number is needed
  bool begins = false;
  for (const Group& one : own) {
    if (one.first < first && one.last >= first) return false;
    if (one.first <= needed_to) needed_to = std::max(needed_to, one.last + 1);
    begins = begins || one.first == next.first;
  }
  return begins && needed_to >= first;
}

// Whether any of these numbers is among them.
bool Judge::Holds(const WalSegmentSet& segments, std::uint64_t first, std::uint64_t last) const {
  return std::any_of(path_.begin(), path_.end(), [&](const WalPathPart& part) {
    const auto at = segments.lower_bound({part.timeline, std::max(first, part.first)});
    return at != segments.end() && at->first == part.timeline && at->second < part.end &&
           at->second <= last;
  });
}

// What is missing from `first` to before the next group.
void Judge::FindHole(std::uint64_t first, const Group& next) {
  const std::uint64_t last = next.first - 1;
  // With what came between two looks.
  if (Holds(question_.leaving, first, last)) {
    return gaps_.Miss(first, last, WalGap::Kind::kPruned);
  }
  const std::uint64_t newest = groups_.back().last;
  const auto in_flight = static_cast<std::uint64_t>(std::max(question_.in_flight_segments, 0));
  // Several archive at once: what comes later may be there before.
  const auto run = std::find_if(runs_.begin(), runs_.end(), [&next](const Stretch& one) {
    return one.range.first == next.first;
  });
  base::Timestamp came = run->first_modified;
  if (const auto seen = question_.first_seen.find({run->range.timeline, run->range.first});
      seen != question_.first_seen.end()) {
    came = std::min(came, seen->second);
  }
  // A date in the future says nothing of that.
  const base::Duration age = question_.now - came;
  const bool recent = std::chrono::abs(age) <= question_.in_flight_time;
  const std::uint64_t pending_from =
      recent ? std::max(first, newest + 1 - std::min(newest + 1, in_flight)) : last + 1;
  if (pending_from > first)
    gaps_.Miss(first, std::min(last, pending_from - 1), WalGap::Kind::kLost);
  if (pending_from > last) return;
  gaps_.Miss(pending_from, last, WalGap::Kind::kPending);
  if (!state_.archived_to) state_.archived_to = first * size_;
}

// Where the newest base backup begins that has all of its WAL, known or marked; 0: none has.
std::uint64_t Judge::NewestStart() const {
  std::uint64_t newest = 0;
  for (const WalChain& chain : state_.chains) {
    if (chain.consistent) newest = std::max(newest, OwnWal(question_.bases[chain.base]).first);
  }
  for (const WalBase& mark : question_.marks) {
    const Group own = OwnWal(mark);
    const bool whole = std::any_of(groups_.begin(), groups_.end(), [&own](const Group& one) {
      return one.first <= own.first && own.last <= one.last;
    });
    if (whole && OnPath(mark)) newest = std::max(newest, own.first);
  }
  return newest;
}

// From behind the newest known base backup, none of whose WAL is here, to what is left. What goes
// away there is pruned for one that is not known yet, and what came between two looks with it.
void Judge::FindFrontHole(std::uint64_t first) {
  const Group& front = groups_.front();
  if (!Holds(question_.removed, first, front.first - 1)) return FindHole(first, front);
  gaps_.Miss(first, front.first - 1, WalGap::Kind::kPruned);
}

void Judge::FindHoles() {
  const std::uint64_t needed = Needed();
  gaps_.PrunedBefore(NewestStart());
  // No base backup has WAL here: it begins too late for the newest one.
  const auto end = state_.chains.empty() && question_.size_known ? NewestEnd() : std::nullopt;
  if (end && *end + 1 < groups_.front().first) FindFrontHole(*end + 1);
  bool only_needed = question_.expires;  // up to here
  for (std::size_t i = 1; i < groups_.size(); ++i) {
    Group before = groups_[i - 1];
    if (before.last < needed) continue;
    before.first = std::max(before.first, needed);
    const std::uint64_t first = before.last + 1;
    only_needed = only_needed && MayHaveExpired(first, before, groups_[i]);
    if (only_needed) {
      gaps_.Miss(first, groups_[i].first - 1, WalGap::Kind::kExpired);
    } else {
      FindHole(first, groups_[i]);
    }
  }
  if (!state_.archived_to) state_.archived_to = (groups_.back().last + 1) * size_;
}

// What the server has archived, or could have, behind the last segment that is here.
void Judge::FindTail() {
  if (!question_.live || question_.live->timeline != state_.timeline) return;
  const WalLive& live = *question_.live;
  std::uint64_t newest = groups_.back().last;
  const auto name = verify::ParseWalFileName(live.last_archived);
  if (name && name->kind == verify::WalFileName::Kind::kSegment &&
      std::find(state_.ancestry.begin(), state_.ancestry.end(), name->timeline) !=
          state_.ancestry.end()) {
    const auto number = verify::SegmentNumber(*name, inventory_.segment_bytes);
    if (number && *number > newest && *number <= live.position / size_) {
      const bool recent = !live.last_archived_at ||
                          question_.now - *live.last_archived_at <= question_.in_flight_time;
      gaps_.Miss(newest + 1, *number, recent ? WalGap::Kind::kPending : WalGap::Kind::kLost);
      newest = *number;
    }
  }
  const std::uint64_t open = live.position / size_;
  if (open > newest + 1) gaps_.Miss(newest + 1, open - 1, WalGap::Kind::kPending);
}

// That of a standby ends within a segment that nobody ships for it.
void Judge::FindBaseOnItsWay() {
  if (state_.window_base) return;
  for (std::size_t i = 0; i < question_.bases.size(); ++i) {
    const WalBase& base = question_.bases[i];
    const bool young = std::chrono::abs(question_.now - base.stopped) <= question_.in_flight_time;
    if (!young || !OnPath(base)) continue;
    const auto chain = std::find_if(state_.chains.begin(), state_.chains.end(),
                                    [i](const WalChain& one) { return one.base == i; });
    const std::uint64_t lacks =
        chain == state_.chains.end() ? OwnWal(base).first : chain->reaches + 1;
    if (lacks * size_ >= *state_.archived_to) state_.base_on_its_way = true;
  }
}

WalArchiveState Judge::Run() {
  if (path_.empty()) return std::move(state_);
  FindLeftBases();
  FindRuns();
  FindGroups();
  if (groups_.empty()) return std::move(state_);
  FollowBases();
  FindHoles();
  FindTail();
  FindBaseOnItsWay();
  return std::move(state_);
}

}  // namespace

WalArchiveState JudgeWalArchive(const WalInventory& inventory, const WalQuestion& question) {
  return Judge(inventory, question).Run();
}

std::string RangeText(const WalRange& range, std::int64_t segment_bytes) {
  std::string first = verify::SegmentName(range.timeline, range.first, segment_bytes);
  if (range.size() == 1) return first;
  return first + " to " + verify::SegmentName(range.timeline, range.last, segment_bytes) + " (" +
         std::to_string(range.size()) + " segments)";
}

}  // namespace drwatch::catalog
