// Incremental base backups (PostgreSQL 17, pg_basebackup --incremental): each can be restored only
// with the backup that it was made upon, and with all that that one needs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "config/config.h"
#include "probes/archive_notes.h"
#include "probes/backup_verdicts.h"
#include "probes/position_ring.h"
#include "probes/probe.h"
#include "verify/backup_origin.h"

namespace drwatch::probes {

// One backup probe's. Reads each backup's label once. One thread.
class BackupChains {
 public:
  // All outlive this; `config` is of a backup probe, `positions` may be nullptr.
  BackupChains(const config::Probe& config, PositionRing* positions, bool only_run);

  // Gives a defect to those whose parent is broken, or neither listed nor among the base backups of
  // another probe of the same data. While that is not known, none. `bucket` is where they lie,
  // nullptr if it is a folder.
  void Judge(catalog::Listing& listing, const BackupVerdicts& verdicts, catalog::Place* bucket,
             const RunContext& context);
  // What the newest was made upon, its parent first. Of the listing that was judged last.
  std::vector<catalog::Artefact> BelowNewest(const std::vector<catalog::Artefact>& complete) const;

 private:
  using Origin = std::optional<verify::BackupOrigin>;
  // By path: its fingerprint, and what its label says.
  using Origins = std::map<std::string, std::pair<std::uint64_t, Origin>>;
  // Where they begin, and which: of the complete ones in a listing, then of the recent ones.
  using Starts = std::multimap<std::pair<std::uint32_t, verify::Lsn>, std::size_t>;

  void ReadOrigins(const catalog::Listing& listing, catalog::Place* bucket,
                   const RunContext& context);
  const verify::BackupOrigin* OriginOf(const catalog::Artefact& artefact) const;
  Starts StartsOf(const std::vector<catalog::Artefact>& complete,
                  const std::vector<catalog::Artefact>& recent) const;
  std::optional<std::string> WhyLost(const verify::BackupStart& parent,
                                     const catalog::Listing& listing, const Starts& starts,
                                     const BackupVerdicts& verdicts,
                                     const RunContext& context) const;
  bool OthersHave(const verify::BackupStart& start) const;
  bool AllIsKnown(const RunContext& context) const;

  const std::string probe_;
  const ArchiveNotes::Owner owner_;
  const ArchiveNotes* const notes_;
  const bool only_run_;
  Origins origins_;
  bool all_read_ = true;
};

}  // namespace drwatch::probes
