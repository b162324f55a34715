// What should be read next, given the verdicts there are: pure, no I/O.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

// How soon a verification is tried again that could not judge because of its surroundings.
inline constexpr base::Duration kRetryAfter = std::chrono::hours(1);

// Whether `after` has gone by since `at`. What lies in the future, by more than clocks differ, was
// noted while this machine's clock was wrong: then nobody knows, and it counts as long ago.
bool IsOver(base::Timestamp at, base::Duration after, base::Timestamp now);

// Whether the backup of that name is no state to return to, whole as it may be.
using IsLeft = std::function<bool(const std::string& name)>;

// The newest if it has no verdict, an old one, or checksum files that say something else by now;
// else, while it is good, what its run left of other databases; else, if it is bad or the place
// does not let it be read, the newest of the older ones that may be good, until one is: that one is
// verified again when its verdict is old. nullopt: nothing. A broken verdict stays for those bytes.
// `complete` is oldest first.
std::optional<catalog::Artefact> NextToVerify(const config::BackupProbe& spec,
                                              const std::vector<catalog::Artefact>& complete,
                                              const BackupVerdicts& verdicts, const IsLeft& is_left,
                                              base::Timestamp now);

}  // namespace drwatch::probes
