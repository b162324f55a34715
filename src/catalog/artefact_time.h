// When a backup was taken, by the best clock there is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/artefact.h"
#include "config/local_clock.h"

namespace drwatch::catalog {

struct TimeEvidence {
  std::optional<base::Timestamp> content;
  std::string_view name;
  base::Timestamp modified{};
  config::LocalClock clock = nullptr;  // of the zone that is configured for it; may be empty
  // When the file system noted a change last: by the clock of this machine or of its server, not of
  // the one that made the backup. nullopt: the place does not tell.
  std::optional<base::Timestamp> changed{};
};

// When it was `local` (read as UTC) for whoever made a backup that was done at `end`: by that clock
// or, as in a container, by UTC; the later one of these that is not after the end. `end` comes from
// another clock and may be a minute too early. nullopt: neither.
std::optional<base::Timestamp> ReadLocal(base::Timestamp local, const config::LocalClock& clock,
                                         base::Timestamp end);

// Sets `time` and `time_source` of `artefact`. A time after `now` (by more than
// FolderCatalog::kClockSkew) is not believed: the next best clock is taken, and the text returned
// says so; empty if all is well. When every clock is wrong the backup counts as taken now (a probe
// remembers when that was) as long as that can be another zone's time; beyond, nobody knows when it
// was taken (a time of now would make it the newest and fresh for as long as its date is to come):
// `time` is the epoch, older than any other, and `defect` says why.
//
// A time in a name without a zone is only believed when the modification time is more than half a
// day away from it: closer, it is the same event in another zone, and the modification time is
// exact. With a clock it is believed as ReadLocal() reads it. A day without a time of day bounds
// the modification time, an hour without a minute is a time without a zone.
std::string ChooseTime(const TimeEvidence& evidence, base::Timestamp now, Artefact& artefact);

// Whether its date lies in the future and none but the file system tells another one.
bool IsMisdated(const Artefact& artefact, base::Timestamp now);

// Oldest first, those of one time by name.
bool IsBefore(const Artefact& a, const Artefact& b);
void SortByTime(std::vector<Artefact>& artefacts);

}  // namespace drwatch::catalog
