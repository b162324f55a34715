#include "probes/backup_doubt.h"

#include <algorithm>

#include "base/strings.h"
#include "catalog/name_time.h"
#include "probes/backup_contents.h"
#include "probes/backup_siblings.h"
#include "probes/backup_worth.h"
#include "verify/utc.h"

namespace drwatch::probes {
namespace {

using verify::Outcome;

// Fewer pauses between those that come more rarely than a backup is due make no rhythm, and of
// more the last ones count.
constexpr std::size_t kMinPauses = 2;
constexpr std::size_t kMaxPauses = 5;

bool IsDump(const BackupVerdict& verdict) {
  return verdict.outcome == Outcome::kIntact && verdict.format.find("dump") != std::string::npos;
}

// What a dump itself, or else its file, says against the date in its name: a job that goes on when
// the one that dumps has died gives the last dump a new name every night, with its time (`cp -p`).
base::Timestamp PointOfNamed(const catalog::Artefact& artefact, const BackupVerdict& verdict) {
  // What has no clock counts from a year before 2010.
  constexpr base::Timestamp kNoClock = base::FromUnixMillis(1'262'304'000'000);
  if (verdict.begun) {
    return verify::LatestReading(*verdict.begun, artefact.time).value_or(artefact.time);
  }
  const bool written = IsDump(verdict) && !artefact.folder && artefact.modified >= kNoClock;
  return written ? std::min(artefact.modified, artefact.time) : artefact.time;
}

// When it was begun, if that is long before it was written, or before the date in its name.
std::optional<base::Timestamp> LongBefore(const config::BackupProbe& spec,
                                          const catalog::Artefact& artefact,
                                          const BackupVerdicts& verdicts) {
  if (artefact.time_source == catalog::TimeSource::kContent || artefact.facts) return std::nullopt;
  const auto verdict = verdicts.Find(artefact);
  if (!verdict) return std::nullopt;
  const base::Timestamp point = artefact.time_source == catalog::TimeSource::kName
                                    ? PointOfNamed(artefact, *verdict)
                                    : PointOf(spec, artefact, verdict);
  if (artefact.time - point <= kLongestDump) return std::nullopt;
  return point;
}

// "shop-latest.sql.gz".
bool IsCalledNewest(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (auto begin = name.begin(); begin != name.end();) {
    begin = std::find_if(begin, name.end(), letter);
    const auto end = std::find_if_not(begin, name.end(), letter);
    if (catalog::IsNewestWord(base::Lower(std::string(begin, end)))) return true;
    begin = end;
  }
  return false;
}

bool HasDate(const catalog::Artefact& artefact) {
  return catalog::ParseNameTime(artefact.name, artefact.modified).has_value();
}

// Whether the next one after `before` is due before `after`.
bool IsDueBetween(const config::BackupProbe& spec, base::Timestamp before, base::Timestamp after) {
  if (spec.max_age && after - before > *spec.max_age) return true;
  return spec.schedule &&
         spec.schedule->NextSlot(before + kSlotTolerance) + spec.grace < after - kSlotTolerance;
}

// True if those with dates in their names, of which `complete[newest]` is the last one before
// `now`, come in their own time, each of them later than a backup is due (weekly ones): then they
// are not what a job copies every time it is due.
bool ComeMoreRarely(const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete,
                    std::size_t newest, base::Timestamp now) {
  const std::string series = SeriesOf(complete[newest].name);
  base::Timestamp after = complete[newest].time;
  std::vector<base::Duration> pauses;
  const std::size_t end = newest - std::min(newest, kContentsLookBack);
  for (std::size_t i = newest; i > end && pauses.size() < kMaxPauses; --i) {
    const catalog::Artefact& older = complete[i - 1];
    if (SeriesOf(older.name) != series) continue;
    if (!IsDueBetween(spec, older.time, after)) return false;
    pauses.push_back(after - older.time);
    after = older.time;
  }
  if (pauses.size() < kMinPauses) return false;
  const auto [shortest, longest] = std::minmax_element(pauses.begin(), pauses.end());
  // What is left of daily ones, and the last of these, come at odd times.
  const bool regular = *shortest >= *longest * 4 / 5;
  return regular && now - complete[newest].time <= *longest + kLongestRun;
}

// When the one was taken, of those with dates in their names, of which `complete[at]` is called the
// newest and holds the same bytes.
std::optional<base::Timestamp> WhenCopied(const config::BackupProbe& spec,
                                          const std::vector<catalog::Artefact>& complete,
                                          std::size_t at, const BackupVerdicts& verdicts) {
  const catalog::Artefact& copy = complete[at];
  if (copy.time_source < catalog::TimeSource::kModified || !IsCalledNewest(copy.name)) return {};
  const auto verdict = verdicts.Find(copy);
  if (!verdict || verdict->digest.empty() || HasDate(copy)) return {};
  for (std::size_t i = at; i > at - std::min(at, kContentsLookBack); --i) {
    const catalog::Artefact& older = complete[i - 1];
    if (older.size_bytes != copy.size_bytes || !HasDate(older)) continue;
    const auto known = verdicts.Find(older);
    if (!known || known->digest != verdict->digest) continue;
    // A quiet database's dump has the same bytes every time.
    if (ComeMoreRarely(spec, complete, i - 1, copy.time)) return {};
    return older.time;
  }
  return {};
}

bool IsStranger(const catalog::Artefact& artefact, const BackupVerdict& verdict) {
  return !artefact.folder && !artefact.facts && IsOfNoKnownFormat(verdict);
}

bool IsNote(const catalog::Artefact& artefact, const BackupVerdict& verdict) {
  return !artefact.folder && !artefact.facts && MayBeNote(verdict);
}

// What `complete[at]`, which is of no known format, is no successor of; empty: nothing is known.
std::string Predecessor(const config::BackupProbe& spec,
                        const std::vector<catalog::Artefact>& complete, std::size_t at,
                        const BackupVerdicts& verdicts) {
  const std::string series = SeriesOf(complete[at].name);
  const std::size_t end = at - std::min(at, kContentsLookBack);
  for (std::size_t i = at; i > end; --i) {
    const catalog::Artefact& older = complete[i - 1];
    if (SeriesOf(older.name) != series || KindOf(spec, older) != KindOf(spec, complete[at])) {
      continue;
    }
    const auto verdict = verdicts.Find(older);
    if (!verdict || WasPrevented(*verdict)) continue;
    if (verdict->outcome == Outcome::kUnjudged || IsStranger(older, *verdict)) return {};
    if (IsOfKnownFormat(*verdict)) return base::Quote(older.name) + " was: " + verdict->text;
  }
  return {};
}

}  // namespace

std::size_t CountStrangers(const config::BackupProbe& spec,
                           const std::vector<catalog::Artefact>& complete,
                           BackupVerdicts& verdicts) {
  if (!spec.verify.enabled || spec.kind == "files") return 0;
  std::size_t count = 0;
  while (count <= kMaxStrangers && count < complete.size()) {
    const std::size_t at = complete.size() - 1 - count;
    auto verdict = verdicts.Find(complete[at]);
    if (!verdict) break;
    if (IsNote(complete[at], *verdict)) {
      ++count;
      continue;
    }
    if (!IsStranger(complete[at], *verdict)) break;
    std::string before = Predecessor(spec, complete, at, verdicts);
    if (before.empty() && verdict->replaced_known) before = "what lay there before was";
    if (!before.empty()) {
      Condemn(*verdict, before);
      verdicts.Put(complete[at].path, *verdict);
      break;
    }
    ++count;
  }
  return count;
}

bool DateByContents(const config::BackupProbe& spec, BackupVerdicts& verdicts,
                    catalog::ArtefactList& complete) {
  if (!spec.verify.enabled) return false;
  // A copy that is moved may show another one behind it.
  for (std::size_t moved = 0; moved < complete.size(); ++moved) {
    const std::size_t strangers = CountStrangers(spec, complete.all(), verdicts);
    if (strangers > kMaxStrangers || strangers == complete.size()) return moved > 0;
    const std::size_t at = complete.size() - 1 - strangers;
    auto point = LongBefore(spec, complete[at], verdicts);
    if (!point) point = WhenCopied(spec, complete.all(), at, verdicts);
    if (!point) return moved > 0;
    std::vector<catalog::Artefact>& edited = complete.Edit();
    const auto copy = edited.begin() + static_cast<std::ptrdiff_t>(at);
    copy->time = *point;
    copy->time_source = catalog::TimeSource::kContent;
    const auto place = std::upper_bound(
        edited.begin(), copy, *copy,
        [](const catalog::Artefact& a, const catalog::Artefact& b) { return a.time < b.time; });
    std::rotate(place, copy, copy + 1);
  }
  return !complete.empty();
}

std::unordered_set<std::string> OlderStrangers(const config::BackupProbe& spec,
                                               const std::vector<catalog::Artefact>& complete,
                                               const BackupVerdicts& verdicts) {
  std::unordered_set<std::string> strangers;
  if (!spec.verify.enabled || spec.kind == "files" || !verdicts.AnyDoubtful()) return strangers;
  bool known = false;
  for (const catalog::Artefact& artefact : complete) {
    const auto verdict = verdicts.Find(artefact);
    if (!verdict) continue;
    if (!IsStranger(artefact, *verdict) && !IsNote(artefact, *verdict)) {
      known = known || IsOfKnownFormat(*verdict);
    } else if (known && &artefact != &complete.back()) {
      strangers.insert(artefact.name);
    }
  }
  return strangers;
}

void LeaveStrangersOut(const config::BackupProbe& spec, BackupVerdicts& verdicts,
                       catalog::Listing& listing) {
  const std::size_t count = CountStrangers(spec, listing.complete.all(), verdicts);
  if (count == 0 || count > kMaxStrangers || count == listing.complete.size()) return;
  std::vector<catalog::Artefact>& edited = listing.complete.Edit();
  const auto verdict = verdicts.Find(edited.back());
  const bool note = verdict && IsNote(edited.back(), *verdict);
  listing.findings.insert(
      listing.findings.begin(),
      {model::Reason::kUnverified, base::Quote(edited.back().name) + " is newer and " +
                                       (note ? "holds " + verdict->format : "of no known format") +
                                       ": it is not taken for a backup"});
  edited.resize(edited.size() - count);
}

}  // namespace drwatch::probes
