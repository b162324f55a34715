#include "exporter/verify_wal.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/sizes.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "catalog/switch_segment.h"
#include "catalog/wal_check.h"
#include "catalog/wal_reader.h"

namespace drwatch::exporter {
namespace {

using verify::Outcome;
using Json = nlohmann::ordered_json;

constexpr int kIntactExit = 0;
constexpr int kBrokenExit = 2;
constexpr int kUnjudgedExit = 3;

struct Damage {
  std::string name;
  Outcome outcome = Outcome::kBroken;
  model::Reason reason = model::Reason::kNone;
  std::string text;
};

// What could not be read, or keeps its content to itself, may be whole.
Outcome OutcomeOf(const catalog::Finding& problem) {
  using model::Reason;
  const bool broken = problem.reason == Reason::kCorrupt || problem.reason == Reason::kIncomplete ||
                      problem.reason == Reason::kWrongFormat || problem.reason == Reason::kTooSmall;
  return broken ? Outcome::kBroken : Outcome::kUnjudged;
}

std::string DeadLinkText(const std::string& name) {
  return base::Quote(name) + ": a link that leads nowhere";
}

using SegmentKey = std::pair<std::uint32_t, std::uint64_t>;

class ArchiveCheck {
 public:
  explicit ArchiveCheck(const std::string& folder)
      : place_(catalog::MakeFolderPlace(folder)), reader_(*place_, ""), budget_({}) {}

  WalReport Run();
  std::vector<std::string> Missing();

 private:
  void Look();
  void ReadSegments();
  void ReadTimeline(std::uint32_t timeline, std::uint64_t first, std::uint64_t last,
                    catalog::WalChecker& checker);
  void ReadOne(std::size_t object, bool on_path, catalog::WalChecker& checker);
  void Note(const catalog::PlaceObject& file, bool on_path, const catalog::WalCheck& check);
  void ReadPartial(std::uint32_t timeline, const catalog::WalSegmentFile& file,
                   catalog::WalChecker& checker);
  bool LeftBehind(std::uint32_t timeline, std::uint64_t number) const;
  std::optional<SegmentKey> KeyOf(const std::string& name) const;
  bool OnPath(std::uint32_t timeline, std::uint64_t number) const;
  std::vector<std::uint32_t> LostHistories() const;
  void JudgeReach();
  int ExitCode() const;
  std::string Headline() const;
  std::string Text() const;
  std::string ToJson() const;
  std::string SwitchText() const;
  std::string Range(const catalog::WalRange& range) const {
    return catalog::RangeText(range, reader_.inventory().segment_bytes);
  }

  std::unique_ptr<catalog::Place> place_;
  catalog::WalReader reader_;
  verify::ReadBudget budget_;
  std::optional<catalog::Finding> blind_;
  catalog::WalArchiveState state_;
  catalog::WalQuestion question_;
  std::optional<catalog::SwitchSegment> switch_segment_;  // if it is missing
  std::vector<Damage> damages_;
  std::set<SegmentKey> damaged_;
  std::int64_t segments_ = 0;
  std::int64_t records_ = 0;
  std::optional<base::Timestamp> last_commit_;  // of the ancestry
  std::string last_commit_in_;
  // The last one of each segment of the ancestry.
  std::map<std::uint64_t, base::Timestamp> commits_;
  // What can be reached with a base backup, after all was read; nullopt: nothing.
  struct Reach {
    catalog::WalBase base;
    base::Timestamp until{};  // its own end, or the last commit behind it
    bool breaks_off = false;  // before the end of the archive
  };
  std::optional<Reach> reach_;
  std::string version_;
};

bool ArchiveCheck::OnPath(std::uint32_t timeline, std::uint64_t number) const {
  return std::any_of(state_.runs.begin(), state_.runs.end(), [&](const catalog::WalRange& run) {
    return run.timeline == timeline && run.first <= number && number <= run.last;
  });
}

// Those without which what lies here of earlier timelines does not lead to theirs.
std::vector<std::uint32_t> ArchiveCheck::LostHistories() const {
  std::vector<std::uint32_t> lost;
  const auto& segments = reader_.inventory().segments;
  std::copy_if(state_.no_history.begin(), state_.no_history.end(), std::back_inserter(lost),
               [&](std::uint32_t timeline) {
                 return !segments.empty() && timeline > segments.begin()->first;
               });
  return lost;
}

void ArchiveCheck::ReadOne(std::size_t object, bool on_path, catalog::WalChecker& checker) {
  const catalog::PlaceObject& file = reader_.objects()[object];
  Note(file, on_path, checker.Check(file, budget_));
}

void ArchiveCheck::Note(const catalog::PlaceObject& file, bool on_path,
                        const catalog::WalCheck& check) {
  const bool nothing_yet = check.facts.cut_off && check.facts.segment_bytes == 0;
  if (nothing_yet && check.outcome == Outcome::kIntact) return;
  ++segments_;
  if (check.outcome != Outcome::kIntact) {
    damages_.push_back({file.name, check.outcome, check.reason, check.text});
    // Also what could not be judged: nobody knows whether it can be used.
    if (const auto key = KeyOf(file.name)) damaged_.insert(*key);
    return;
  }
  records_ += check.facts.records;
  version_ = verify::WalServerVersion(check.facts.magic);
  if (on_path && check.facts.last_commit) {
    last_commit_ = check.facts.last_commit;
    last_commit_in_ = file.name;
    if (const auto key = KeyOf(file.name)) commits_[key->second] = *last_commit_;
  }
}

// Of a segment's file.
std::optional<SegmentKey> ArchiveCheck::KeyOf(const std::string& name) const {
  const auto parsed = verify::ParseWalFileName(name);
  if (!parsed || parsed->kind != verify::WalFileName::Kind::kSegment) return std::nullopt;
  const auto number = verify::SegmentNumber(*parsed, reader_.inventory().segment_bytes);
  if (!number) return std::nullopt;
  return SegmentKey(parsed->timeline, *number);
}

void ArchiveCheck::ReadTimeline(std::uint32_t timeline, std::uint64_t first, std::uint64_t last,
                                catalog::WalChecker& checker) {
  const auto found = reader_.inventory().segments.find(timeline);
  if (found == reader_.inventory().segments.end()) return;
  for (const catalog::WalSegmentFile& file : found->second) {
    if (file.number >= first && file.number <= last) ReadOne(file.object, true, checker);
  }
}

// The ancestry in its order, so that records are followed from segment to segment; then the rest.
void ArchiveCheck::ReadSegments() {
  catalog::WalChecker checker(*place_, reader_.system_identifier().value_or(0));
  for (const catalog::WalRange& run : state_.runs) {
    ReadTimeline(run.timeline, run.first, run.last, checker);
  }
  for (const auto& [timeline, files] : reader_.inventory().segments) {
    checker.Forget();
    for (const catalog::WalSegmentFile& file : files) {
      if (!OnPath(timeline, file.number)) ReadOne(file.object, false, checker);
    }
  }
  for (const auto& [timeline, files] : reader_.inventory().partials) {
    checker.Forget();
    for (const catalog::WalSegmentFile& file : files) ReadPartial(timeline, file, checker);
  }
}

// Whether later segments of the timeline are there, and this one is not.
bool ArchiveCheck::LeftBehind(std::uint32_t timeline, std::uint64_t number) const {
  const auto found = reader_.inventory().segments.find(timeline);
  if (found == reader_.inventory().segments.end()) return false;
  const std::vector<catalog::WalSegmentFile>& whole = found->second;
  return whole.back().number > number &&
         std::none_of(whole.begin(), whole.end(), [number](const catalog::WalSegmentFile& file) {
           return file.number == number;
         });
}

void ArchiveCheck::ReadPartial(std::uint32_t timeline, const catalog::WalSegmentFile& file,
                               catalog::WalChecker& checker) {
  const catalog::PlaceObject& object = reader_.objects()[file.object];
  const bool left_behind = LeftBehind(timeline, file.number);
  // What pg_receivewal packs reaches the file in blocks.
  if (object.size_bytes == 0 && !left_behind) return;
  // One that is still being streamed carries the archive on.
  const bool streamed = !state_.runs.empty() && timeline == state_.timeline &&
                        file.number == state_.runs.back().last + 1;
  catalog::WalCheck check = checker.Check(object, budget_);
  if (left_behind && check.outcome == Outcome::kIntact && check.facts.cut_off) {
    check.outcome = Outcome::kBroken;
    check.reason = model::Reason::kIncomplete;
    check.text = verify::kLeftBehindText;
  }
  Note(object, streamed, check);
}

// Where what was read breaks off, gap or damage.
void ArchiveCheck::JudgeReach() {
  catalog::WalQuestion question = question_;
  for (const Damage& damage : damages_) {
    const auto key = KeyOf(damage.name);
    if (key && damage.outcome == Outcome::kBroken) question.broken.insert(*key);
  }
  const catalog::WalArchiveState state = catalog::JudgeWalArchive(reader_.inventory(), question);
  if (!state.window_base || !state.reachable) return;
  const catalog::WalBase& base = question.bases[*state.window_base];
  const bool breaks_off = switch_segment_ || !LostHistories().empty() ||
                          state.reachable->last < state_.runs.back().last;
  reach_ = Reach{base, base.stopped, breaks_off};
  const auto beyond = commits_.upper_bound(state.reachable->last);
  std::optional<base::Timestamp> last;
  if (beyond != commits_.begin()) last = std::prev(beyond)->second;
  if (!breaks_off) last = last_commit_;
  if (last) reach_->until = std::max(reach_->until, *last);
}

void ArchiveCheck::Look() {
  const base::SystemClock clock;
  const auto refreshed =
      reader_.Refresh(clock.Now(), {base::Deadline(base::SteadyTime::max()), {}});
  if (!refreshed) {
    blind_ = refreshed.error();
    return;
  }
  question_.histories = reader_.histories();
  question_.unread_histories = reader_.unread_histories();
  question_.bases = reader_.bases();
  question_.now = clock.Now();
  question_.in_flight_segments = 0;
  state_ = catalog::JudgeWalArchive(reader_.inventory(), question_);
  switch_segment_ = catalog::FindMissingSwitchSegment(reader_.inventory(), question_, state_);
}

std::string ArchiveCheck::SwitchText() const {
  return Range(switch_segment_->missing) +
         ": until it is here, a recovery to the latest point goes on with timeline " +
         std::to_string(switch_segment_->parent) + " behind the switch";
}

std::vector<std::string> ArchiveCheck::Missing() {
  Look();
  std::vector<std::string> missing;
  for (const catalog::WalGap& gap : state_.gaps) {
    if (gap.kind == catalog::WalGap::Kind::kLost) missing.push_back(Range(gap.range));
  }
  for (const std::uint32_t timeline : LostHistories()) {
    missing.push_back("the history file of timeline " + std::to_string(timeline));
  }
  if (switch_segment_) missing.push_back(SwitchText());
  for (const std::string& link : reader_.dead_links()) missing.push_back(DeadLinkText(link));
  return missing;
}

WalReport ArchiveCheck::Run() {
  Look();
  if (!blind_) {
    ReadSegments();
    JudgeReach();
  }
  return {ExitCode(), Text(), ToJson(),
          catalog::TakeWalHoldings(reader_.inventory(), std::move(damaged_),
                                   reader_.system_identifier().value_or(0))};
}

int ArchiveCheck::ExitCode() const {
  if (blind_ || segments_ == 0) return kUnjudgedExit;
  const auto any = [this](Outcome outcome) {
    return std::any_of(damages_.begin(), damages_.end(),
                       [outcome](const Damage& damage) { return damage.outcome == outcome; }) ||
           std::any_of(reader_.problems().begin(), reader_.problems().end(),
                       [outcome](const auto& problem) { return OutcomeOf(problem) == outcome; });
  };
  const auto& problems = reader_.problems();
  if (state_.lost > 0 || !LostHistories().empty() || switch_segment_ || any(Outcome::kBroken) ||
      reader_.inventory().impossible_names > 0 || !reader_.dead_links().empty() ||
      std::any_of(problems.begin(), problems.end(), catalog::IsDamage)) {
    return kBrokenExit;
  }
  return any(Outcome::kUnjudged) || !problems.empty() ? kUnjudgedExit : kIntactExit;
}

std::string ArchiveCheck::Headline() const {
  if (blind_) return "unjudged: " + blind_->message;
  if (segments_ == 0) {
    const auto& links = reader_.dead_links();
    return "unjudged: holds no WAL segment" + (links.empty() ? "" : ", " + DeadLinkText(links[0]));
  }
  std::string text = ExitCode() == kIntactExit     ? "intact"
                     : ExitCode() == kUnjudgedExit ? "unjudged"
                                                   : "broken";
  const auto damaged = std::count_if(damages_.begin(), damages_.end(), [](const Damage& damage) {
    return damage.outcome == Outcome::kBroken;
  });
  const auto unjudged = static_cast<std::ptrdiff_t>(damages_.size()) - damaged;
  const std::uint64_t missing = state_.lost + (switch_segment_ ? 1 : 0);
  text += ": " + std::to_string(segments_) + " segments, " + std::to_string(missing) +
          " missing, " + std::to_string(damaged) + " damaged" +
          (unjudged > 0 ? ", " + std::to_string(unjudged) + " unjudged" : "") + "; " +
          base::FormatSize(reader_.bytes());
  return text;
}

std::string ArchiveCheck::Text() const {
  std::string text = base::Visible(place_->Describe() + ": " + Headline()) + "\n";
  const auto line = [&text](const std::string& words) {
    text += "  " + base::Visible(words) + "\n";
  };
  if (blind_ || segments_ == 0) return text;
  std::vector<std::string> ancestry;
  for (const std::uint32_t timeline : state_.ancestry) ancestry.push_back(std::to_string(timeline));
  line("timeline " + base::Join(ancestry, " -> ") + ", segments of " +
       base::FormatSize(reader_.inventory().segment_bytes) +
       (version_.empty() ? "" : " of PostgreSQL " + version_) +
       (reader_.system_identifier() ? ", cluster " + std::to_string(*reader_.system_identifier())
                                    : ""));
  for (const catalog::WalRange& run : state_.runs) line("present " + Range(run));
  for (const catalog::WalGap& gap : state_.gaps) line("missing " + Range(gap.range));
  if (switch_segment_) line("missing " + SwitchText());
  for (const std::string& link : reader_.dead_links()) line("missing " + DeadLinkText(link));
  for (const Damage& damage : damages_) {
    line(std::string(verify::OutcomeName(damage.outcome)) + " " + damage.name + ": " + damage.text);
  }
  for (const catalog::Finding& problem : reader_.problems()) {
    line(std::string(verify::OutcomeName(OutcomeOf(problem))) + " " + problem.message);
  }
  if (reader_.inventory().impossible_names > 0) {
    line("broken " + std::to_string(reader_.inventory().impossible_names) +
         " names that cannot occur with this segment size: " + reader_.inventory().impossible_name);
  }
  for (const std::uint32_t timeline : state_.no_history) {
    line("the history file of timeline " + std::to_string(timeline) + " is missing");
  }
  for (const std::uint32_t timeline : state_.foreign) {
    line("timeline " + std::to_string(timeline) + " is no parent of timeline " +
         std::to_string(state_.timeline));
  }
  for (const std::uint32_t timeline : state_.diverged) {
    line("timeline " + std::to_string(timeline) + " went on after it was left");
  }
  for (const std::string& name : reader_.inventory().twice) {
    line("another content for the segment of " + name);
  }
  if (last_commit_) {
    line("last commit " + base::FormatRfc3339(*last_commit_) + " in " + last_commit_in_);
  }
  if (reach_) {
    const std::string until =
        reach_->breaks_off ? " to " + base::FormatRfc3339(reach_->until) + ", where WAL breaks off"
                           : " on";
    line("any point can be reached from " + base::FormatRfc3339(reach_->base.stopped) + until +
         ", with the base backup of " + reach_->base.name);
  }
  return text;
}

std::string ArchiveCheck::ToJson() const {
  Json json = {{"path", place_->Describe()},
               {"outcome", ExitCode() == kIntactExit   ? "intact"
                           : ExitCode() == kBrokenExit ? "broken"
                                                       : "unjudged"}};
  json["message"] = Headline();
  json["segments"] = segments_;
  json["records"] = records_;
  json["bytes"] = reader_.bytes();
  json["segment_bytes"] = reader_.inventory().segment_bytes;
  json["system_identifier"] =
      reader_.system_identifier() ? std::to_string(*reader_.system_identifier()) : "";
  json["timeline"] = state_.timeline;
  json["ancestry"] = state_.ancestry;
  json["foreign_timelines"] = state_.foreign;
  json["diverged_timelines"] = state_.diverged;
  json["missing_histories"] = state_.no_history;
  const auto range = [this](const catalog::WalRange& one) {
    const std::int64_t size = reader_.inventory().segment_bytes;
    return Json{{"first", verify::SegmentName(one.timeline, one.first, size)},
                {"last", verify::SegmentName(one.timeline, one.last, size)},
                {"segments", one.size()}};
  };
  json["runs"] = Json::array();
  for (const catalog::WalRange& run : state_.runs) json["runs"].push_back(range(run));
  json["gaps"] = Json::array();
  for (const catalog::WalGap& gap : state_.gaps) json["gaps"].push_back(range(gap.range));
  json["switch_segment_missing"] =
      switch_segment_ ? Json(Range(switch_segment_->missing)) : Json(nullptr);
  json["dead_links"] = reader_.dead_links();
  json["damages"] = Json::array();
  for (const Damage& damage : damages_) {
    json["damages"].push_back({{"name", damage.name},
                               {"outcome", verify::OutcomeName(damage.outcome)},
                               {"reason", model::ReasonName(damage.reason)},
                               {"message", damage.text}});
  }
  for (const catalog::Finding& problem : reader_.problems()) {
    json["damages"].push_back({{"name", ""},
                               {"outcome", verify::OutcomeName(OutcomeOf(problem))},
                               {"reason", model::ReasonName(problem.reason)},
                               {"message", problem.message}});
  }
  json["last_commit"] = last_commit_ ? Json(base::FormatRfc3339(*last_commit_)) : Json(nullptr);
  json["recoverable_from"] =
      reach_ ? Json(base::FormatRfc3339(reach_->base.stopped)) : Json(nullptr);
  json["recoverable_until"] = reach_ ? Json(base::FormatRfc3339(reach_->until)) : Json(nullptr);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

WalReport VerifyWalFolder(const std::string& folder) { return ArchiveCheck(folder).Run(); }

std::vector<std::string> MissingWal(const std::string& folder) {
  return ArchiveCheck(folder).Missing();
}

}  // namespace drwatch::exporter
