#include "probes/backup_latest.h"

#include <algorithm>
#include <string>

#include "base/duration.h"
#include "base/strings.h"
#include "model/latest_good.h"
#include "probes/backup_worth.h"

namespace drwatch::probes {
namespace {

using model::CheckOutcome;
using model::Reason;
using model::Severity;

CheckOutcome Name(const std::vector<model::StoredCopy>& copies, const model::StoredCopy& good,
                  base::Timestamp now) {
  const auto age = std::chrono::floor<std::chrono::seconds>(now - good.point);
  std::string text = base::Quote(good.name) + " of " + base::FormatRfc3339(good.point) + ", " +
                     base::FormatDuration(age) + " old, level " + std::to_string(good.level);
  if (const std::size_t newer = &good - copies.data(); newer == 1) {
    text += "; the one after it is not proven good";
  } else if (newer > 1) {
    text += "; the " + std::to_string(newer) + " after it are not proven good";
  }
  return {std::string(model::kLatestGoodCheck), Severity::kOk, Reason::kNone, text, {}};
}

// Of those that are known: good ones there are none of.
struct Looked {
  std::size_t bad = 0;
  std::size_t open = 0;
  std::string prevented;  // why the newest of those that could not be read was not; may be empty
};

Looked CountLooked(const config::BackupProbe& spec, const LatestGoodEvidence& evidence,
                   const BackupVerdicts& verdicts, const IsLeft& is_left, base::Timestamp now) {
  Looked looked;
  for (const catalog::Artefact& artefact : evidence.complete) {
    const auto verdict =
        spec.verify.enabled ? verdicts.Find(artefact) : std::optional<BackupVerdict>();
    // A good one that is no good copy is being replaced.
    const bool awaits_wal = AwaitsWal(artefact, verdict, now);
    const bool bad =
        (WorthOf(spec, artefact, verdict) == Worth::kBad && !awaits_wal) || is_left(artefact.name);
    ++(bad ? looked.bad : looked.open);
    const bool failed = verdict && WasPrevented(*verdict) && verdict->reason != Reason::kTimeout;
    if (!bad && failed) {
      looked.prevented = base::Quote(artefact.name) + " could not be read: " + verdict->text;
    }
    if (!bad && awaits_wal) looked.prevented = base::Quote(artefact.name) + " waits for its WAL";
  }
  return looked;
}

CheckOutcome None(const Looked& looked, const LatestGoodEvidence& evidence) {
  CheckOutcome check{std::string(model::kLatestGoodCheck),
                     evidence.relied_on ? Severity::kOk : Severity::kCritical, Reason::kNotFound,
                     "none of " + std::to_string(looked.bad) + " is good",
                     "nothing here brings anything back: run a backup now, and look for copies "
                     "elsewhere"};
  if (looked.open == 0) return check;
  if (!evidence.relied_on) check.severity = Severity::kUnknown;
  check.reason = Reason::kUnverified;
  if (!looked.prevented.empty()) {
    check.hint = looked.prevented;
  } else if (evidence.only_run) {
    check.hint = "there was no time to read on: raise the probe's timeout, or use drwatch verify";
  } else {
    check.hint = evidence.relied_on ? "" : "they are read one after the other, newest first";
  }
  const std::string unread =
      std::to_string(looked.open) + (looked.open == 1 ? " is" : " are") + " not verified yet";
  check.message = looked.bad == 0 ? "none is known: " + unread
                                  : "none of the " + std::to_string(looked.bad) +
                                        " looked at is good, " + unread;
  return check;
}

}  // namespace

std::optional<CheckOutcome> JudgeLatestGood(const config::BackupProbe& spec,
                                            const LatestGoodEvidence& evidence,
                                            const BackupVerdicts& verdicts, const IsLeft& is_left,
                                            base::Timestamp now) {
  if (evidence.complete.empty()) return std::nullopt;
  const model::StoredCopy* const good = model::LatestGood(evidence.copies);
  if (good == nullptr) {
    return None(CountLooked(spec, evidence, verdicts, is_left, now), evidence);
  }
  const bool newest = good->name == evidence.complete.back().name;
  if (newest && evidence.relied_on) return std::nullopt;
  return Name(evidence.copies, *good, now);
}

}  // namespace drwatch::probes
