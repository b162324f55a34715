// The copies of each backup across its places: how many are good, how many off-site or immutable,
// whether they are the same and which one is not, how far one is behind. Pure: from the latest
// results of all probes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"

namespace drwatch::recovery {

// A place of a backup: one probe.
struct CopyPlace {
  std::string probe;
  std::string location;
  std::string target;  // for people
  bool offsite = false;
  std::string region;
  bool visible = false;                   // the place could be looked at
  bool success = false;                   // backup_success
  std::vector<model::StoredCopy> copies;  // newest first
  // The state of a good one in whose place one lies that is not verified yet.
  std::optional<double> presumed_seconds;
  // What the probe says of the newest good one where that is not simply the newest, and how far it
  // looked where there is none; may be empty.
  std::string search;
  // The newest copy that is good.
  const model::StoredCopy* LatestGood() const;
};

// A place whose copy is not the one that most places have (the first one, if there is no majority);
// where any of them is good, not the good one that most have.
struct CopyDifference {
  std::string location;
  std::string by;      // "digest", "size" or "damage"
  std::string detail;  // "99 bytes instead of 100"
};

struct BackupReport {
  std::string backup;
  std::string service;
  std::vector<CopyPlace> places;  // in the order of the configuration
  // Places with a good, current copy, or one that replaced a good one and is not read yet. A base
  // backup without WAL is off-site where one of the archives that have its WAL is, too; it never
  // counts as immutable.
  int copies = 0, offsite_copies = 0, immutable_copies = 0;
  std::optional<int> copies_target, offsite_target, immutable_target;
  // Of the newest copy that several places have, under its name or with its digest: whether all of
  // them are the same, by digest where both know one, else by size; one that is proven broken is
  // not the same as one that is proven good. Where a name is overwritten each time a copy of what
  // was there before is behind (backup_copy_lag_seconds), not different.
  std::optional<bool> identical;
  std::string differing;  // its name, if they are not the same
  std::vector<CopyDifference> differences;
};

// A copy that was made without its time (an upload, cp) is as old as what it is a copy of: of the
// same backup, with the same digest, under the same name. Where the name says no date each run may
// leave the same bytes there: then only copies elsewhere follow the first place of the site itself.
void DateCopies(const config::Config& config, std::vector<model::ProbeResult>& latest);

// In the order of the names. Backups are grouped by their label `backup` and service.
std::vector<BackupReport> CompareCopies(const config::Config& config,
                                        const std::vector<model::ProbeResult>& latest,
                                        base::Timestamp now);

// backup_copies and their kin, of backups that have a target or several places.
std::vector<model::MetricFamily> CopyFamilies(const std::vector<BackupReport>& reports);

}  // namespace drwatch::recovery
