// The parts of CheckPlan, each about other promises, and what they share. Internal to this folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace drwatch::config {

// How old the newest backup may become while everything is as configured; nullopt: nothing says.
std::optional<base::Duration> WorstAge(const BackupProbe& backup);
// The probes of the base backups that a WAL archive carries on. Dumps and loose files are none, not
// even by name.
std::vector<const Probe*> BaseBackupsOf(const Config& config, const Probe& probe,
                                        const WalArchiveProbe& wal);
// "service "shop" promises an RPO of 1h": how what is said of its objective begins.
std::string PromiseOf(const std::string& service, base::Duration rpo);

// A backup's limits against its schedule, and what is not verified.
void CheckLimits(const Config& config, Problems& problems);
// How many copies there can be, and probes that look at one place.
void CheckPlaces(const Config& config, Problems& problems);
// Backups of which nobody says what they hold, beside one that is known to hold the same data.
void CheckGuesses(const Config& config, Problems& problems);
// WAL against the base backups that it is replayed upon.
void CheckWalArchives(const Config& config, Problems& problems);

}  // namespace drwatch::config
