#include "probes/backup_judge.h"

#include <algorithm>
#include <cstdlib>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "catalog/artefact_time.h"
#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
#include "probes/backup_siblings.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;
using verify::Outcome;

// Whole seconds: nobody reads milliseconds of an age.
std::string AgeText(base::Duration age) {
  return base::FormatDuration(std::chrono::floor<std::chrono::seconds>(age));
}

// False: every clock that could tell when it was taken is wrong, and its defect says so. Without
// one it may have been changed at the epoch itself (`tar --mtime=@0`, squashfs).
bool IsDated(const catalog::Artefact& artefact) {
  return artefact.time != base::Timestamp{} || !artefact.defect;
}

constexpr std::string_view kDateHint =
    "set the clock of the machine that makes or copies them right, then touch them";

// What a verdict says, or where its verification was prevented the last one at that path.
std::optional<Outcome> JudgedOutcome(const std::optional<BackupVerdict>& verdict) {
  if (!verdict) return std::nullopt;
  if (!WasPrevented(*verdict)) return verdict->outcome;
  if (verdict->before == nullptr) return std::nullopt;
  // An archive decides, and was not asked about it.
  return verdict->before->needs_wal.empty() ? verdict->before->outcome : Outcome::kUnjudged;
}

// Of the newest artefact before the newest one that has an outcome and waits for no WAL.
std::optional<Outcome> OlderOutcome(const std::vector<catalog::Artefact>& complete,
                                    const BackupVerdicts& verdicts, base::Timestamp now) {
  for (auto at = complete.rbegin() + 1; at != complete.rend(); ++at) {
    const auto verdict = verdicts.Find(*at);
    if (AwaitsWal(*at, verdict, now)) continue;
    if (const auto outcome = JudgedOutcome(verdict)) return outcome;
  }
  return std::nullopt;
}

// The outcome that stands in for the newest one's while it is not verified or cannot be read: that
// of what lay at its path before, or of the newest older artefact that has one.
std::optional<Outcome> PreviousOutcome(const std::vector<catalog::Artefact>& complete,
                                       const BackupVerdicts& verdicts, base::Timestamp now) {
  if (const auto before = JudgedOutcome(verdicts.FindPath(complete.back().path))) return before;
  return OlderOutcome(complete, verdicts, now);
}

// How many hours a backup came behind its slot, negative: ahead of it, as far as zones are from
// UTC. nullopt: not whole hours, and a little for what it took to make it.
std::optional<std::int64_t> WholeHoursOff(const config::Schedule& schedule, base::Timestamp time) {
  constexpr base::Duration kTakes = std::chrono::minutes(15);
  constexpr base::Duration kWidest = std::chrono::hours(14);
  const base::Timestamp latest = time + kSlotTolerance;
  const base::Duration behind = latest - schedule.LatestSlot(latest);
  const base::Duration ahead = schedule.NextSlot(latest) - latest;
  const base::Duration off = ahead < behind ? -ahead : behind;
  const auto hours = std::chrono::floor<std::chrono::hours>(off);
  if (std::chrono::abs(off) > kWidest || off - hours > kTakes + kSlotTolerance) return std::nullopt;
  return hours.count();
}

// Where the last few came the same whole hours off their slots; empty otherwise.
std::string OtherZoneText(const config::Schedule& schedule,
                          const std::vector<catalog::Artefact>& complete) {
  constexpr std::size_t kFew = 3;
  if (complete.size() < kFew) return "";
  const auto hours = WholeHoursOff(schedule, complete.back().time);
  if (!hours || *hours == 0) return "";
  for (auto at = complete.end() - kFew; at != complete.end(); ++at) {
    if (WholeHoursOff(schedule, at->time) != hours) return "";
  }
  return "each of the last " + std::to_string(kFew) + " came " + std::to_string(std::abs(*hours)) +
         "h " + (*hours < 0 ? "before" : "after") +
         " its slot: set timezone if the job runs by another one than the schedule, else ";
}

class Judge {
 public:
  Judge(const config::BackupProbe& spec, const catalog::Listing& listing, const SoundBackups& sound,
        const BackupVerdicts& verdicts, base::Timestamp now)
      : spec_(spec),
        listing_(listing),
        complete_(listing.complete.all()),
        sound_(sound.all()),
        verdicts_(verdicts),
        now_(now) {}

  BackupState Run() {
    if (spec_.schedule) state_.next_slot = spec_.schedule->NextSlot(now_);
    if (complete_.empty()) {
      NothingThere();
      return std::move(state_);
    }
    state_.newest = complete_.back();
    if (spec_.verify.enabled) state_.verdict = verdicts_.Find(*state_.newest);
    state_.pending = spec_.verify.enabled && !state_.verdict;
    Ok("exists", Summary());
    Restorable();
    Fresh();
    Dates();
    Size();
    Checksum();
    Format();
    Siblings();
    if (spec_.retention) Retention();
    History();
    state_.success =
        std::none_of(state_.checks.begin(), state_.checks.end(), [](const BackupCheck& check) {
          return !check.ok && check.severity == Severity::kCritical;
        });
    return std::move(state_);
  }

 private:
  void Ok(std::string name, std::string message) {
    state_.checks.push_back({std::move(name), true, Severity::kOk, Reason::kNone, message, {}});
  }
  void Fail(std::string name, Reason reason, std::string message, std::string hint,
            Severity severity = Severity::kCritical) {
    state_.checks.push_back(
        {std::move(name), false, severity, reason, std::move(message), std::move(hint)});
  }
  void NothingThere();
  void OnlyUnfinished();
  std::string Summary() const;
  void Restorable();
  void Wal();
  void AwaitWal();
  void Fresh();
  void Dates();
  void Size();
  void Checksum();
  void Format();
  void Prevented(const BackupVerdict& verdict);
  void Pending();
  base::Duration RetentionTolerance() const;
  void Retention();
  void Siblings();
  bool IsBad(const catalog::Artefact& sibling, std::string& why) const;
  void History();

  const config::BackupProbe& spec_;
  const catalog::Listing& listing_;
  const std::vector<catalog::Artefact>& complete_;  // of the listing
  const std::vector<catalog::Artefact>& sound_;     // of these
  const BackupVerdicts& verdicts_;
  const base::Timestamp now_;
  BackupState state_;
};

void Judge::NothingThere() {
  if (!listing_.in_progress.empty()) return OnlyUnfinished();
  const std::int64_t folders = listing_.left_out.count;
  if (folders > 0) {
    return Fail(
        "exists", Reason::kNotFound,
        "no complete backup, but " + std::to_string(folders) +
            (folders == 1 ? " folder that was" : " folders that were") + " not looked into",
        "if they hold its backups set \"recursive: true\", or name the folder that does; if "
        "each is one, name them with \"pattern\"");
  }
  // What lies there and is none: left behind, a link that points nowhere.
  if (!listing_.findings.empty()) {
    const catalog::Finding& finding = listing_.findings.front();
    return Fail("exists", Reason::kNotFound, "no complete backup: " + finding.message,
                "look at the job's log and run it now");
  }
  Fail("exists", Reason::kNotFound, "no complete backup",
       catalog::IsS3(spec_.place)
           ? "see whether the backup job runs, or correct bucket and prefix (\"path\") and pattern"
           : "see whether it is mounted and the backup job runs, or correct path and pattern");
}

void Judge::OnlyUnfinished() {
  state_.being_written = true;
  const std::vector<std::string>& names = listing_.in_progress;
  const auto is_temporary = [](const std::string& name) {
    return catalog::IsTemporaryName(std::string_view(name).substr(name.rfind('/') + 1));
  };
  const bool temporary = std::all_of(names.begin(), names.end(), is_temporary);
  Fail("exists", Reason::kNotFound,
       "no complete backup, but " + std::to_string(names.size()) +
           " being written: " + base::Quote(names.front()) + (names.size() > 1 ? " ..." : ""),
       temporary ? "it counts once it has its final name"
                 : "it counts once it has not changed for quiet_time (" +
                       base::FormatDuration(spec_.quiet_time) +
                       "), or as soon as a checksum file names it");
}

// The newest one in a line: it is the headline while all is well.
std::string Judge::Summary() const {
  const catalog::Artefact& newest = *state_.newest;
  const std::string age =
      IsDated(newest) ? AgeText(now_ - newest.time) + " old" : "of no known age";
  std::string text =
      base::Quote(newest.name) + ", " + base::FormatSize(newest.size_bytes) + ", " + age;
  if (state_.verdict) {
    const bool intact = FilesAreIntact(*state_.verdict);
    const auto outcome = intact ? Outcome::kIntact : state_.verdict->outcome;
    text += ", " + std::string(verify::OutcomeName(outcome)) + " (level " +
            std::to_string(static_cast<int>(state_.verdict->level)) + ")";
    // Why nothing is proven is what whoever relies on it has to know.
    if (outcome == Outcome::kUnjudged && !WasPrevented(*state_.verdict)) {
      text += ": " + state_.verdict->text;
    }
  } else if (state_.pending) {
    text += ", not verified yet";
  }
  return text;
}

void Judge::Fresh() {
  const catalog::Artefact& newest = *state_.newest;
  if (!IsDated(newest)) {
    return Fail("fresh", newest.defect->reason, newest.defect->message, std::string(kDateHint));
  }
  const base::Duration age = now_ - newest.time;
  const std::string text = "age " + AgeText(age) + " (by " +
                           std::string(catalog::TimeSourceName(newest.time_source)) + ")";
  if (spec_.schedule) {
    const base::Timestamp due =
        spec_.schedule->NextSlot(SlotTimeOf(spec_, newest) + kSlotTolerance) + spec_.grace;
    state_.overdue = std::max(base::Duration(0), now_ - due);
    if (*state_.overdue > base::Duration(0)) {
      return Fail(
          "fresh", Reason::kOverdue,
          text + ": the next one was due " + base::FormatRfc3339(due - spec_.grace) +
              " with grace " + base::FormatDuration(spec_.grace),
          OtherZoneText(*spec_.schedule, complete_) + "look at the job's log and run it now");
    }
  }
  if (spec_.max_age && age > *spec_.max_age) {
    return Fail("fresh", Reason::kStale,
                text + " > max_age " + base::FormatDuration(*spec_.max_age),
                "look at the job's log and run it now");
  }
  if (spec_.schedule || spec_.max_age) Ok("fresh", text);
}

// What shows without reading it in a repository, and the WAL that an archive has to have.
void Judge::Restorable() {
  const catalog::Artefact& newest = *state_.newest;
  const bool dated = IsDated(newest);  // else Fresh() says why
  if (dated && newest.defect) {
    return Fail("restorable", newest.defect->reason, newest.defect->message,
                "it cannot be restored: run a full backup, and find out what took its parts away");
  }
  if (state_.verdict && !state_.verdict->needs_wal.empty()) return Wal();
  if (!dated || !newest.facts) return;
  const catalog::RepositoryFacts& facts = *newest.facts;
  std::string text = facts.kind.empty() ? "all it needs is there" : facts.kind;
  if (!facts.references.empty()) {
    text += ", with " + std::to_string(facts.references.size()) + " it builds upon";
  }
  if (!facts.wal_start.empty()) text += ", WAL " + facts.wal_start + " to " + facts.wal_stop;
  Ok("restorable", text);
}

// Of a base backup that carries none: its files are intact whatever an archive has.
void Judge::Wal() {
  const BackupVerdict& verdict = *state_.verdict;
  switch (verdict.outcome) {
    case Outcome::kIntact:
      return Ok("restorable", verdict.text);
    case Outcome::kBroken:
      if (AwaitsWal(*state_.newest, verdict, now_)) return AwaitWal();
      return Fail("restorable", verdict.reason, verdict.text,
                  "watch the archive that has its WAL with a wal_archive probe of the same "
                  "service, or take backups with pg_basebackup -X stream");
    case Outcome::kUnjudged:
      if (!WasPrevented(verdict)) return Ok("restorable", verdict.text);
      return Fail("verified", verdict.reason, "could not be verified: " + verdict.text, {},
                  Severity::kUnknown);
  }
}

// Its WAL may be on its way to the archive: that ends no state that was there before.
void Judge::AwaitWal() {
  const bool was_broken = OlderOutcome(complete_, verdicts_, now_) == Outcome::kBroken;
  Fail("verified", state_.verdict->reason,
       state_.verdict->text + "; it may still come" +
           (was_broken ? ", but the one before it cannot be restored" : ""),
       "max_lag of the wal_archive probe says how long WAL may take to get there",
       was_broken ? Severity::kCritical : Severity::kUnknown);
}

void Judge::Size() {
  const std::int64_t size = state_.newest->size_bytes;
  if (!IsTooSmall(spec_, *state_.newest)) return Ok("size", base::FormatSize(size));
  Fail("size", Reason::kTooSmall,
       base::FormatSize(size) + " < min_size " + base::FormatSize(spec_.min_size_bytes),
       "the job failed or its disk was full: look at its log and run it again");
}

void Judge::Checksum() {
  const auto checksum = state_.verdict ? state_.verdict->checksum : verify::ChecksumState::kNone;
  if (checksum == verify::ChecksumState::kMismatched) {
    Fail("checksum", Reason::kCorrupt, state_.verdict->text,
         "make a new backup, and check the storage it lies on");
  } else if (checksum == verify::ChecksumState::kMatched) {
    Ok("checksum", "matches");
  } else if (spec_.require_checksum && state_.newest->checksum_stamp == 0) {
    Fail("checksum", Reason::kIncomplete, "no checksum file names it",
         "write one beside it, as sha256sum does");
  }
}

void Judge::Format() {
  if (!spec_.verify.enabled) return;
  if (state_.pending) return Pending();
  const BackupVerdict& verdict = *state_.verdict;
  const std::string level = " (level " + std::to_string(static_cast<int>(verdict.level)) + ")";
  if (FilesAreIntact(verdict)) return Ok("format", "its files are intact" + level);
  if (!verdict.needs_wal.empty()) {
    state_.checks.push_back({"verified",
                             true,
                             Severity::kOk,
                             Reason::kUnverified,
                             "nothing to check its files against" + level,
                             {}});
    return;
  }
  switch (verdict.outcome) {
    case Outcome::kIntact:
      return Ok("format", "intact: " + verdict.text + level);
    case Outcome::kBroken:
      if (verdict.checksum == verify::ChecksumState::kMismatched &&
          verdict.reason == Reason::kCorrupt) {
        return;  // said by the check of the checksum
      }
      return Fail("format", verdict.reason, verdict.text,
                  "it cannot be restored: run the backup again, keep the last good one");
    case Outcome::kUnjudged:
      if (WasPrevented(verdict)) return Prevented(verdict);
      // Nothing to wait for: its format says nothing.
      state_.checks.push_back(
          {"verified", true, Severity::kOk, Reason::kUnverified, verdict.text + level, {}});
  }
}

// Something around it failed: that ends no state that was there before.
void Judge::Prevented(const BackupVerdict& verdict) {
  const bool was_broken = PreviousOutcome(complete_, verdicts_, now_) == Outcome::kBroken;
  Fail("verified", verdict.reason,
       "could not be verified: " + verdict.text +
           (was_broken ? "; the one before it cannot be restored" : ""),
       {}, was_broken ? Severity::kCritical : Severity::kUnknown);
}

void Judge::Pending() {
  if (PreviousOutcome(complete_, verdicts_, now_) == Outcome::kBroken) {
    return Fail("verified", Reason::kUnverified,
                "not verified yet, and the one before it cannot be restored", {});
  }
  state_.checks.push_back(
      {"verified", true, Severity::kOk, Reason::kUnverified, "not verified yet", {}});
}

// How much younger than the retention the oldest one may be: what came before it may have been
// deleted a moment ago.
base::Duration Judge::RetentionTolerance() const {
  if (!spec_.schedule) return std::min(kRetentionTolerance, *spec_.retention / 2);
  const base::Timestamp oldest = sound_.front().time + kSlotTolerance;
  return spec_.schedule->NextSlot(oldest) - spec_.schedule->LatestSlot(oldest) + spec_.grace;
}

void Judge::Retention() {
  std::string text = "none is good";
  if (!sound_.empty()) {
    const base::Duration age = now_ - sound_.front().time;
    text =
        "oldest is " + AgeText(age) + " old, retention " + base::FormatDuration(*spec_.retention);
    if (age >= *spec_.retention - RetentionTolerance()) return Ok("retention", text);
  }
  Fail("retention", Reason::kNotFound, text,
       "check what deletes backups; a new backup says this until it is old enough",
       Severity::kWarning);
}

bool Judge::IsBad(const catalog::Artefact& sibling, std::string& why) const {
  const auto verdict =
      spec_.verify.enabled ? verdicts_.Find(sibling) : std::optional<BackupVerdict>();
  if (AwaitsWal(sibling, verdict, now_)) return false;
  const bool broken = verdict && verdict->outcome == Outcome::kBroken;
  const bool half =
      !broken || verdict->reason == Reason::kIncomplete || verdict->reason == Reason::kTooSmall;
  if (half && MayBeWrittenOn(spec_, sibling.modified, now_)) return false;
  why = broken ? verdict->text : "smaller than min_size";
  return broken || IsTooSmall(spec_, sibling);
}

// What the run of the newest left of other databases.
void Judge::Siblings() {
  const std::vector<const catalog::Artefact*> siblings = SiblingsOfNewest(spec_, complete_);
  if (siblings.empty()) return;
  for (const catalog::Artefact* sibling : siblings) {
    std::string why;
    if (!IsBad(*sibling, why)) continue;
    return Fail("siblings", Reason::kIncomplete,
                base::Quote(sibling->name) + " of the same run cannot be restored: " + why,
                "run its backup again; a probe of its own for each database says more");
  }
  Ok("siblings", std::to_string(siblings.size()) +
                     " others of the same run, none is known to be "
                     "broken");
}

// What is dated in the future is not what was taken last: it may lie there since long ago.
void Judge::Dates() {
  std::size_t count = 0;
  const catalog::Artefact* newest = nullptr;
  for (const catalog::Artefact& artefact : complete_) {
    if (!catalog::IsMisdated(artefact, now_)) continue;
    ++count;
    newest = &artefact;
  }
  if (count == 0) return;
  Fail("time", Reason::kStale,
       std::to_string(count) + (count == 1 ? " backup is" : " backups are") +
           " dated in the future: " + base::Quote(newest->name) + " was changed at " +
           base::FormatRfc3339(newest->modified) +
           (IsDated(*newest) ? ", and counts from " + base::FormatRfc3339(newest->time) : ""),
       std::string(kDateHint), Severity::kWarning);
}

// The newest that passed everything, and when anything was verified last.
void Judge::History() {
  state_.last_verified = verdicts_.LastVerified(now_ + catalog::FolderCatalog::kClockSkew);
  std::optional<base::Timestamp>& best = state_.last_success;
  for (auto at = complete_.rbegin(); at != complete_.rend() && at->time > best; ++at) {
    const auto verdict = verdicts_.Find(*at);
    if (!PassedAll(spec_, *at, verdict)) continue;
    const base::Timestamp point = PointOf(spec_, *at, verdict);
    best = std::max(best.value_or(point), point);
  }
}

}  // namespace

base::Duration VerificationMaxAge(const config::BackupProbe::Verify& verify) {
  constexpr base::Duration kWeek = std::chrono::hours(7 * 24);
  return std::max(std::min(verify.every * 7, kWeek), verify.every * 2 + verify.timeout);
}

BackupState JudgeBackup(const config::BackupProbe& spec, const catalog::Listing& listing,
                        const SoundBackups& sound, const BackupVerdicts& verdicts,
                        base::Timestamp now) {
  return Judge(spec, listing, sound, verdicts, now).Run();
}

void SayUnread(BackupState& state) {
  if (state.being_written) state.checks.front().severity = Severity::kUnknown;
  if (!state.pending) return;
  const auto unknown = [&state](std::string_view name, std::string message, std::string hint) {
    for (BackupCheck& check : state.checks) {
      if (check.name != name || !check.ok) continue;
      check.ok = false;
      check.severity = Severity::kUnknown;
      check.reason = Reason::kUnverified;
      check.message = std::move(message);
      check.hint = std::move(hint);
    }
  };
  unknown("verified", "nobody has read it yet, and there is no time for it in this run",
          "a service with this configuration and state folder reads it in the background; or raise "
          "the probe's timeout, or use drwatch verify");
  if (state.newest->time_source < catalog::TimeSource::kModified) return;
  // Behind the cause, which is what is told first.
  std::stable_partition(state.checks.begin(), state.checks.end(),
                        [](const BackupCheck& check) { return check.name != "fresh"; });
  unknown("fresh", "its file is new, but nobody has read whether it is a copy of an older backup",
          {});
}

}  // namespace drwatch::probes
