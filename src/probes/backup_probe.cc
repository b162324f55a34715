#include "probes/backup_probe.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
#include "catalog/piece_catalog.h"
#include "catalog/place_catalog.h"
#include "catalog/repository.h"
#include "probes/backup_doubt.h"
#include "probes/backup_replaced.h"
#include "probes/backup_repository.h"
#include "probes/wal_beside.h"
#include "verify/file_set.h"
#include "verify/recognise.h"
#include "verify/source.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

constexpr base::Duration kGlance = std::chrono::seconds(1);

const base::Clock& ClockOf(const ProbeServices& services) {
  static const base::SystemClock kSystem;
  return services.clock != nullptr ? *services.clock : kSystem;
}

std::unique_ptr<catalog::S3Place> BucketOf(const std::string& probe,
                                           const config::BackupProbe& spec,
                                           const ProbeServices& services) {
  if (!catalog::IsS3(spec.place)) return nullptr;
  return catalog::MakeS3Place(spec.place, ClockOf(services),
                              services.budgets == nullptr ? nullptr : services.budgets->Of(probe));
}

std::unique_ptr<catalog::Place> FolderOf(const config::BackupProbe& spec) {
  const bool repository = spec.repository != config::Repository::kNone;
  if (!repository || catalog::IsS3(spec.place)) return nullptr;
  return catalog::MakeFolderPlace(spec.place.path);
}

catalog::PieceCatalog::ReadHead HeadsIn(catalog::Place& bucket) {
  return [&bucket](const catalog::Artefact& artefact, base::Deadline deadline,
                   const base::StopToken& stop) -> std::optional<std::string> {
    auto head = bucket.ReadHead(artefact.name, verify::kHeadBytes, {deadline, stop});
    return head ? std::optional(*std::move(head)) : std::nullopt;
  };
}

std::optional<std::string> HeadOfFile(const catalog::Artefact& artefact, base::Deadline deadline,
                                      const base::StopToken& stop) {
  verify::VerifyOptions options;
  options.deadline = deadline;
  options.stop = stop;
  verify::ReadBudget budget(options);
  const auto file = verify::OpenPath(artefact.path, budget, nullptr);
  if (!file) return std::nullopt;
  verify::Reader reader(*file->source);
  const auto head = reader.Peek(verify::kHeadBytes);
  return head ? std::optional<std::string>(*head) : std::nullopt;
}

std::unique_ptr<catalog::ArtefactCatalog> CatalogOf(const config::BackupProbe& spec,
                                                    catalog::S3Place* bucket,
                                                    catalog::Place* folder,
                                                    bool into_dated_folders) {
  if (spec.repository != config::Repository::kNone) {
    catalog::Place& place = bucket != nullptr ? *bucket : *folder;
    return catalog::MakeRepositoryCatalog(spec.repository, place, {spec.stanza});
  }
  if (bucket != nullptr) {
    catalog::PlaceOptions options;
    options.pattern = spec.pattern;
    options.recursive = spec.recursive;
    options.into_dated_folders = into_dated_folders;
    options.quiet_time = spec.quiet_time;
    options.clock = ZoneClock(spec);
    options.every_file = spec.kind == "files";
    return std::make_unique<catalog::PieceCatalog>(
        std::make_unique<catalog::PlaceCatalog>(*bucket, options), HeadsIn(*bucket));
  }
  catalog::FolderOptions options;
  options.path = spec.place.path;
  options.dated_by_folder = spec.kind == "files";
  options.every_file = spec.kind == "files";
  options.pattern = spec.pattern;
  options.recursive = spec.recursive;
  options.into_dated_folders = into_dated_folders;
  options.quiet_time = spec.quiet_time;
  options.clock = ZoneClock(spec);
  return std::make_unique<catalog::PieceCatalog>(std::make_unique<catalog::FolderCatalog>(options),
                                                 HeadOfFile);
}

}  // namespace

BackupProbe::BackupProbe(const config::Probe& config, const ProbeServices& services)
    : config_(config),
      spec_(std::get<config::BackupProbe>(config_.spec)),
      labels_{{"backup", spec_.backup.empty() ? config_.name : spec_.backup},
              {"location", spec_.location}},
      only_run_(services.only_run),
      described_(!services.ad_hoc || spec_.pattern != "*"),
      clock_(ClockOf(services)),
      place_(BucketOf(config_.name, spec_, services)),
      folder_(FolderOf(spec_)),
      catalog_(CatalogOf(spec_, place_.get(), folder_.get(), !described_)),
      verdicts_(services.database, config_.name, FindWalFor(config_, services.positions)),
      archives_(config_, services.positions, verdicts_),
      chains_(config_, services.positions, only_run_),
      speeds_(services.database, config_.name),
      verifier_(spec_.verify, *catalog_, verdicts_, speeds_, ClockOf(services)),
      unfinished_(spec_, *catalog_, verdicts_, verifier_),
      kept_(spec_),
      seen_(spec_, verdicts_),
      unnamed_(spec_, place_.get()) {
  if (place_) bucket_.emplace(spec_, *place_);
}

std::string BackupProbe::Target() const {
  if (spec_.repository != config::Repository::kNone && !spec_.stanza.empty()) {
    return spec_.place.path + ", " + spec_.stanza;
  }
  const std::string& path = spec_.place.path;
  return spec_.pattern == "*" ? path : path + (path.ends_with('/') ? "" : "/") + spec_.pattern;
}

model::ProbeResult BackupProbe::Run(const RunContext& context) {
  const auto began = std::chrono::steady_clock::now();
  ProbeReport report(config_, Target(), context.now);
  // Half of the time is for listing, so that something is left for looking at what was found.
  const base::Duration budget = context.deadline.Remaining();
  const base::Deadline list_deadline = base::Deadline::After(budget / 2).Min(context.deadline);
  catalog::Listing listing = catalog_->List(context.now, list_deadline, context.stop);
  unnamed_.Note(listing, context.now, {list_deadline, context.stop});
  KeepKind(spec_, listing);
  if (!described_) LeaveWalOut(listing);
  const std::optional<catalog::Finding> blind = listing.blind;
  if (!blind) unfinished_.ConfirmRecent(listing, context);
  StandIn(listing);
  std::vector<model::StoredCopy> copies;
  if (listing.blind) {
    ReportBlind(report, *blind);
    if (blind->reason == Reason::kNotFound) standing_ = Standing::kGone;
  } else {
    if (blind) {
      report.Add("place", Severity::kUnknown, blind->reason,
                 blind->message + "; the last listing stands in");
    } else {
      LookCloser(listing, context);
    }
    report.Gauge("backup_probe_success", "1 if the place itself could be looked at.", labels_,
                 blind ? 0.0 : 1.0);
    LeaveStrangersOut(spec_, verdicts_, listing);
    strangers_ = OlderStrangers(spec_, listing.complete.all(), verdicts_);
    unfinished_.HoldBack(listing, context.now);
    const std::vector<catalog::Artefact>& complete = listing.complete.all();
    const SoundBackups sound(spec_, complete, verdicts_, context.now);
    BackupState state = JudgeBackup(spec_, listing, sound, verdicts_, context.now);
    if (only_run_) SayUnread(state);
    ReportState(report, listing, state, sound, context.now);
    standing_ = Standing::kSeen;
    ReportTotals(report, listing.complete);
    ReportHistory(report, listing, sound, context.now);
    if (spec_.repository != config::Repository::kNone) {
      ReportChecks(report, JudgeRepository(listing));
      ReportRepository(report, labels_, listing);
    }
    if (!blind) ReportPlace(report, listing);
    ReportPresumed(report, listing, context.now);
    copies = CopiesOf(spec_, complete, verdicts_, speeds_, Left());
    DropReplaced(listing, gone_, copies);
    ReportLatestGood(report, {complete, copies, state.success, only_run_}, context.now);
    if (bucket_) {
      ReportBucket(report, context.now, complete, copies);
    } else {
      ReportSpace(report);
    }
  }
  if (!blind) {
    const std::lock_guard lock(seen_mutex_);
    last_listing_ = std::move(listing);
    last_copies_ = copies;
  }
  archives_.EndRun(!blind || blind->reason == Reason::kNotFound);
  if (bucket_) bucket_->ReportAccess(report, labels_);
  report.Counter("backup_verified_bytes_total", "Bytes read for verification.", labels_,
                 static_cast<double>(verifier_.bytes_read()));
  model::ProbeResult result = report.Finish(
      std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - began));
  result.copies = std::move(copies);
  return result;
}

// Before the copies are listed: a verdict that comes between the two makes one good, and no way
// back must be missed by both.
void BackupProbe::ReportPresumed(ProbeReport& report, const catalog::Listing& listing,
                                 base::Timestamp now) const {
  const auto presumed = PresumedPoint(spec_, listing, verdicts_, now);
  if (!presumed) return;
  report.Gauge("backup_presumed_timestamp_seconds",
               "State of a good backup in whose place one lies that is not verified yet.", labels_,
               base::ToUnixSeconds(*presumed));
}

// At what the listing found, where its place can be looked at.
void BackupProbe::LookCloser(catalog::Listing& listing, const RunContext& context) {
  verdicts_.Keep(listing.complete, listing.recent);
  seen_.Date(listing.complete, context);
  if (bucket_) {
    bucket_->Look(listing.complete.all(), context.now,
                  base::Deadline::After(context.deadline.Remaining() / 4), context.stop);
  }
  strangers_ = OlderStrangers(spec_, listing.complete.all(), verdicts_);
  chains_.Judge(listing, verdicts_, place_.get(), context);
  VerifyNewest(listing, context);
  VerifyBelow(listing.complete.all(), context);
  chains_.Judge(listing, verdicts_, place_.get(), context);
  VerifyKept(listing.complete, context);
  archives_.NoteBases(listing.complete.all(), place_.get(), context);
  archives_.AwaitArchives(listing.complete.all(), context);
  // What an archive said of the newest one decides whether an older one is looked for.
  if (only_run_) VerifyWhatIsDue(listing.complete.all(), context);
}

// Puts the last listing that worked in the place of one that did not.
void BackupProbe::StandIn(catalog::Listing& listing) {
  if (listing.blind) {
    if (last_listing_ && listing.blind->reason != Reason::kNotFound) listing = *last_listing_;
    return;
  }
  gone_ = listing.complete.empty() && !listing.in_progress.empty() && last_listing_;
  if (gone_) listing.complete = last_listing_->complete;
}

IsLeft BackupProbe::Left() const {
  return [this](const std::string& name) {
    return archives_.IsLeft(name) || strangers_.contains(name);
  };
}

// What is read may turn out to be no newest backup, or an old one that got a new date: then the one
// before it is read. An only run has no next look, and goes on until the newest stays the newest:
// each artefact is moved once at most.
void BackupProbe::VerifyNewest(catalog::Listing& listing, const RunContext& context) {
  DateByContents(spec_, verdicts_, listing.complete);
  for (std::size_t round = 0;; ++round) {
    const std::size_t strangers = CountStrangers(spec_, listing.complete.all(), verdicts_);
    VerifyBefore(strangers, listing.complete.all(), context);
    const bool moved = DateByContents(spec_, verdicts_, listing.complete);
    const std::size_t found = CountStrangers(spec_, listing.complete.all(), verdicts_);
    const bool on = round < kMaxStrangers ? moved || found != strangers : moved && only_run_;
    if (!on) return;
  }
}

// Reads what is due but for the newest ones, `strangers`, which are no backups.
void BackupProbe::VerifyBefore(std::size_t strangers, const std::vector<catalog::Artefact>& all,
                               const RunContext& context) {
  const bool any = strangers > 0 && strangers <= kMaxStrangers && strangers < all.size();
  if (!any) return VerifyWhatIsDue(all, context);
  VerifyWhatIsDue({all.begin(), all.end() - static_cast<std::ptrdiff_t>(strangers)}, context);
}

void BackupProbe::VerifyWhatIsDue(const std::vector<catalog::Artefact>& complete,
                                  const RunContext& context) {
  for (int i = 0; only_run_ || i < kMaxInline; ++i) {
    const auto due = NextToVerify(spec_, complete, verdicts_, Left(), context.now);
    if (!due || unfinished_.IsListedAnew(*due, context.now)) return;
    const base::Duration time =
        only_run_ ? TimeInOnlyRun(*due, complete.back(), context) : TimeInRun(*due, context);
    if (!Verify(*due, time, context)) return;
  }
}

// What the newest was made upon, once: of its bytes that one's restore needs every one.
void BackupProbe::VerifyBelow(const std::vector<catalog::Artefact>& complete,
                              const RunContext& context) {
  if (!spec_.verify.enabled || complete.empty()) return;
  for (const catalog::Artefact& below : chains_.BelowNewest(complete)) {
    if (below.defect || verdicts_.Find(below)) continue;
    const base::Duration time =
        only_run_ ? TimeInOnlyRun(below, complete.back(), context) : TimeInRun(below, context);
    if (!Verify(below, time, context)) return;
  }
}

// What is read beside the newest, while that one and all it depends on need no reading.
void BackupProbe::VerifyKept(const catalog::ArtefactList& complete, const RunContext& context) {
  if (only_run_) return;
  for (int i = 0; i < kMaxInline && verifier_.idle(); ++i) {
    if (NextToVerify(spec_, complete.all(), verdicts_, Left(), context.now)) return;
    const auto due = kept_.Next(complete, verdicts_, context.now);
    if (!due || unfinished_.IsListedAnew(*due, context.now)) return;
    if (!Verify(*due, TimeInRun(*due, context), context)) return;
  }
}

// What the day's limit of a bucket does not allow is not begun. In a repository what was read
// before is not read again: there each file is asked about.
bool BackupProbe::RefusesToRead(const catalog::Artefact& artefact) {
  if (!place_ || spec_.repository != config::Repository::kNone) return false;
  if (!verifier_.idle()) return false;  // what it reads now counts already
  const auto too_much = place_->client().TooMuchToRead(artefact.size_bytes);
  if (too_much) verifier_.Refuse(artefact, Reason::kLimit, *too_much);
  return too_much.has_value();
}

// In this run if there is time for it; else in the background, and false.
bool BackupProbe::Verify(const catalog::Artefact& artefact, base::Duration time,
                         const RunContext& context) {
  if (RefusesToRead(artefact)) return true;
  const bool any = time > base::Duration(0);
  if (any && verifier_.VerifyNow(artefact, base::Deadline::After(time), context.stop)) return true;
  if (!only_run_ && !context.stop.stopped()) verifier_.Start(artefact);
  return false;
}

// How long a run of many reads it itself; 0: it is read in the background.
base::Duration BackupProbe::TimeInRun(const catalog::Artefact& artefact,
                                      const RunContext& context) const {
  const base::Duration time = context.deadline.Remaining() / 2;
  return FitsInRun(spec_, artefact, time) ? time : base::Duration(0);
}

// The newest one is begun also where the time does not suffice: what is missing shows at once.
base::Duration BackupProbe::TimeInOnlyRun(const catalog::Artefact& artefact,
                                          const catalog::Artefact& newest,
                                          const RunContext& context) const {
  const base::Duration left = context.deadline.Remaining();
  if (IsReadWithin(spec_, artefact, left * 7 / 8)) return left * 7 / 8;
  const bool is_newest = artefact.path == newest.path;
  return is_newest ? std::min<base::Duration>(left / 8, kGlance) : base::Duration(0);
}

// What was seen last stands in, as in a run whose place cannot be looked at; without touching it.
model::ProbeResult BackupProbe::NotRun(Reason reason, const std::string& message) const {
  ProbeReport report(config_, Target(), {});
  report.Add("run", Severity::kCritical, reason, message);
  report.Gauge("backup_probe_success", "1 if the place itself could be looked at.", labels_, 0);
  std::optional<catalog::Listing> listing;
  std::vector<model::StoredCopy> copies;
  {
    const std::lock_guard lock(seen_mutex_);
    listing = last_listing_;
    copies = last_copies_;
  }
  if (standing_ == Standing::kGone) {
    ReportSuccess(report, false);
    return report.Finish({});
  }
  if (!listing) return report.Finish({});
  const base::Timestamp now = clock_.Now();
  const std::vector<catalog::Artefact>& complete = listing->complete.all();
  const SoundBackups sound(spec_, complete, verdicts_, now);
  ReportState(report, *listing, JudgeBackup(spec_, *listing, sound, verdicts_, now), sound, now);
  model::ProbeResult result = report.Finish({});
  result.copies = std::move(copies);
  return result;
}

std::unique_ptr<Probe> MakeBackupProbe(const config::Probe& config, const ProbeServices& services) {
  return std::make_unique<BackupProbe>(config, services);
}

}  // namespace drwatch::probes
