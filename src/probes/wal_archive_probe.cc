#include "probes/wal_archive_probe.h"

#include <algorithm>
#include <set>
#include <variant>

#include "base/strings.h"
#include "catalog/folder_catalog.h"
#include "catalog/make_place.h"
#include "probes/base_ends.h"
#include "probes/replay_bases.h"
#include "probes/unseen_place.h"
#include "probes/wal_backlog.h"
#include "probes/wal_end.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

// What a first run waits at most for the first run of the primary's probe, and for those that look
// for base backups.
constexpr base::Duration kPrimaryPatience{2000};
constexpr base::Duration kBasesPatience{5000};
// Between the two looks of an only run at an archive in which something is missing.
constexpr base::Duration kPrunePause{2000};
constexpr std::uint64_t kMaxPruned = 1 << 20;  // names may be anything

const base::Clock& ClockOf(const ProbeServices& services) {
  static const base::SystemClock kSystem;
  return services.clock != nullptr ? *services.clock : kSystem;
}

std::optional<std::uint64_t> ParseSystem(const std::string& text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

std::vector<catalog::AcknowledgedWal> AcknowledgedOf(const config::WalArchiveProbe& spec) {
  std::vector<catalog::AcknowledgedWal> known;
  for (const auto& gap : spec.acknowledged_gaps) {
    const auto first = verify::ParseWalFileName(gap.first);
    const auto last = verify::ParseWalFileName(gap.last);
    if (first && last) known.push_back({*first, *last, gap.until});
  }
  return known;
}

// Whether base backups are known from nothing but the archive's own .backup files.
bool FromMarks(const std::vector<catalog::WalBase>& bases) {
  return !bases.empty() && std::all_of(bases.begin(), bases.end(),
                                       [](const auto& base) { return base.probe.empty(); });
}

// Whether no base backup's WAL reaches what was archived last.
bool BreaksOff(const catalog::WalArchiveState& state, std::int64_t segment_bytes) {
  if (!state.reachable) return true;
  const auto size = static_cast<std::uint64_t>(segment_bytes);
  return state.archived_to && (state.reachable->last + 1) * size < *state.archived_to;
}

}  // namespace

WalArchiveProbe::WalArchiveProbe(const config::Probe& config, const ProbeServices& services)
    : config_(config),
      spec_(std::get<config::WalArchiveProbe>(config_.spec)),
      labels_{{"backup", spec_.backup.empty() ? config_.name : spec_.backup},
              {"location", spec_.location}},
      positions_(services.positions),
      only_run_(services.only_run),
      archive_(positions_ == nullptr
                   ? nullptr
                   : positions_->archive_notes().AddArchive({config_.name,
                                                             {config_.service, spec_.data},
                                                             spec_.base_backups,
                                                             std::nullopt,
                                                             {},
                                                             spec_.max_lag})),
      place_(catalog::MakePlace(
          spec_.place, ClockOf(services),
          services.budgets == nullptr ? nullptr : services.budgets->Of(config_.name))),
      verdicts_(services.database, config_.name),
      speeds_(services.database, config_.name),
      verifier_(*place_, spec_, verdicts_, speeds_, ClockOf(services), only_run_),
      lag_(spec_.primary, only_run_),
      window_start_(services.database, config_.name),
      first_seen_(services.database, config_.name),
      look_before_(services.database, config_.name),
      streamed_(*place_) {}

// pgBackRest begins a new folder with every upgrade of the server: it is looked for while nothing
// new comes into the one that is known.
tl::expected<void, catalog::Finding> WalArchiveProbe::Refresh(
    base::Timestamp now, const catalog::PlaceContext& context) {
  tl::expected<void, catalog::Finding> refreshed;
  const auto note =
      positions_ == nullptr ? std::nullopt : positions_->archive_notes().Find(spec_.primary);
  const std::int64_t segment_bytes = note ? note->segment_bytes : 0;
  if (reader_) {
    reader_->ExpectSegmentBytes(segment_bytes);
    const std::uint64_t changes = reader_->changes();
    refreshed = reader_->Refresh(now, context);
    const bool moves = spec_.repository == config::Repository::kPgBackRest;
    if (!moves || reader_->changes() != changes) return refreshed;
  }
  auto prefix = FindWalPrefix(*place_, spec_, context);
  if (reader_ && (!prefix || *prefix == reader_->prefix())) return refreshed;
  if (!prefix) return tl::unexpected(std::move(prefix.error()));
  auto reader = std::make_unique<catalog::WalReader>(*place_, *prefix);
  reader->ExpectSegmentBytes(segment_bytes);
  // How old a service's last look is nobody knows who looks once.
  if (!reader_ && !only_run_) {
    if (auto before = look_before_.Load()) reader->Remember(*std::move(before));
  }
  refreshed = reader->Refresh(now, context);
  if (!refreshed) return refreshed;
  reader_ = std::move(reader);
  kept_changes_ = 0;
  all_read_.reset();
  return refreshed;
}

// Lists what is there. On a finding what was found before stands.
std::optional<catalog::Finding> WalArchiveProbe::Look(const RunContext& context) {
  const base::Deadline deadline =
      base::Deadline::After(context.deadline.Remaining() / 2).Min(context.deadline);
  auto refreshed = Refresh(context.now, {deadline, context.stop});
  if (!refreshed) return refreshed.error();
  looked_ = true;
  if (kept_changes_ != reader_->changes()) Forget();
  return std::nullopt;
}

// What is there now is kept over restarts, verdicts on segments that are gone are not.
void WalArchiveProbe::Forget() {
  kept_changes_ = reader_->changes();
  if (!only_run_) look_before_.Keep(reader_->seen());
  std::vector<WalSegmentKey> present;
  for (const auto& [timeline, files] : reader_->inventory().segments) {
    for (const catalog::WalSegmentFile& file : files) present.emplace_back(timeline, file.number);
  }
  verdicts_.Keep(present);
}

// One look cannot tell what is lost from what is being pruned: where no other run follows, the
// second one is now.
void WalArchiveProbe::LookAgain(const RunContext& context) {
  const catalog::WalArchiveState state =
      catalog::JudgeWalArchive(reader_->inventory(), Ask(context));
  if (state.lost == 0 || state.lost > kMaxPruned || state.chains.empty()) return;
  for (const catalog::WalGap& gap : state.gaps) {
    if (gap.kind != catalog::WalGap::Kind::kLost) continue;
    for (std::uint64_t number = gap.range.first; number <= gap.range.last; ++number) {
      first_missing_.emplace(gap.range.timeline, number);
    }
  }
  const base::Duration pause = std::min(kPrunePause, context.deadline.Remaining() / 4);
  if (context.stop.Wait(base::Deadline::After(pause))) return;
  reader_->ListAll();
  Look(context);
}

catalog::WalQuestion WalArchiveProbe::Ask(const RunContext& context) {
  catalog::WalQuestion question;
  question.histories = reader_->histories();
  question.unread_histories = reader_->unread_histories();
  bool watched = false;
  if (positions_ != nullptr) {
    const ArchiveNotes& notes = positions_->archive_notes();
    const ArchiveNotes::Owner owner{config_.service, spec_.data};
    question.bases = notes.Bases(spec_.base_backups, owner);
    watched = notes.WatchBases(spec_.base_backups, owner);
  }
  // Positions of another cluster look like these.
  std::erase_if(question.bases, [system = ArchivedSystem()](const auto& base) {
    return system != 0 && base.system_identifier != 0 && base.system_identifier != system;
  });
  // What the archive says of base backups is only of use where nobody looks at them.
  if (!watched) question.bases = reader_->bases();
  question.marks = reader_->bases();
  question.removed = reader_->removed();
  // An only run has no look that follows and tells more.
  if (!only_run_) question.leaving = reader_->Leaving(context.now);
  if (!question.removed.empty()) {
    question.removed.insert(first_missing_.begin(), first_missing_.end());
  }
  question.size_known = reader_->size_known();
  question.in_flight_segments = spec_.in_flight_segments;
  question.in_flight_time = spec_.max_lag;
  question.first_seen = first_seen_.times();
  question.acknowledged = AcknowledgedOf(spec_);
  for (const auto& known : spec_.acknowledged_timelines) {
    question.acknowledged_timelines[static_cast<std::uint32_t>(known.timeline)] = known.until;
  }
  question.expires = spec_.repository != config::Repository::kNone;
  question.now = context.now;
  if (primary_) {
    catalog::WalLive live;
    live.timeline = primary_->history.timeline;
    live.position = primary_->newest;
    live.answers = primary_->fresh;
    if (const auto note = positions_->archive_notes().Find(spec_.primary)) {
      live.last_archived = note->last_archived;
      if (note->last_archived_at) {
        const auto age = context.clock->Steady() - *note->last_archived_at;
        live.last_archived_at = context.now - std::chrono::duration_cast<base::Duration>(age);
      }
    }
    question.live = live;
  }
  return question;
}

// Segments that were read and are of no use, as long as they are still the same.
void WalArchiveProbe::FindBroken(WalFindings& findings, catalog::WalQuestion& question) const {
  for (auto& [key, verdict] : verdicts_.Bad()) {
    const catalog::WalSegmentFile* file = FindSegment(reader_->inventory(), key);
    if (file == nullptr || reader_->objects()[file->object].fingerprint != verdict.fingerprint) {
      continue;
    }
    if (verdict.outcome == verify::Outcome::kBroken) {
      // Those that nobody wants to be read may be sealed: only what is cut off counts.
      const bool cut_off =
          verdict.reason == Reason::kIncomplete || verdict.reason == Reason::kTooSmall;
      if (!spec_.verify && !cut_off) continue;
      question.broken.insert(key);
      findings.broken.emplace_back(key, std::move(verdict));
    } else {
      if (findings.unjudged++ == 0)
        findings.unjudged_text =
            verify::SegmentName(key.first, key.second, reader_->inventory().segment_bytes) + ": " +
            verdict.text;
    }
  }
}

std::int64_t WalArchiveProbe::BytesWithin(base::Duration time) const {
  const double bytes = static_cast<double>(spec_.read_rate_bytes) * base::ToSeconds(time);
  if (spec_.read_rate_bytes <= 0 || bytes > static_cast<double>(kInlineBytes)) return kInlineBytes;
  return std::max<std::int64_t>(static_cast<std::int64_t>(bytes) - 1, 0);  // and some time is left
}

// How far pg_receivewal has come in the segment behind the whole ones.
void WalArchiveProbe::FindStreamed(WalFindings& findings, const RunContext& context) {
  const catalog::WalInventory& inventory = reader_->inventory();
  const auto partials = inventory.partials.find(findings.state.timeline);
  if (partials == inventory.partials.end() || !findings.state.archived_to) return;
  const catalog::WalSegmentFile& file = partials->second.back();
  const verify::Lsn begin = file.number * static_cast<std::uint64_t>(inventory.segment_bytes);
  if (begin != *findings.state.archived_to) return;
  const base::Duration time = context.deadline.Remaining() / 4;
  verify::VerifyOptions options;
  // Where no other run goes on with it, all of it is wanted now.
  if (!only_run_) options.read_rate_bytes = spec_.read_rate_bytes;
  options.deadline = base::Deadline::After(time);
  options.stop = context.stop;
  verify::ReadBudget budget(options);
  streamed_.Read(reader_->objects()[file.object], ExpectedSystem(), BytesWithin(time), budget);
  findings.streamed_to = streamed_.end();
  findings.streamed_commit = streamed_.last_commit();
}

// Whether a segment says what it holds: it is read, and neither encrypted nor packed in a way that
// is not known.
bool WalArchiveProbe::Reads(const WalSegmentKey& key, const catalog::WalSegmentFile& file) const {
  if (!spec_.verify) return false;
  const auto verdict = verdicts_.Find(key, reader_->objects()[file.object].fingerprint);
  return !verdict || verdict->reason != Reason::kUnverified;
}

// Commits, base backups and files are dated by the clocks of others. One that goes wrong must not
// make a loss smaller.
void WalArchiveProbe::FindFuture(WalFindings& findings, base::Timestamp now) const {
  std::optional<base::Timestamp> newest = findings.last_commit;
  if (findings.last_segment > newest) newest = findings.last_segment;
  if (newest > now + catalog::FolderCatalog::kClockSkew) findings.future = newest;
}

// For how long, at least, the primary has been beyond what ends there.
base::Duration WalArchiveProbe::AgeOf(verify::Lsn end, const WalFindings& findings,
                                      const RunContext& context) const {
  if (!findings.primary || findings.other_cluster) return {};
  const auto reading = positions_->Read(spec_.primary, end, context.clock->Steady());
  return reading && reading->lag ? reading->lag->at_least : base::Duration{};
}

void WalArchiveProbe::FindWindow(WalFindings& findings, const RunContext& context) {
  const catalog::WalArchiveState& state = findings.state;
  if (!state.reachable) return;
  const catalog::WalRange& range = *state.reachable;
  const WalEnd read = FindWalEnd(state, findings.bases, *reader_, verdicts_);
  findings.last_commit = read.last_commit;
  if (!state.window_base) return;
  const catalog::WalSegmentFile* last =
      FindSegment(reader_->inventory(), {range.timeline, range.last});
  verify::Lsn breaks_off =
      (range.last + 1) * static_cast<std::uint64_t>(reader_->inventory().segment_bytes);
  // What an idle server has not written cannot be missed.
  const bool reaches_end = state.archived_to && breaks_off >= *state.archived_to;
  if (reaches_end && findings.streamed_to) breaks_off = *findings.streamed_to;
  if (reaches_end && findings.streamed_commit) findings.last_commit = findings.streamed_commit;
  const base::Timestamp latest =
      context.now - (reaches_end ? findings.end_age : AgeOf(breaks_off, findings, context));
  const catalog::WalBase& base = findings.bases[*state.window_base];
  const base::Timestamp surely = base.begun == base::Timestamp{} ? base.stopped : base.begun;
  base::Timestamp end = findings.last_commit.value_or(surely);
  std::optional<base::Timestamp> modified;
  if (last != nullptr) modified = last->modified;
  if (last != nullptr && !Reads({range.timeline, range.last}, *last)) {
    end = std::max(end, last->modified);
  }
  const base::Timestamp written = window_written_.Latest(breaks_off, end, modified, context);
  end = std::min(end, written);
  const bool lag_known = findings.lag_seconds && !findings.lag_is_bound;
  if (lag_known && reaches_end) {
    const base::Duration lag(static_cast<std::int64_t>(*findings.lag_seconds * 1000));
    end = std::max(end, context.now - lag);
  }
  findings.window_end = std::max(std::min(end, latest), std::min({surely, latest, written}));
  findings.window_start = std::min({base.stopped, latest, written, *findings.window_end});
  const bool seen_up_to_now = lag_known && !findings.unseen_seconds && reaches_end;
  if (spec_.verify && !seen_up_to_now) findings.end_unread = read.unread;
  findings.replay_bases =
      FindReplayBases(state, findings.bases, reader_->inventory(), reader_->objects());
  for (model::ReplayBase& replay : findings.replay_bases) replay.wal_reading = speeds_.Find("");
}

std::uint64_t WalArchiveProbe::ExpectedSystem() const {
  if (primary_) {
    if (const auto system = ParseSystem(primary_->history.system_identifier)) return *system;
  }
  return reader_->system_identifier().value_or(0);
}

std::uint64_t WalArchiveProbe::ArchivedSystem() const {
  return reader_->system_identifier().value_or(ExpectedSystem());
}

// Back to the last commit that can be restored. Which one that is may change with what is found to
// be damaged.
void WalArchiveProbe::ReadEnd(catalog::WalQuestion question, const RunContext& context) {
  const base::Deadline deadline = base::Deadline::After(context.deadline.Remaining() / 2);
  catalog::WalArchiveState state = catalog::JudgeWalArchive(reader_->inventory(), question);
  std::set<WalSegmentKey> tried;
  while (!deadline.Expired() && !context.stop.stopped()) {
    const auto next = NextAtEnd(state, question.bases, *reader_, verdicts_, tried);
    if (!next) return;
    tried.insert(next->key);
    verifier_.VerifyNow({*next}, ExpectedSystem(), deadline, context.stop);
    const auto verdict = verdicts_.Find(next->key, next->object.fingerprint);
    if (!verdict || verdict->outcome != verify::Outcome::kBroken) continue;
    question.broken.insert(next->key);
    state = catalog::JudgeWalArchive(reader_->inventory(), question);
  }
}

// What the listing alone does not let pass.
void WalArchiveProbe::VerifyOdd(const RunContext& context) {
  if (all_read_ == reader_->changes()) return;
  const base::Deadline deadline = base::Deadline::After(context.deadline.Remaining() / 2);
  for (WalWork& work : OddSegments(*reader_, verdicts_)) {
    if (deadline.Expired() || context.stop.stopped()) return;
    if (work.object.size_bytes <= BytesWithin(deadline.Remaining()) &&
        verifier_.VerifyNow({work}, ExpectedSystem(), deadline, context.stop)) {
      continue;
    }
    if (!only_run_ && verifier_.idle()) verifier_.Start({std::move(work)}, ExpectedSystem());
  }
  if (OddSegments(*reader_, verdicts_).empty()) all_read_ = reader_->changes();
}

void WalArchiveProbe::Verify(const catalog::WalArchiveState& state, const RunContext& context) {
  if (!spec_.verify) return VerifyOdd(context);
  if (all_read_ == reader_->changes() || !verifier_.idle()) return;
  std::vector<WalWork> batch = NextToRead(state, *reader_, verdicts_);
  const base::Duration budget = context.deadline.Remaining() / 2;
  const std::int64_t limit = BytesWithin(budget);
  // The newest at once: where the WAL ends matters most.
  auto now = batch.end();
  std::int64_t bytes = 0;
  while (now != batch.begin() && bytes + (now - 1)->object.size_bytes <= limit) {
    bytes += (--now)->object.size_bytes;
  }
  bool all = now == batch.begin();
  if (now != batch.end()) {
    // A slow place, or little time: what two of them take in turn may be too long for each run.
    all = verifier_.VerifyNow({now, batch.end()}, ExpectedSystem(), base::Deadline::After(budget),
                              context.stop) &&
          all;
  }
  if (all) return;
  // With what was read now as neighbours.
  batch = NextToRead(state, *reader_, verdicts_);
  if (!batch.empty() && !only_run_) verifier_.Start(std::move(batch), ExpectedSystem());
}

// What is dated in the future came when it was seen first. A look that nobody remembers knows
// nothing of that.
catalog::WalArchiveState WalArchiveProbe::JudgeBySight(catalog::WalQuestion& question) {
  const catalog::WalInventory& inventory = reader_->inventory();
  catalog::WalArchiveState state = catalog::JudgeWalArchive(inventory, question);
  if (only_run_ || !first_seen_.Note(state.runs, inventory, question.now)) return state;
  question.first_seen = first_seen_.times();
  return catalog::JudgeWalArchive(inventory, question);
}

WalFindings WalArchiveProbe::Judge(const RunContext& context) {
  WalFindings findings;
  catalog::WalQuestion question = Ask(context);
  if (verdicts_.Forgive(context.now)) all_read_.reset();
  if (only_run_ && spec_.verify) ReadEnd(question, context);
  // Once to know what is there to be read, once with what reading it showed.
  Verify(catalog::JudgeWalArchive(reader_->inventory(), question), context);
  DateBases(question.bases, *reader_, verdicts_);
  FindBroken(findings, question);
  if (archive_) {
    positions_->archive_notes().PutHoldings(
        *archive_,
        catalog::TakeWalHoldings(reader_->inventory(), question.broken, ArchivedSystem()));
  }
  findings.state = JudgeBySight(question);
  findings.switch_segment =
      catalog::FindMissingSwitchSegment(reader_->inventory(), question, findings.state);
  findings.bases = std::move(question.bases);
  if (archive_) {
    std::set<std::pair<std::string, std::string>> left;
    for (const std::size_t base : findings.state.left_bases) {
      left.emplace(findings.bases[base].probe, findings.bases[base].name);
    }
    positions_->archive_notes().PutLeft(*archive_, std::move(left));
  }
  findings.primary = primary_;
  if (primary_ && reader_->system_identifier()) {
    const auto system = ParseSystem(primary_->history.system_identifier);
    findings.other_cluster = system && *system != *reader_->system_identifier();
    if (findings.other_cluster) reader_->DoubtSystem();
  }
  for (const auto& [timeline, files] : reader_->inventory().segments) {
    findings.segments += files.size();
  }
  if (spec_.verify && all_read_ != reader_->changes()) {
    findings.unverified = CountUnread(findings.state, *reader_, verdicts_);
    if (findings.unverified == 0) all_read_ = reader_->changes();
  }
  if (!findings.state.runs.empty()) {
    const catalog::WalRange& newest = findings.state.runs.back();
    const catalog::WalSegmentFile* file =
        FindSegment(reader_->inventory(), {newest.timeline, newest.last});
    if (file != nullptr) findings.last_segment = file->modified;
  }
  FindStreamed(findings, context);
  if (positions_ != nullptr) {
    lag_.Find(*positions_, *reader_, verdicts_, context, findings);
  }
  FindWindow(findings, context);
  const bool pruning = findings.state.pruned > 0 &&
                       (findings.state.chains.empty() ||
                        (!question.leaving.empty() &&
                         BreaksOff(findings.state, reader_->inventory().segment_bytes)));
  findings.bases_awaited = pruning || (!bases_seen_ && !FromMarks(findings.bases));
  // A look that knows nothing of earlier ones cannot tell.
  if (spec_.window && findings.window_start && !only_run_) {
    const base::Timestamp start = findings.bases[*findings.state.window_base].stopped;
    // What has not arrived yet makes it no older.
    const base::Timestamp end = std::max(*findings.window_end, context.now - spec_.max_lag);
    findings.window_grows =
        window_start_.Grows(start, ArchivedSystem(), reader_->inventory(), *spec_.window, end);
  }
  FindFuture(findings, context.now);
  return findings;
}

// So that a first run knows as much as later ones, in whatever order probes run.
void WalArchiveProbe::AwaitOthers(const RunContext& context) {
  const auto until = [&context](base::Duration patience) {
    return base::Deadline::After(std::min(patience, context.deadline.Remaining() / 4));
  };
  bases_seen_ = positions_->archive_notes().AwaitBases(
      spec_.base_backups, {config_.service, spec_.data},
      until(looked_ ? base::Duration{0} : kBasesPatience), context.stop);
  if (spec_.primary.empty()) return;
  positions_->AwaitFirstRun(spec_.primary, until(kPrimaryPatience), context.stop);
  primary_ = positions_->Read(spec_.primary, 0, context.clock->Steady());
}

model::ProbeResult WalArchiveProbe::Run(const RunContext& context) {
  const base::SteadyTime begin = context.clock->Steady();
  ProbeReport report(config_, place_->Describe(), context.now);
  if (positions_ != nullptr) AwaitOthers(context);
  const auto blind = Look(context);
  report.Gauge("backup_probe_success", "1 if the place itself could be looked at.", labels_,
               blind ? 0 : 1);
  if (blind) {
    ReportUnseenPlace(report, *blind, spec_.place, only_run_);
  }
  std::vector<model::ReplayBase> replay_bases;
  if (looked_ && !blind && only_run_) LookAgain(context);
  if (looked_) {
    WalFindings findings = Judge(context);
    AddWalMetrics(spec_, labels_, *reader_, findings, report);
    AddWalChecks(spec_, labels_, *reader_, findings, report);
    replay_bases = std::move(findings.replay_bases);
  }
  report.Counter("backup_verified_bytes_total", "Bytes read for verification.", labels_,
                 static_cast<double>(verifier_.bytes_read()));
  model::ProbeResult result =
      report.Finish(std::chrono::duration_cast<base::Duration>(context.clock->Steady() - begin));
  result.replay_bases = std::move(replay_bases);
  return result;
}

model::ProbeResult WalArchiveProbe::NotRun(Reason reason, const std::string& message) const {
  ProbeReport report(config_, place_->Describe(), {});
  report.NotRun(reason, message);
  return report.Finish({});
}

std::unique_ptr<Probe> MakeWalArchiveProbe(const config::Probe& config,
                                           const ProbeServices& services) {
  return std::make_unique<WalArchiveProbe>(config, services);
}

}  // namespace drwatch::probes
