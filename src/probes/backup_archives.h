// What a backup probe and the probes of WAL archives tell each other: which base backups there are,
// which WAL they need, and which of them the server has left behind.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "config/config.h"
#include "model/probe_result.h"
#include "probes/archive_notes.h"
#include "probes/backup_verdicts.h"
#include "probes/base_backups.h"
#include "probes/position_ring.h"
#include "probes/probe.h"

namespace drwatch::probes {

// Asks the archives for the probe of `config`. Without `positions` nobody has WAL: nullptr.
FindWal FindWalFor(const config::Probe& config, PositionRing* positions);

// One backup probe's. Does nothing without `positions`. One thread.
class BackupArchives {
 public:
  // All outlive this. `config` is of a backup probe; `positions` may be nullptr.
  BackupArchives(const config::Probe& config, PositionRing* positions,
                 const BackupVerdicts& verdicts);

  // Tells the probes of WAL archives what they can replay on. `bucket` is where `complete` lies,
  // nullptr if it is a folder.
  void NoteBases(const std::vector<catalog::Artefact>& complete, catalog::Place* bucket,
                 const RunContext& context);
  // A first run waits, for a quarter of its time at most, for the first look at the archives that
  // its backups need.
  void AwaitArchives(const std::vector<catalog::Artefact>& complete,
                     const RunContext& context) const;
  // `saw`: what its place holds, or that it is not there.
  void EndRun(bool saw) const;

  // Whether it was taken on WAL that the server has left: whole, and no state to return to.
  bool IsLeft(const std::string& name) const;

 private:
  const config::BackupProbe& spec_;
  const std::string probe_;
  const ArchiveNotes::Owner owner_;
  ArchiveNotes* const notes_;
  const BackupVerdicts& verdicts_;
  std::shared_ptr<ArchiveNotes::Awaited> awaited_;
  BaseBackups bases_;
};

}  // namespace drwatch::probes
