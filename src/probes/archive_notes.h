// What probes tell the probes of WAL archives: what a primary's archiver says, and which base
// backups exist.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/wal_archive.h"

namespace drwatch::probes {

// Of one run of a primary's probe.
struct ArchiverNote {
  std::string last_archived;                    // a segment's name; empty if none or not told
  std::optional<double> last_archived_seconds;  // when, Unix time
  double archive_timeout_seconds = 0;           // 0 = not set
};

// Thread-safe.
class ArchiveNotes {
 public:
  void Put(const std::string& probe, ArchiverNote note);
  std::optional<ArchiverNote> Find(const std::string& probe) const;

  // Whose data it is: a service and the name of its data.
  using Owner = std::pair<std::string, std::string>;
  // The base backups of a backup probe, by the newest listing.
  void PutBases(const std::string& probe, const Owner& owner, std::vector<catalog::WalBase> bases);
  // Those of the named probes; without names those of all probes of the owner. Not the broken ones.
  std::vector<catalog::WalBase> Bases(const std::vector<std::string>& probes,
                                      const Owner& owner) const;
  // Whether somebody looks at base backups: one of the named probes, or a probe of the owner that
  // has ever found one, whatever became of it.
  bool WatchBases(const std::vector<std::string>& probes, const Owner& owner) const;

 private:
  struct KnownBases {
    Owner owner;
    std::vector<catalog::WalBase> bases;
    bool had_any = false;
  };
  mutable std::mutex mutex_;
  std::map<std::string, ArchiverNote> notes_;
  std::map<std::string, KnownBases> bases_;
};

}  // namespace drwatch::probes
