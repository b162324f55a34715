// When backups whose every clock is ahead were seen first: they are as old as that, and not taken
// anew at each look.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_verdicts.h"
#include "probes/probe.h"

namespace drwatch::probes {

// One backup probe's. One thread. What was read is remembered over restarts, by its verdict.
class SeenBackups {
 public:
  // Both outlive this.
  SeenBackups(const config::BackupProbe& spec, const BackupVerdicts& verdicts)
      : spec_(spec), verdicts_(verdicts) {}

  // Moves the newest of `complete` back to when they were seen first where they are called younger:
  // those that are dated in the future, also once their date has come.
  void Date(catalog::ArtefactList& complete, const RunContext& context);

 private:
  struct Seen {
    std::uint64_t fingerprint = 0;
    base::Timestamp modified{};
    base::SteadyTime since{};
  };
  const Seen* Find(const catalog::Artefact& artefact) const;
  void Note(const catalog::ArtefactList& complete, const RunContext& context);
  std::optional<base::Timestamp> WhenRead(const catalog::Artefact& artefact) const;
  std::optional<base::Timestamp> FirstSeen(const catalog::Artefact& artefact,
                                           const RunContext& context) const;

  const config::BackupProbe& spec_;
  const BackupVerdicts& verdicts_;
  std::map<std::string, Seen> seen_;  // by path
};

}  // namespace drwatch::probes
