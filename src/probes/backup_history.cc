#include "probes/backup_history.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/sizes.h"
#include "base/strings.h"
#include "catalog/name_time.h"
#include "probes/backup_contents.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

// A spread (median absolute deviation, scaled to a standard deviation) times this is still usual.
constexpr double kUsualSpread = 5;
constexpr double kMadToSigma = 1.4826;

constexpr std::string_view kLeftBehind =
    "taken on WAL that the server has left: it went on from an earlier point";

constexpr std::string_view kNoBackup =
    "not taken for a backup: those before it are of another format";

std::string Percent(double ratio) {
  return base::FormatDouble(std::round(std::abs(ratio) * 1000) / 10) + "%";
}

BackupCheck Holds(std::string name, std::string message) {
  return {std::move(name), true, Severity::kOk, Reason::kNone, std::move(message), {}};
}

BackupCheck Warns(std::string name, Reason reason, std::string message, std::string hint) {
  return {std::move(name), false, Severity::kWarning, reason, std::move(message), std::move(hint)};
}

BackupCheck JudgeSlots(const SlotCoverage& slots) {
  const std::string text = std::to_string(slots.expected - slots.missed) + " of " +
                           std::to_string(slots.expected) + " slots have a backup";
  if (slots.missed == 0) return Holds("slots", text);
  return Warns("slots", Reason::kNotFound,
               text + "; the first without one is " + base::FormatRfc3339(*slots.first_missed),
               "no point of that time can be restored; see why the job did not run then");
}

BackupCheck JudgeSize(const SizeDeviation& deviation) {
  const std::string text = Percent(deviation.ratio) + (deviation.ratio < 0 ? " below" : " above") +
                           " the median of " + base::FormatSize(deviation.median_bytes);
  if (!deviation.unusual) return Holds("size_trend", text);
  return Warns("size_trend", Reason::kUnusualSize, text,
               "compare it with the one before: tables that vanished, or data that stopped "
               "compressing");
}

// Which sizes are compared. Names in repositories are hexadecimal or name the backups built upon:
// their kind is enough. Those without a digit are one series: "shop-monday.dump".
std::string SizeSeries(const catalog::Artefact& artefact) {
  if (artefact.facts) return {};
  std::string series = SeriesOf(artefact.name);
  return series.find('#') == std::string::npos ? std::string() : series;
}

BackupCheck JudgeCount(std::size_t kept, int least) {
  const auto count = static_cast<int>(std::min<std::size_t>(kept, 1'000'000'000));
  const std::string text = std::to_string(count) + " kept, min_count " + std::to_string(least);
  if (count >= least) return Holds("count", text);
  return Warns("count", Reason::kNotFound, text,
               "check what deletes backups; a new one says this until enough are there");
}

}  // namespace

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double UsualSpread(std::vector<double> values) {
  const double median = Median(values);
  for (double& value : values) value = std::abs(value - median);
  return kUsualSpread * kMadToSigma * Median(std::move(values));
}

SlotCoverage CoverSlots(const config::BackupProbe& spec,
                        const std::vector<catalog::Artefact>& complete, base::Timestamp from,
                        base::Timestamp now) {
  SlotCoverage coverage;
  const config::Schedule& schedule = *spec.schedule;
  // From the newest slot backwards; `next` is the slot behind the one looked at.
  base::Timestamp next = schedule.NextSlot(now - spec.grace);
  auto artefact = complete.rbegin();
  for (int i = 0; i < kMaxSlots; ++i) {
    const base::Timestamp slot = schedule.LatestSlot(next - base::Duration(1));
    if (slot < from || slot >= next) break;
    const auto is_since = [&](base::Timestamp time) {
      return artefact != complete.rend() && SlotTimeOf(spec, *artefact) >= time - kSlotTolerance;
    };
    while (is_since(next)) ++artefact;
    const bool covered = is_since(slot);
    ++coverage.expected;
    if (!covered) {
      ++coverage.missed;
      coverage.first_missed = slot;
    }
    next = slot;
  }
  return coverage;
}

SlotCoverage CoverKeptSlots(const config::BackupProbe& spec,
                            const std::vector<catalog::Artefact>& complete, base::Timestamp now) {
  // What was before the first one is the retention's business.
  base::Timestamp from =
      spec.schedule->LatestSlot(SlotTimeOf(spec, complete.front()) + kSlotTolerance);
  if (spec.retention) from = std::max(from, now - *spec.retention);
  return CoverSlots(spec, complete, from, now);
}

std::optional<SizeDeviation> DeviationOf(const config::BackupProbe& spec,
                                         const std::vector<catalog::Artefact>& complete) {
  if (complete.size() < kMinSizeSample + 1) return std::nullopt;
  const catalog::Artefact& newest = complete.back();
  const std::string series = SizeSeries(newest);
  std::vector<double> sizes;
  const std::size_t looked = std::min(complete.size(), kContentsLookBack);
  const auto end = complete.rbegin() + static_cast<std::ptrdiff_t>(looked);
  for (auto at = complete.rbegin() + 1; at != end && sizes.size() < kSizeSample; ++at) {
    if (KindOf(spec, *at) != KindOf(spec, newest) || SizeSeries(*at) != series) continue;
    sizes.push_back(static_cast<double>(at->size_bytes));
  }
  if (sizes.size() < kMinSizeSample) return std::nullopt;
  const double median = Median(sizes);
  if (median <= 0) return std::nullopt;
  const double usual = UsualSpread(sizes);
  const double distance = std::abs(static_cast<double>(complete.back().size_bytes) - median);
  SizeDeviation deviation;
  deviation.median_bytes = static_cast<std::int64_t>(median);
  deviation.ratio = static_cast<double>(complete.back().size_bytes) / median - 1;
  deviation.unusual = spec.size_deviation_ratio > 0 &&
                      distance > spec.size_deviation_ratio * median && distance > usual &&
                      distance > static_cast<double>(spec.size_deviation_floor_bytes);
  return deviation;
}

std::vector<BackupCheck> JudgeHistory(const config::BackupProbe& spec,
                                      const std::vector<catalog::Artefact>& sound,
                                      base::Timestamp now) {
  std::vector<BackupCheck> checks;
  if (sound.empty()) return checks;
  if (spec.schedule) {
    const SlotCoverage slots = CoverKeptSlots(spec, sound, now);
    if (slots.expected > 0) checks.push_back(JudgeSlots(slots));
  }
  if (const auto deviation = DeviationOf(spec, sound); deviation) {
    if (spec.size_deviation_ratio > 0) checks.push_back(JudgeSize(*deviation));
  }
  if (spec.min_count) checks.push_back(JudgeCount(sound.size(), *spec.min_count));
  return checks;
}

namespace {

std::string_view WhyLeft(const std::optional<BackupVerdict>& verdict) {
  const bool doubtful = verdict && (IsOfNoKnownFormat(*verdict) || MayBeNote(*verdict));
  return doubtful ? kNoBackup : kLeftBehind;
}

}  // namespace

std::vector<model::StoredCopy> CopiesOf(const config::BackupProbe& spec,
                                        const std::vector<catalog::Artefact>& complete,
                                        const BackupVerdicts& verdicts, const ReadSpeeds& speeds,
                                        const IsLeft& is_left) {
  std::vector<model::StoredCopy> copies;
  bool any_good = false;
  for (auto at = complete.rbegin(); at != complete.rend(); ++at) {
    const bool beyond = copies.size() >= model::kMaxStoredCopies;
    if (beyond && any_good) break;
    auto verdict = spec.verify.enabled ? verdicts.Find(*at) : std::nullopt;
    if (verdict) verdict = BackupVerdict(Standing(*verdict));
    const bool passed = PassedAll(spec, *at, verdict);
    const bool good = passed && !is_left(at->name);
    if (beyond && !good) continue;
    any_good = any_good || good;
    model::StoredCopy& copy = copies.emplace_back();
    copy.name = at->name;
    copy.kind = KindOf(spec, *at);
    copy.point = PointOf(spec, *at, verdict);
    copy.size_bytes = at->size_bytes;
    copy.restore_bytes = RestoreBytes(*at);
    copy.reading = speeds.Find(at->path);
    copy.dated = catalog::ParseNameTime(at->name, at->modified).has_value();
    if (at->time_source == catalog::TimeSource::kContent) {
      copy.made = at->time;
    } else if (verdict && verdict->begun) {
      copy.made = *verdict->begun;
    }
    copy.good = good;
    if (verdict) {
      copy.level = static_cast<int>(verdict->level);
      copy.verified = verdict->verified;
      copy.digest = verdict->digest;
      copy.wal_archives = verdict->wal_archives;
      if (verdict->outcome != verify::Outcome::kIntact) copy.problem = verdict->text;
      // What lacks WAL alone may have the bytes of one that has it.
      copy.broken = verdict->outcome == verify::Outcome::kBroken && verdict->needs_wal.empty();
    } else if (spec.verify.enabled) {
      copy.problem = "not verified";
    }
    if (IsTooSmall(spec, *at)) copy.problem = "smaller than min_size";
    if (at->defect) copy.problem = at->defect->message;
    if (passed && !good) copy.problem = WhyLeft(verdict);
  }
  std::stable_sort(copies.begin(), copies.end(),
                   [](const auto& a, const auto& b) { return a.point > b.point; });
  return copies;
}

}  // namespace drwatch::probes
