// What the others at a place say of a backup that says little itself: pure, but for a verdict that
// is replaced.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"

namespace drwatch::probes {

// No dump takes as long: what began so much earlier than its file was written is a copy that got a
// new date.
inline constexpr base::Duration kLongestDump = std::chrono::hours(48);

// More of them than this, and the place may hold nothing else.
inline constexpr std::size_t kMaxStrangers = 8;

// How many of the newest ones, up to kMaxStrangers + 1, were read and are of no known format,
// neither encrypted nor named by a checksum file, or are JSON or YAML: what lies in the folder of
// backups need be none. Not of `kind: files`. One of no known format ends the count where what lay
// there before, or the newest judged one of its series (SeriesOf), was of a known one: its verdict
// becomes "broken".
std::size_t CountStrangers(const config::BackupProbe& spec,
                           const std::vector<catalog::Artefact>& complete,
                           BackupVerdicts& verdicts);

// Moves copies to where they belong, so that they are no newest backup: those that began
// kLongestDump before by their own account, dumps whose file was written that long before the date
// in their name, and what is called the newest and holds the bytes of
// one that has a date in its name, but for those that come more rarely than a backup is due.
// Strangers at the end are no measure. True if any was moved. Those that were not read yet stay
// where they are.
bool DateByContents(const config::BackupProbe& spec, BackupVerdicts& verdicts,
                    catalog::ArtefactList& complete);

// The names of the others of their kind where one of a known format was there before: as the newest
// they were left out, and once a backup came after them they are no state to go back to either.
std::unordered_set<std::string> OlderStrangers(const config::BackupProbe& spec,
                                               const std::vector<catalog::Artefact>& complete,
                                               const BackupVerdicts& verdicts);

// Takes these out where the one before them is no stranger, and says so among the findings.
void LeaveStrangersOut(const config::BackupProbe& spec, BackupVerdicts& verdicts,
                       catalog::Listing& listing);

}  // namespace drwatch::probes
