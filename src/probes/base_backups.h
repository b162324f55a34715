// Which of a backup probe's artefacts are base backups that WAL can carry on, by their manifests
// or by what their repository says.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "catalog/artefact.h"
#include "catalog/place.h"
#include "catalog/wal_archive.h"

namespace drwatch::probes {

// One probe's. Reads each manifest once. One thread.
class BaseBackups {
 public:
  // Manifests read at one look; the rest follow at the next ones.
  static constexpr int kMaxReads = 3;

  // `place` is where the artefacts lie, nullptr if their paths are files of this machine.
  std::vector<catalog::WalBase> Find(const std::vector<catalog::Artefact>& artefacts,
                                     catalog::Place* place, const catalog::PlaceContext& context);

 private:
  // By the artefact's path: its fingerprint, and no base or one.
  std::map<std::string, std::pair<std::uint64_t, std::vector<catalog::WalBase>>> known_;
};

}  // namespace drwatch::probes
