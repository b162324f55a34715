// What reading the segments of a WAL archive proved. Each segment is read once; the verdicts stay
// in the database, so that a restart reads nothing again.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "db/database.h"
#include "model/probe_result.h"
#include "verify/verdict.h"

namespace drwatch::probes {

using WalSegmentKey = std::pair<std::uint32_t, std::uint64_t>;  // timeline and number

struct WalVerdict {
  std::uint64_t fingerprint = 0;  // of the object when it was read
  verify::Outcome outcome = verify::Outcome::kUnjudged;
  model::Reason reason = model::Reason::kNone;
  std::string text;  // "byte 123: wrong checksum of ..."; empty if intact
  std::optional<base::Timestamp> last_commit;
  // Of one that could not be read, which says nothing of its content: it is tried again from then
  // on. Not kept in the database.
  std::optional<base::Timestamp> again;
};

// Thread-safe.
class WalVerdicts {
 public:
  // One that could not be read for its own sake (no right to, a bad sector) is tried again after.
  static constexpr base::Duration kTryAgain{600'000};

  // `database` may be nullptr and outlives it.
  WalVerdicts(db::Database* database, std::string probe);

  // nullopt if the segment was not read yet, or has changed since.
  std::optional<WalVerdict> Find(const WalSegmentKey& key, std::uint64_t fingerprint) const;
  void Put(const WalSegmentKey& key, const WalVerdict& verdict);
  // Forgets what is to be tried again by now. True if there was any.
  bool Forgive(base::Timestamp now);
  // All that are not intact.
  std::vector<std::pair<WalSegmentKey, WalVerdict>> Bad() const;
  // Forgets segments that are gone. `present` is sorted.
  void Keep(const std::vector<WalSegmentKey>& present);

 private:
  // Of one that is intact: there may be hundreds of thousands.
  struct Intact {
    std::uint64_t number = 0;
    std::uint64_t fingerprint = 0;
    base::Timestamp last_commit{};  // the epoch: none
  };

  void Load() const;
  void Remember(const WalSegmentKey& key, const WalVerdict& verdict) const;
  const Intact* FindIntact(const WalSegmentKey& key) const;

  db::Database* const database_;
  const std::string probe_;
  mutable std::mutex mutex_;
  mutable bool loaded_ = false;
  mutable std::map<std::uint32_t, std::vector<Intact>> intact_;  // by timeline, sorted
  mutable std::map<WalSegmentKey, WalVerdict> others_;
};

std::vector<db::Migration> WalMigrations();

}  // namespace drwatch::probes
