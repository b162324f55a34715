// What probes tell the probes of WAL archives: what a primary's archiver says, and which base
// backups exist. And what those tell the backup probes: which WAL they hold.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "catalog/wal_archive.h"
#include "catalog/wal_holdings.h"

namespace drwatch::probes {

// Of one run of a primary's probe.
struct ArchiverNote {
  std::string last_archived;  // a segment's name; empty if none or not told
  std::optional<base::SteadyTime> last_archived_at{};
  double archive_timeout_seconds = 0;  // 0 = not set
  double waited_seconds = 0;           // age of the oldest segment that waits; 0 = none
  std::int64_t segment_bytes = 0;      // of its WAL; 0 = not told
};

// Whether an archive holds what a base backup without WAL of its own needs.
struct WalSupply {
  enum class State {
    kHeld,
    kMissing,
    kUnknown,  // an archive was not looked at yet, and no other one holds it
  };
  State state = State::kUnknown;
  std::vector<std::string> archives;  // the probes whose archives hold it
  std::string why;                    // what speaks against the others; empty if it is held
  // Of kMissing: for how long after a backup its WAL may still come; 0: it does not.
  base::Duration patience{};
};

// Thread-safe.
class ArchiveNotes {
 public:
  void Put(const std::string& probe, ArchiverNote note);
  std::optional<ArchiverNote> Find(const std::string& probe) const;

  // Whose data it is: a service and the name of its data.
  using Owner = std::pair<std::string, std::string>;
  // A backup probe whose place was not seen yet.
  struct Awaited {
    Owner owner;
    bool ran = false;  // and saw nothing
  };
  // A backup probe of that name will run: AwaitBases() may wait for it. It is forgotten with the
  // last owner of what this returns.
  std::shared_ptr<Awaited> ExpectBases(const std::string& probe, const Owner& owner);
  // A run of it ended, with base backups or without. Where it did not see its place nobody waits
  // for it, and nobody knows yet what is there.
  void EndRun(const std::string& probe, bool saw);
  // Waits until all that are expected of the named probes (without names: of the owner's) have
  // run, a deadline or a stop. True if all of them have seen their place.
  bool AwaitBases(const std::vector<std::string>& probes, const Owner& owner,
                  base::Deadline deadline, const base::StopToken& stop) const;
  // The same for those of the owner but `probe`.
  bool AwaitOthers(const std::string& probe, const Owner& owner, base::Deadline deadline,
                   const base::StopToken& stop) const;
  // The base backups of a backup probe, by the newest listing.
  void PutBases(const std::string& probe, const Owner& owner, std::vector<catalog::WalBase> bases);
  // Those of the named probes; without names those of all probes of the owner. Not the broken ones.
  std::vector<catalog::WalBase> Bases(const std::vector<std::string>& probes,
                                      const Owner& owner) const;
  // Whether somebody looks at base backups: one of the named probes, or a probe of the owner that
  // has ever found one, whatever became of it.
  bool WatchBases(const std::vector<std::string>& probes, const Owner& owner) const;

  // One WAL archive; it is forgotten with its last owner.
  struct Archive {
    std::string probe;
    Owner owner;
    std::vector<std::string> base_backups;  // the probes it is for; empty = all of the owner's
    std::optional<catalog::WalHoldings> holdings;  // nullopt: not looked at yet
    // Base backups, by probe and name, on WAL that the server has left behind.
    std::set<std::pair<std::string, std::string>> left{};
    base::Duration patience{};  // for how long WAL may be on its way to it
  };
  std::shared_ptr<Archive> AddArchive(Archive archive);
  void PutHoldings(Archive& archive, catalog::WalHoldings holdings);
  void PutLeft(Archive& archive, std::set<std::pair<std::string, std::string>> left);
  // Whether an archive for a backup probe says so of what it found under that name.
  bool IsLeft(const std::string& probe, const Owner& owner, const std::string& name) const;
  // For a backup probe and the owner of what it finds.
  WalSupply FindWal(const std::string& probe, const Owner& owner,
                    const verify::NeededWal& needed) const;
  // Waits until all archives for it were looked at.
  void AwaitArchives(const std::string& probe, const Owner& owner, base::Deadline deadline,
                     const base::StopToken& stop) const;

 private:
  std::vector<std::shared_ptr<const Archive>> ArchivesFor(const std::string& probe,
                                                          const Owner& owner) const;
  using IsFor = std::function<bool(const std::string& probe, const Owner& owner)>;
  bool Await(const IsFor& is_for, base::Deadline deadline, const base::StopToken& stop) const;
  struct KnownBases {
    Owner owner;
    std::vector<catalog::WalBase> bases;
    bool had_any = false;
  };
  mutable std::mutex mutex_;
  std::map<std::string, ArchiverNote> notes_;
  std::map<std::string, KnownBases> bases_;
  std::map<std::string, std::weak_ptr<Awaited>> awaited_;
  std::vector<std::weak_ptr<Archive>> archives_;
};

}  // namespace drwatch::probes
