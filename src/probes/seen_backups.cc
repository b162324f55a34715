#include "probes/seen_backups.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "catalog/artefact_time.h"

namespace drwatch::probes {
namespace {

// Only the file system dates it, and it says a time that is to come.
bool IsAhead(const catalog::Artefact& artefact, base::Timestamp now) {
  return artefact.time_source == catalog::TimeSource::kModified &&
         catalog::IsMisdated(artefact, now);
}

}  // namespace

const SeenBackups::Seen* SeenBackups::Find(const catalog::Artefact& artefact) const {
  const auto known = seen_.find(artefact.path);
  if (known == seen_.end()) return nullptr;
  const Seen& seen = known->second;
  const bool same = seen.fingerprint == artefact.fingerprint && seen.modified == artefact.modified;
  return same ? &seen : nullptr;
}

// The time that it had when these bytes were read, if no better clock than its file's told it.
std::optional<base::Timestamp> SeenBackups::WhenRead(const catalog::Artefact& artefact) const {
  // Folders date such a tree, and no verdict knows them.
  if (artefact.folder && spec_.kind == "files") return std::nullopt;
  const auto verdict = verdicts_.Find(artefact);
  const bool by_file = verdict && verdict->taken != base::Timestamp{} &&
                       verdict->time_source >= catalog::TimeSource::kModified;
  return by_file ? std::optional(verdict->taken) : std::nullopt;
}

void SeenBackups::Note(const catalog::ArtefactList& complete, const RunContext& context) {
  decltype(seen_) seen;
  for (const catalog::Artefact& artefact : complete) {
    if (const Seen* const known = Find(artefact)) {
      seen[artefact.path] = *known;
    } else if (IsAhead(artefact, context.now)) {
      const base::Timestamp first = std::min(WhenRead(artefact).value_or(context.now), context.now);
      seen[artefact.path] = {artefact.fingerprint, artefact.modified,
                             context.clock->Steady() - (context.now - first)};
    }
  }
  seen_ = std::move(seen);
}

std::optional<base::Timestamp> SeenBackups::FirstSeen(const catalog::Artefact& artefact,
                                                      const RunContext& context) const {
  const Seen* const known = Find(artefact);
  if (known == nullptr) return WhenRead(artefact);
  return context.now -
         std::chrono::duration_cast<base::Duration>(context.clock->Steady() - known->since);
}

void SeenBackups::Date(catalog::ArtefactList& complete, const RunContext& context) {
  Note(complete, context);
  // Behind one that is moved another one may be the newest.
  for (std::size_t moved = 0; moved < complete.size(); ++moved) {
    const auto first = FirstSeen(complete.back(), context);
    if (!first || *first >= complete.back().time) return;
    std::vector<catalog::Artefact>& edited = complete.Edit();
    const auto newest = edited.end() - 1;
    newest->time = *first;
    std::rotate(std::upper_bound(edited.begin(), newest, *newest, catalog::IsBefore), newest,
                edited.end());
  }
}

}  // namespace drwatch::probes
