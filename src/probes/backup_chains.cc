#include "probes/backup_chains.h"

#include <algorithm>
#include <variant>

#include "base/strings.h"
#include "catalog/place_files.h"

namespace drwatch::probes {
namespace {

using verify::BackupOrigin;
using verify::BackupStart;
using verify::Walked;

Walked<std::optional<BackupOrigin>> ReadIn(catalog::Place& bucket, const std::string& name,
                                           const catalog::PlaceContext& context,
                                           verify::ReadBudget& budget) {
  catalog::ListOptions top;
  top.prefix = name + "/";
  top.one_level = true;
  const auto listed = bucket.List(top, context);
  if (!listed) return verify::Unjudged(listed.error().reason, listed.error().message);
  const catalog::PlaceFiles files(bucket, listed->objects, top.prefix);
  return verify::ReadBackupOrigin(files, budget);
}

Walked<std::optional<BackupOrigin>> Read(const catalog::Artefact& artefact, catalog::Place* bucket,
                                         const catalog::PlaceContext& context) {
  verify::VerifyOptions options;
  options.deadline = context.deadline;
  options.stop = context.stop;
  verify::ReadBudget budget(options);
  if (bucket != nullptr) return ReadIn(*bucket, artefact.name, context, budget);
  return verify::ReadBackupOrigin(verify::FolderFiles(artefact.path), budget);
}

std::pair<std::uint32_t, verify::Lsn> KeyOf(const BackupStart& start) {
  return {start.timeline, start.start};
}

// Its own files; the WAL that it lacks those made upon it bring along. "": nothing is known
// against it.
std::string WhyBad(const catalog::Artefact& artefact, const BackupVerdicts& verdicts) {
  if (artefact.defect) return artefact.defect->message;
  const auto verdict = verdicts.Find(artefact);
  const bool broken = verdict && verdict->outcome == verify::Outcome::kBroken;
  return broken && verdict->needs_wal.empty() ? verdict->text : std::string();
}

}  // namespace

BackupChains::BackupChains(const config::Probe& config, PositionRing* positions, bool only_run)
    : probe_(config.name),
      owner_(config.service, std::get<config::BackupProbe>(config.spec).data),
      notes_(positions != nullptr ? &positions->archive_notes() : nullptr),
      only_run_(only_run) {}

void BackupChains::ReadOrigins(const catalog::Listing& listing, catalog::Place* bucket,
                               const RunContext& context) {
  const base::Deadline deadline = base::Deadline::After(context.deadline.Remaining() / 4);
  Origins kept;
  all_read_ = true;
  const auto take = [&](const catalog::Artefact& artefact) {
    if (!artefact.folder || artefact.facts) return;
    const auto known = origins_.find(artefact.path);
    if (known != origins_.end() && known->second.first == artefact.fingerprint) {
      kept.insert(*known);
      return;
    }
    all_read_ = all_read_ && !deadline.Expired();
    if (deadline.Expired()) return;
    auto read = Read(artefact, bucket, {deadline, context.stop});
    all_read_ = all_read_ && read;
    if (read) kept[artefact.path] = {artefact.fingerprint, *std::move(read)};
  };
  const auto& complete = listing.complete.all();
  std::for_each(complete.rbegin(), complete.rend(), take);
  std::for_each(listing.recent.begin(), listing.recent.end(), take);
  origins_ = std::move(kept);
}

const BackupOrigin* BackupChains::OriginOf(const catalog::Artefact& artefact) const {
  const auto found = origins_.find(artefact.path);
  return found != origins_.end() && found->second.second ? &*found->second.second : nullptr;
}

BackupChains::Starts BackupChains::StartsOf(const std::vector<catalog::Artefact>& complete,
                                            const std::vector<catalog::Artefact>& recent) const {
  Starts starts;
  if (origins_.empty()) return starts;
  std::size_t index = 0;
  for (const auto* list : {&complete, &recent}) {
    for (const catalog::Artefact& artefact : *list) {
      const BackupOrigin* const origin = OriginOf(artefact);
      if (origin != nullptr) starts.emplace(KeyOf(origin->own), index);
      ++index;
    }
  }
  return starts;
}

bool BackupChains::OthersHave(const BackupStart& start) const {
  if (notes_ == nullptr) return false;
  const auto bases = notes_->Bases({}, owner_);
  return std::any_of(bases.begin(), bases.end(), [&](const catalog::WalBase& base) {
    return base.probe != probe_ && BackupStart{base.timeline, base.start} == start;
  });
}

// Whether what is not found is not there. An only run has no next one: it waits.
bool BackupChains::AllIsKnown(const RunContext& context) const {
  if (!all_read_ || notes_ == nullptr) return all_read_;
  const base::Duration patience(only_run_ ? context.deadline.Remaining() / 4 : base::Duration(0));
  const bool have_run =
      notes_->AwaitOthers(probe_, owner_, base::Deadline::After(patience), context.stop);
  return have_run || only_run_;
}

// nullopt: its parent is there, or may be.
std::optional<std::string> BackupChains::WhyLost(const BackupStart& parent,
                                                 const catalog::Listing& listing,
                                                 const Starts& starts,
                                                 const BackupVerdicts& verdicts,
                                                 const RunContext& context) const {
  std::string broken;
  const auto [begin, end] = starts.equal_range(KeyOf(parent));
  for (auto at = begin; at != end; ++at) {
    const std::size_t count = listing.complete.size();
    const catalog::Artefact& artefact =
        at->second < count ? listing.complete[at->second] : listing.recent[at->second - count];
    const std::string why = WhyBad(artefact, verdicts);
    if (why.empty()) return std::nullopt;
    broken = "incremental: it was made upon " + base::Quote(artefact.name) +
             ", which cannot be restored: " + why;
  }
  if (!broken.empty() && !OthersHave(parent)) return broken;
  if (!AllIsKnown(context) || OthersHave(parent)) return std::nullopt;
  return "incremental: the backup that it was made upon is not here, it " +
         BackupOrigin::Describe(parent);
}

void BackupChains::Judge(catalog::Listing& listing, const BackupVerdicts& verdicts,
                         catalog::Place* bucket, const RunContext& context) {
  ReadOrigins(listing, bucket, context);
  const Starts starts = StartsOf(listing.complete.all(), listing.recent);
  // Parents first, whatever timeline they are of: what breaks one breaks those made upon it.
  std::vector<std::pair<verify::Lsn, std::size_t>> order;
  for (const auto& [start, index] : starts) {
    if (index < listing.complete.size()) order.emplace_back(start.second, index);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [start, index] : order) {
    const catalog::Artefact& artefact = listing.complete[index];
    const auto& parent = OriginOf(artefact)->parent;
    if (!parent || artefact.defect) continue;
    auto why = WhyLost(*parent, listing, starts, verdicts, context);
    if (!why) continue;
    listing.complete.Edit()[index].defect =
        catalog::Finding{model::Reason::kIncomplete, *std::move(why)};
  }
}

std::vector<catalog::Artefact> BackupChains::BelowNewest(
    const std::vector<catalog::Artefact>& complete) const {
  std::vector<catalog::Artefact> below;
  if (complete.empty()) return below;
  const Starts starts = StartsOf(complete, {});
  const BackupOrigin* origin = OriginOf(complete.back());
  while (origin != nullptr && origin->parent) {
    const auto parent = starts.find(KeyOf(*origin->parent));
    // None can be made upon what came after it.
    if (parent == starts.end() || parent->first.second >= origin->own.start) break;
    below.push_back(complete[parent->second]);
    origin = OriginOf(below.back());
  }
  return below;
}

}  // namespace drwatch::probes
