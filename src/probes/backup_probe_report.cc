// What a look at the backups is told as: checks, metrics and measures of a run.
#include <sys/statvfs.h>

#include <algorithm>
#include <string>

#include "base/sizes.h"
#include "base/strings.h"
#include "probes/backup_contents.h"
#include "probes/backup_left_out.h"
#include "probes/backup_probe.h"
#include "probes/backup_repository.h"
#include "probes/unseen_place.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

constexpr double kFreeInodesWarningRatio = 0.05;

bool IsSerious(const catalog::Finding& finding) {
  return finding.reason == Reason::kStale || finding.reason == Reason::kCorrupt ||
         finding.reason == Reason::kPermission || finding.reason == Reason::kStorage ||
         finding.reason == Reason::kConfig;
}

}  // namespace

void BackupProbe::ReportBlind(ProbeReport& report, const catalog::Finding& blind) const {
  ReportUnseenPlace(report, blind, spec_.place, only_run_);
  if (blind.reason == Reason::kNotFound) ReportSuccess(report, false);
  report.Gauge("backup_probe_success", "1 if the place itself could be looked at.", labels_, 0);
}

void BackupProbe::ReportSuccess(ProbeReport& report, bool success) const {
  report.Gauge("backup_success",
               "1 if the newest complete backup exists, is fresh, large enough and not proven "
               "broken.",
               labels_, success ? 1 : 0);
}

void BackupProbe::ReportPlace(ProbeReport& report, const catalog::Listing& listing) const {
  const auto serious = std::find_if(listing.findings.begin(), listing.findings.end(), IsSerious);
  std::string text = std::to_string(listing.complete.size()) + " complete";
  if (!listing.in_progress.empty()) {
    text += ", " + std::to_string(listing.in_progress.size()) + " being written";
  }
  if (serious != listing.findings.end()) {
    return report.Add("place", Severity::kWarning, serious->reason, serious->message);
  }
  if (!listing.findings.empty()) text += "; " + listing.findings.front().message;
  report.Ok("place", text);
}

void BackupProbe::ReportState(ProbeReport& report, const catalog::Listing& listing,
                              const BackupState& state, const SoundBackups& sound,
                              base::Timestamp now) const {
  ReportSuccess(report, state.success);
  ReportChecks(report, state.checks);
  const auto gauge = [&](std::string_view name, std::string_view help,
                         std::optional<double> value) {
    if (value) report.Gauge(name, help, labels_, *value);
  };
  gauge("backup_max_age_seconds", "Limit of the newest backup's age.",
        spec_.max_age ? std::optional(base::ToSeconds(*spec_.max_age)) : std::nullopt);
  gauge("backup_retention_target_seconds", "How far back backups are promised to reach.",
        spec_.retention ? std::optional(base::ToSeconds(*spec_.retention)) : std::nullopt);
  gauge("backup_in_progress", "Artefacts being written.",
        static_cast<double>(listing.in_progress.size()));
  if (state.next_slot) {
    gauge("backup_schedule_next_timestamp_seconds", "When the next backup is due.",
          base::ToUnixSeconds(*state.next_slot));
  }
  if (state.overdue) {
    gauge("backup_overdue_seconds", "How late the newest backup is, beyond its grace.",
          base::ToSeconds(*state.overdue));
  }
  if (!sound.all().empty()) {
    gauge("backup_oldest_timestamp_seconds",
          "Time of the oldest complete backup that is not known to be broken or too small.",
          base::ToUnixSeconds(sound.all().front().time));
  }
  if (!state.newest) return;
  if (state.newest->time != base::Timestamp{} || !state.newest->defect) {  // else nobody knows
    const double age = base::ToSeconds(now - state.newest->time);
    gauge("backup_last_completion_timestamp_seconds", "Time of the newest complete backup.",
          base::ToUnixSeconds(state.newest->time));
    gauge("backup_age_seconds", "Age of the newest complete backup.", age);
    report.Measure("backup_age_seconds", age, "s", std::nullopt,
                   spec_.max_age ? std::optional(base::ToSeconds(*spec_.max_age)) : std::nullopt);
  }
  gauge("backup_last_size_bytes", "Size of the newest complete backup.",
        static_cast<double>(state.newest->size_bytes));
  report.Measure("backup_last_size_bytes", static_cast<double>(state.newest->size_bytes), "B");
  ReportVerification(report, state);
}

// What is added up over all of them: again only when they are others.
void BackupProbe::ReportTotals(ProbeReport& report, const catalog::ArtefactList& complete) {
  if (!totals_.of.SharedWith(complete)) {
    totals_ = {complete, 0, CountByKind(spec_, complete.all())};
    for (const catalog::Artefact& artefact : complete) {
      // Backups of a repository share files.
      totals_.stored_bytes +=
          static_cast<double>(artefact.facts ? artefact.facts->own_bytes : artefact.size_bytes);
    }
  }
  report.Gauge("backup_stored_backups", "Complete artefacts.", labels_,
               static_cast<double>(complete.size()));
  report.Gauge("backup_stored_bytes", "Size of all complete artefacts.", labels_,
               totals_.stored_bytes);
  ReportKinds(report, labels_, totals_.kinds);
}

void BackupProbe::ReportChecks(ProbeReport& report, const std::vector<BackupCheck>& checks) const {
  for (const BackupCheck& check : checks) {
    report.Add(check.name, check.ok ? Severity::kOk : check.severity, check.reason, check.message,
               check.hint);
    if (check.name == "verified") continue;
    report.Gauge("backup_check_success", "1 if this check of the newest backup holds.",
                 model::LabelsBuilder(labels_).Set("check", check.name).Build(), check.ok ? 1 : 0);
  }
}

// What the kept ones say together.
void BackupProbe::ReportHistory(ProbeReport& report, const catalog::Listing& listing,
                                const SoundBackups& sound, base::Timestamp now) const {
  const std::vector<catalog::Artefact>& complete = listing.complete.all();
  const std::vector<catalog::Artefact>& kept = sound.all();
  ReportChecks(report, JudgeHistory(spec_, kept, now));
  if (const auto spoilt = JudgeKept(complete, verdicts_)) ReportChecks(report, {*spoilt});
  if (const auto left_out = JudgeLeftOut(spec_, complete, listing.in_progress, now)) {
    ReportChecks(report, {*left_out});
  }
  if (const auto deviation = DeviationOf(spec_, kept)) {
    report.Gauge("backup_size_deviation_ratio",
                 "Size of the newest backup beside the median of those before it, minus 1.",
                 labels_, deviation->ratio);
  }
  const ContentsReport contents = CompareContents(spec_, complete, verdicts_);
  ReportChecks(report, JudgeContents(spec_, contents));
  ReportContents(report, labels_, contents);
  if (!spec_.schedule || kept.empty()) return;
  report.Gauge(
      "backup_schedule_missed_slots",
      "Slots of the schedule since the oldest kept backup (within the retention) that have "
      "no backup.",
      labels_, CoverKeptSlots(spec_, kept, now).missed);
  if (!spec_.retention) return;
  const SlotCoverage whole = CoverSlots(spec_, kept, now - *spec_.retention, now);
  if (whole.expected == 0) return;
  report.Gauge("backup_retention_covered_ratio",
               "Share of the schedule's slots within the promised retention that have a backup.",
               labels_, 1.0 - static_cast<double>(whole.missed) / whole.expected);
}

void BackupProbe::ReportVerification(ProbeReport& report, const BackupState& state) const {
  if (state.last_success) {
    report.Gauge("backup_last_success_timestamp_seconds",
                 "Time of the newest backup that passed every check.", labels_,
                 base::ToUnixSeconds(*state.last_success));
  }
  if (spec_.verify.enabled) {
    report.Gauge("backup_verification_max_age_seconds",
                 "Limit of the time since the last verification.", labels_,
                 base::ToSeconds(VerificationMaxAge(spec_.verify)));
  }
  // What speaks against it already is no reason to wait for more.
  if (state.pending && state.success && !state.last_verified && !verifier_.idle()) {
    report.Gauge("backup_first_verification_running",
                 "1 while the newest backup of a place is read where none ever was.", labels_, 1);
  }
  if (state.last_verified) {
    report.Gauge("backup_verification_timestamp_seconds", "End of the last verification.", labels_,
                 base::ToUnixSeconds(*state.last_verified));
  }
  if (!state.verdict) return;
  const BackupVerdict& verdict = *state.verdict;
  // Whether an archive has its WAL changes nothing of what it is itself.
  const bool intact = verdict.outcome == verify::Outcome::kIntact || FilesAreIntact(verdict);
  if (intact || (verdict.outcome == verify::Outcome::kBroken && verdict.needs_wal.empty())) {
    report.Gauge("backup_verification_success",
                 "1 if the newest backup is proven intact, 0 if proven broken.", labels_,
                 intact ? 1 : 0);
  }
  if (!intact && WasPrevented(verdict)) {
    report.Gauge("backup_verification_prevented",
                 "1 while the newest backup could not be read to its end.", labels_, 1);
  }
  const auto level = static_cast<double>(verdict.level);
  report.Gauge("backup_verification_level",
               "How much of the newest backup was proven: 0 exists, 1 size, 2 outer checksum, 3 "
               "format walked, 4 content checksums.",
               labels_, level);
  report.Gauge("backup_verification_duration_seconds", "How long the verification took.", labels_,
               base::ToSeconds(verdict.duration));
  report.Measure("backup_verification_level", level, "");
}

void BackupProbe::ReportBucket(ProbeReport& report, base::Timestamp now,
                               const std::vector<catalog::Artefact>& complete,
                               std::vector<model::StoredCopy>& copies) const {
  ReportChecks(report, bucket_->Checks(now));
  bucket_->Report(report, labels_, now);
  bucket_->Complete(complete, copies);
}

void BackupProbe::ReportLatestGood(ProbeReport& report, const LatestGoodEvidence& evidence,
                                   base::Timestamp now) const {
  if (const auto check = JudgeLatestGood(spec_, evidence, verdicts_, Left(), now)) {
    report.Add(check->name, check->severity, check->reason, check->message, check->hint);
  }
}

void BackupProbe::ReportSpace(ProbeReport& report) const {
  struct statvfs info {};
  if (::statvfs(spec_.place.path.c_str(), &info) != 0 || info.f_blocks == 0) return;
  const double size = static_cast<double>(info.f_blocks) * static_cast<double>(info.f_frsize);
  const double free = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
  report.Gauge("backup_filesystem_size_bytes", "Size of the file system it is stored on.", labels_,
               size);
  report.Gauge("backup_filesystem_free_bytes", "Free space there for ordinary users.", labels_,
               free);
  report.Gauge("backup_filesystem_free_warning_ratio", "What share of it being free is too little.",
               labels_, spec_.free_space_warning_ratio);
  double inodes = 1;
  // Some file systems (btrfs) make inodes as they need them and count none.
  if (info.f_files > 0) {
    inodes = static_cast<double>(info.f_favail) / static_cast<double>(info.f_files);
    report.Gauge("backup_filesystem_free_inodes_ratio", "Share of inodes that are free.", labels_,
                 inodes);
  }
  const std::string text = base::FormatSize(static_cast<std::int64_t>(free)) + " of " +
                           base::FormatSize(static_cast<std::int64_t>(size)) + " free";
  if (free / size < spec_.free_space_warning_ratio) {
    return report.Add("space", Severity::kWarning, Reason::kStorage, text,
                      "free space before the next backup is cut off");
  }
  if (inodes < kFreeInodesWarningRatio) {
    return report.Add("space", Severity::kWarning, Reason::kStorage, "almost no inodes are free",
                      "delete small files there, or make a file system with more inodes");
  }
  report.Ok("space", text);
}

}  // namespace drwatch::probes
