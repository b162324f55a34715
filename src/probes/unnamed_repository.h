// A backup probe on loose files that was pointed at a backup program's repository.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "config/backup_probe_config.h"

namespace drwatch::probes {

// Called by the runs of one probe, one at a time.
class UnnamedRepository {
 public:
  // Names are looked at again only then: in a bucket each folder costs a request.
  static constexpr base::Duration kLookEvery = std::chrono::minutes(10);
  // Files that a backup program may keep beside its backups in a stanza's own folder. Where there
  // are more nobody looks.
  static constexpr std::size_t kMostBeside = 10;

  // `bucket`: where the probe looks, outlives this; nullptr: at the folder that `spec` names.
  UnnamedRepository(const config::BackupProbe& spec, catalog::Place* bucket);

  // Adds a finding that says what lies there, if no loose file is a backup. What lies in a stanza's
  // own folder beside its backups is none: it is taken out.
  void Note(catalog::Listing& listing, base::Timestamp now, const catalog::PlaceContext& context);

 private:
  void Look(base::Timestamp now, const catalog::PlaceContext& context);

  const bool possible_;  // else `repository` is set, or certain files were asked for
  const bool folder_;
  const std::unique_ptr<catalog::Place> own_;
  catalog::Place& place_;
  std::optional<base::Timestamp> looked_;
  std::optional<catalog::Finding> found_;
  bool in_stanza_ = false;
};

}  // namespace drwatch::probes
