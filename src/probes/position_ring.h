// Where each PostgreSQL primary was, and when: turns a position in the WAL into the time at which
// the primary passed it, without writing to it and without comparing clocks.
//
// Every run of a primary's probe adds a look. The lag of a standby is then the time since the first
// change after its replayed position, also while the link is cut or the primary is down, and it is
// 0 while the primary idles; that of an archive counts the ends of transactions where nothing else
// ships the open segment. Looks are kept for hours at full resolution and thinned out where they
// are older, within a fixed number for each primary.
//
// Times are steady (a step of the wall clock changes nothing); wall times are stored, so that the
// looks are still worth something after a restart. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "db/database.h"
#include "probes/archive_notes.h"
#include "probes/position_reading.h"
#include "probes/postgres_server_names.h"

namespace drwatch::probes {

class PositionRing {
 public:
  static constexpr std::size_t kMaxLooks = 2048;        // for each primary
  static constexpr base::Duration kSaveInterval{5000};  // kill -9 loses no more

  // Reads what `database` remembers; nullptr keeps everything in memory. Without a `clock` the
  // machine's. Both outlive the ring. A database that cannot be read or written is logged, once.
  explicit PositionRing(db::Database* database, const base::Clock* clock = nullptr);
  ~PositionRing();  // saves
  PositionRing(const PositionRing&) = delete;
  PositionRing& operator=(const PositionRing&) = delete;

  // A probe of that name will run: AwaitFirstRun() may wait for it.
  void Expect(const std::string& probe);
  // The primary was at `lsn` at `at`. Another timeline of the same system keeps what lies at or
  // before `lsn`; another system begins anew (an empty identifier: it was not told this time); so
  // does a primary that went back. `transactions` is another text whenever a transaction that
  // writes has ended; "" if that is not known.
  void Observe(const std::string& probe, const WalHistory& history, std::uint64_t lsn,
               base::SteadyTime at, base::Duration interval, const std::string& transactions = "");
  // A run of the probe ended without a position.
  void ObserveNothing(const std::string& probe);
  // Returns when a run of an expected probe has ended since the start, so that the first run of a
  // standby's probe finds what the first run of its primary's saw, in whatever order they come. At
  // once if none is expected or one has ended; otherwise by the deadline or a stop.
  void AwaitFirstRun(const std::string& probe, base::Deadline deadline,
                     const base::StopToken& stop) const;

  // How far `lsn`, read at `at` or later, is behind `probe`. Looks after `at` do not count, because
  // the position may have moved meanwhile. nullopt if nothing is known of the probe.
  std::optional<PositionReading> Read(const std::string& probe, std::uint64_t lsn,
                                      base::SteadyTime at, const OpenSegment& open = {}) const;
  ServerNames& server_names() { return server_names_; }
  ArchiveNotes& archive_notes() { return archive_notes_; }

 private:
  // The primary was seen at `lsn` from `first` to `last`.
  struct Look {
    std::uint64_t lsn = 0;
    base::SteadyTime first{};
    base::SteadyTime last{};
    bool after_hole = false;  // the look before it was long ago
    bool ended = true;        // a transaction, since the look before it; true where nobody knows
  };
  struct Primary {
    WalHistory history;
    base::SteadyTime timeline_since{};  // the first look on it
    std::string transactions;           // at the last look
    std::vector<Look> looks;            // by lsn and by time
    base::Duration interval{};
    bool expected = false;
    bool ran = false;
    bool changed = false;                    // since the last save
    bool rewrite = false;                    // more than the last looks changed
    std::optional<std::uint64_t> saved_lsn;  // what lies before it is on disk
  };
  // What goes to disk of one primary.
  struct Unsaved {
    std::string probe;
    WalHistory history;
    base::SteadyTime timeline_since{};
    std::string transactions;
    std::vector<Look> looks;
    bool rewrite = false;
  };

  static void Append(Primary& primary, const WalHistory& history, std::uint64_t lsn,
                     base::SteadyTime at, bool ended);
  static void Thin(Primary& primary);
  static std::optional<PositionLag> LagOf(const std::vector<Look>& looks, std::size_t count,
                                          std::uint64_t lsn, base::SteadyTime at,
                                          const OpenSegment& open);
  static void Straighten(std::vector<Look>& looks, base::SteadyTime now);
  base::Duration WallAhead() const;
  base::Status Load();
  void Save();
  std::vector<Unsaved> TakeUnsaved();
  base::Status Write(const std::vector<Unsaved>& unsaved);

  db::Database* const database_;
  const base::Clock& clock_;
  ServerNames server_names_;
  ArchiveNotes archive_notes_;
  mutable std::mutex mutex_;
  std::map<std::string, Primary> primaries_;
  base::SteadyTime last_save_{};
  base::Duration saved_ahead_{};  // WallAhead() when what is on disk was written
  std::mutex save_mutex_;         // one save at a time; taken before mutex_
  bool save_failed_ = false;
};

std::vector<db::Migration> PositionRingMigrations();

}  // namespace drwatch::probes
