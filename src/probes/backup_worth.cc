#include "probes/backup_worth.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "catalog/artefact_time.h"
#include "catalog/folder_catalog.h"
#include "catalog/name_time.h"
#include "probes/read_speeds.h"
#include "verify/utc.h"

namespace drwatch::probes {

using verify::Outcome;

config::LocalClock ZoneClock(const config::BackupProbe& spec) {
  return config::ClockOfZone(spec.timezone);
}

base::Timestamp SlotTimeOf(const config::BackupProbe& spec, const catalog::Artefact& artefact) {
  constexpr base::Duration kDay = std::chrono::hours(24);
  const bool midnight = artefact.time.time_since_epoch() % kDay == base::Duration(0);
  if (artefact.time_source != catalog::TimeSource::kName || !midnight) return artefact.time;
  const auto name = catalog::ParseNameTime(artefact.name, artefact.modified);
  if (!name || name->precision != catalog::NameTime::Precision::kDay) return artefact.time;
  const config::LocalClock clock = ZoneClock(spec);
  const base::Timestamp end = artefact.time + kDay;
  return (clock ? clock(end) : end) - kSlotTolerance - base::Duration(1);
}

base::Timestamp PointOf(const config::BackupProbe& spec, const catalog::Artefact& artefact,
                        const std::optional<BackupVerdict>& verdict) {
  // A zone in the name, a manifest: these say it better.
  const bool by_file = artefact.time_source == catalog::TimeSource::kModified ||
                       artefact.time_source == catalog::TimeSource::kChanged;
  if (!by_file || !verdict || !verdict->begun) return artefact.time;
  if (const config::LocalClock clock = ZoneClock(spec)) {
    if (const auto read = catalog::ReadLocal(*verdict->begun, clock, artefact.time)) return *read;
  }
  return verify::LatestReading(*verdict->begun, artefact.time).value_or(artefact.time);
}

const BackupVerdict& Standing(const BackupVerdict& verdict) {
  using model::Reason;
  const BackupVerdict* before = verdict.before.get();
  const bool same = before != nullptr && before->fingerprint == verdict.fingerprint &&
                    before->checksum_stamp == verdict.checksum_stamp && before->needs_wal.empty();
  // What is there and cannot be read cannot be restored from.
  const bool unreadable = verdict.reason == Reason::kStorage ||
                          verdict.reason == Reason::kPermission ||
                          verdict.reason == Reason::kNotFound;
  return same && WasPrevented(verdict) && !unreadable ? *before : verdict;
}

Worth WorthOf(const config::BackupProbe& spec, const catalog::Artefact& artefact,
              const std::optional<BackupVerdict>& verdict) {
  if (artefact.defect || IsTooSmall(spec, artefact)) return Worth::kBad;
  if (spec.require_checksum && artefact.checksum_stamp == 0 &&
      (!verdict || verdict->checksum == verify::ChecksumState::kNone)) {
    return spec.verify.enabled && !verdict ? Worth::kOpen : Worth::kBad;
  }
  if (!spec.verify.enabled) return Worth::kGood;
  if (!verdict) return Worth::kOpen;
  switch (verdict->outcome) {
    case Outcome::kIntact:
      return Worth::kGood;
    case Outcome::kBroken:
      return Worth::kBad;
    case Outcome::kUnjudged:
      if (const auto& standing = Standing(*verdict); &standing != &*verdict) {
        return WorthOf(spec, artefact, standing);
      }
      return WasPrevented(*verdict) ? Worth::kOpen : Worth::kGood;
  }
  std::abort();
}

bool PassedAll(const config::BackupProbe& spec, const catalog::Artefact& artefact,
               const std::optional<BackupVerdict>& verdict) {
  return WorthOf(spec, artefact, verdict) == Worth::kGood;
}

bool IsTooSmall(const config::BackupProbe& spec, const catalog::Artefact& artefact) {
  return RestoreBytes(artefact) < spec.min_size_bytes;
}

bool MayBeWrittenOn(const config::BackupProbe& spec, base::Timestamp changed, base::Timestamp now) {
  // A date in the future says nothing of when it was written, and would for ever.
  if (changed > now + catalog::FolderCatalog::kClockSkew) return false;
  if (now - changed < spec.quiet_time * kUnfinishedQuiets) return true;
  return spec.schedule && now <= spec.schedule->LatestSlot(changed + kSlotTolerance) + spec.grace;
}

bool AwaitsWal(const catalog::Artefact& artefact, const std::optional<BackupVerdict>& verdict,
               base::Timestamp now) {
  if (!verdict || verdict->outcome != Outcome::kBroken) return false;
  // When it was read is by this machine's clock: a date in the future says nothing.
  const base::Timestamp ended = std::min(artefact.modified, verdict->verified);
  return ended <= now + catalog::FolderCatalog::kClockSkew && now - ended < verdict->wal_patience;
}

SoundBackups::SoundBackups(const config::BackupProbe& spec,
                           const std::vector<catalog::Artefact>& complete,
                           const BackupVerdicts& verdicts, base::Timestamp now)
    : complete_(complete) {
  const auto broken = spec.verify.enabled ? verdicts.Broken() : decltype(verdicts.Broken())();
  const auto is_bad = [&](const catalog::Artefact& artefact) {
    if (artefact.defect || IsTooSmall(spec, artefact)) return true;
    if (broken.empty()) return false;
    const auto found = broken.find(artefact.path);
    return found != broken.end() && found->second == artefact.fingerprint &&
           !AwaitsWal(artefact, verdicts.Find(artefact), now);
  };
  if (std::none_of(complete.begin(), complete.end(), is_bad)) return;
  some_.emplace();
  std::remove_copy_if(complete.begin(), complete.end(), std::back_inserter(*some_), is_bad);
}

}  // namespace drwatch::probes
