#include "probes/position_ring.h"

#include <algorithm>

#include "base/log.h"

namespace drwatch::probes {
namespace {

// A look that comes later than this many intervals leaves a hole.
constexpr int kHoleIntervals = 3;
// How often a waiting standby looks whether its primary has run.
constexpr base::Duration kAwaitStep{5};
// What a server writes behind the end of a segment without any transaction: a checkpoint, what runs
// then, the page headers. The end of a transaction that was seen together with the step over that
// end was before it if no more was written.
constexpr std::uint64_t kHousekeepingBytes = 1024;

const base::Clock& MachineClock() {
  static const base::SystemClock clock;
  return clock;
}

// A wall clock that differs by more from what it was has been set.
constexpr base::Duration kClockStep{1000};

base::Duration Between(base::SteadyTime from, base::SteadyTime to) {
  return std::max(base::Duration(0), std::chrono::duration_cast<base::Duration>(to - from));
}

}  // namespace

std::vector<db::Migration> PositionRingMigrations() {
  return {{"positions", 1,
           "CREATE TABLE positions (probe TEXT NOT NULL, lsn INTEGER NOT NULL,"
           " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"  // Unix milliseconds
           " after_hole INTEGER NOT NULL, PRIMARY KEY (probe, lsn)) WITHOUT ROWID;"
           "CREATE TABLE position_histories (probe TEXT PRIMARY KEY,"
           " system_identifier TEXT NOT NULL, timeline INTEGER NOT NULL) WITHOUT ROWID"},
          {"positions", 2,
           "ALTER TABLE positions ADD COLUMN ended INTEGER NOT NULL DEFAULT 1;"
           "ALTER TABLE position_histories ADD COLUMN transactions TEXT NOT NULL DEFAULT ''"},
          {"positions", 3,  // Unix milliseconds
           "ALTER TABLE position_histories ADD COLUMN timeline_since INTEGER NOT NULL DEFAULT 0;"
           "UPDATE position_histories SET timeline_since = COALESCE((SELECT MAX(first_seen)"
           " FROM positions WHERE positions.probe = position_histories.probe), 0)"}};
}

PositionRing::PositionRing(db::Database* database, const base::Clock* clock)
    : database_(database), clock_(clock != nullptr ? *clock : MachineClock()) {
  last_save_ = clock_.Steady();
  saved_ahead_ = WallAhead();
  if (database_ == nullptr) return;
  if (const base::Status loaded = Load(); !loaded) {
    base::LogError("cannot read the remembered positions of PostgreSQL servers",
                   {{"error", loaded.error().message}});
    primaries_.clear();
  }
}

PositionRing::~PositionRing() { Save(); }

void PositionRing::Expect(const std::string& probe) {
  const std::lock_guard lock(mutex_);
  primaries_[probe].expected = true;
}

void PositionRing::ObserveNothing(const std::string& probe) {
  const std::lock_guard lock(mutex_);
  primaries_[probe].ran = true;
}

void PositionRing::Observe(const std::string& probe, const WalHistory& history, std::uint64_t lsn,
                           base::SteadyTime at, base::Duration interval,
                           const std::string& transactions) {
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    Primary& primary = primaries_[probe];
    primary.ran = true;
    primary.interval = interval;
    const bool ended = transactions.empty() || transactions != primary.transactions;
    Append(primary, history, lsn, at, ended);
    primary.transactions = transactions;
    due = database_ != nullptr && clock_.Steady() - last_save_ >= kSaveInterval;
  }
  if (due) Save();
}

void PositionRing::Append(Primary& primary, const WalHistory& history, std::uint64_t lsn,
                          base::SteadyTime at, bool ended) {
  std::vector<Look>& looks = primary.looks;
  primary.changed = true;
  WalHistory seen = history;
  if (seen.system_identifier.empty()) seen.system_identifier = primary.history.system_identifier;
  if (primary.history != seen) {
    if (primary.history.system_identifier != seen.system_identifier) looks.clear();
    primary.history = std::move(seen);
    primary.timeline_since = at;
    primary.rewrite = true;
  }
  // Positions it has left behind backwards (a lost page cache, another branch of history) will be
  // passed anew.
  const auto beyond =
      std::upper_bound(looks.begin(), looks.end(), lsn,
                       [](std::uint64_t value, const Look& look) { return value < look.lsn; });
  if (beyond != looks.end()) {
    looks.erase(beyond, looks.end());
    primary.rewrite = true;
  }
  if (!looks.empty()) at = std::max(at, looks.back().last);
  if (!looks.empty() && looks.back().lsn == lsn) {
    looks.back().last = at;
    looks.back().ended = looks.back().ended || ended;
    return;
  }
  const bool hole = !looks.empty() && at - looks.back().last > kHoleIntervals * primary.interval;
  looks.push_back(Look{lsn, at, at, hole, ended});
  if (looks.size() > kMaxLooks) Thin(primary);
}

// Makes room among the older half, by an eighth of all at least: a look goes where the gap it
// leaves is small against its age. With 1/128 of the age, a year fits; where that makes too little
// room, more is let go.
void PositionRing::Thin(Primary& primary) {
  constexpr std::size_t kEnough = kMaxLooks - kMaxLooks / 8;
  std::vector<Look>& looks = primary.looks;
  const base::SteadyTime now = looks.back().last;
  for (int part = 128; looks.size() > kEnough; part /= 2) {
    if (part == 0) {
      looks.erase(looks.begin(), looks.end() - static_cast<std::ptrdiff_t>(kEnough));
      break;
    }
    const std::size_t half = looks.size() / 2;
    std::size_t kept = 1;
    for (std::size_t i = 1; i < looks.size(); ++i) {
      const bool small =
          i < half && looks[i + 1].first - looks[kept - 1].last <= (now - looks[i].first) / part;
      if (small) {
        looks[i + 1].after_hole = looks[i + 1].after_hole || looks[i].after_hole;
        looks[i + 1].ended = looks[i + 1].ended || looks[i].ended;
      } else {
        looks[kept++] = looks[i];
      }
    }
    looks.resize(kept);
  }
  primary.rewrite = true;
}

void PositionRing::AwaitFirstRun(const std::string& probe, base::Deadline deadline,
                                 const base::StopToken& stop) const {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = primaries_.find(probe);
      if (found == primaries_.end() || !found->second.expected || found->second.ran) return;
    }
    if (deadline.Expired()) return;
    if (stop.Wait(deadline.Min(base::Deadline::After(kAwaitStep)))) return;
  }
}

std::optional<PositionReading> PositionRing::Read(const std::string& probe, std::uint64_t lsn,
                                                  base::SteadyTime at,
                                                  const OpenSegment& open) const {
  const std::lock_guard lock(mutex_);
  const auto found = primaries_.find(probe);
  if (found == primaries_.end()) return std::nullopt;
  const Primary& primary = found->second;
  const auto later =
      std::upper_bound(primary.looks.begin(), primary.looks.end(), at,
                       [](base::SteadyTime time, const Look& look) { return time < look.first; });
  const auto count = static_cast<std::size_t>(later - primary.looks.begin());
  if (count == 0) return std::nullopt;
  const Look& newest = primary.looks[count - 1];
  PositionReading reading;
  reading.history = primary.history;
  reading.newest = newest.lsn;
  reading.newest_age = Between(newest.last, at);
  // A primary that moved on after `at` was seen since, too.
  const base::Duration unseen = Between(primary.looks.back().last, at);
  reading.fresh = primary.interval.count() > 0 && unseen <= kHoleIntervals * primary.interval;
  reading.timeline_age = Between(primary.timeline_since, at);
  reading.lag = LagOf(primary.looks, count, lsn, at, open);
  return reading;
}

// Of the first `count` looks, which are those until `at`.
std::optional<PositionLag> PositionRing::LagOf(const std::vector<Look>& looks, std::size_t count,
                                               std::uint64_t lsn, base::SteadyTime at,
                                               const OpenSegment& open) {
  const auto end = looks.begin() + static_cast<std::ptrdiff_t>(count);
  const auto beyond =
      std::upper_bound(looks.begin(), end, lsn,
                       [](std::uint64_t value, const Look& look) { return value < look.lsn; });
  if (beyond == end) return std::nullopt;
  PositionLag lag;
  if (beyond == looks.begin()) {
    lag.at_least = Between(beyond->first, at);
  } else {
    const Look& before = *(beyond - 1);
    const double part =
        static_cast<double>(lsn - before.lsn) / static_cast<double>(beyond->lsn - before.lsn);
    const auto gap = beyond->first - before.last;
    const auto passed = std::chrono::duration_cast<base::SteadyTime::duration>(gap * part);
    lag.at_least = Between(beyond->first, at);
    lag.estimate = Between(before.last + passed, at);
    lag.certain = !beyond->after_hole;
  }
  // A look at the begin itself saw every end before it.
  const bool steps_over = open.begins_here && (beyond == looks.begin() || (beyond - 1)->lsn != lsn);
  const auto none = [&](const Look& look) {
    const bool before = steps_over && &look == &*beyond && look.lsn - lsn <= kHousekeepingBytes;
    return look.lsn <= open.end && (before || !look.ended);
  };
  const auto first = std::find_if_not(beyond, end, none);
  if (first == end) return std::nullopt;
  if (first == beyond) return lag;
  return PositionLag{Between(first->first, at), Between((first - 1)->last, at), !first->after_hole};
}

// How much the wall clock is ahead of the steady one.
base::Duration PositionRing::WallAhead() const {
  return std::chrono::duration_cast<base::Duration>(clock_.Now().time_since_epoch() -
                                                    clock_.Steady().time_since_epoch());
}

// The wall clock may have been set while they were written, or since. None can lie in the future,
// and none behind the look that follows it.
void PositionRing::Straighten(std::vector<Look>& looks, base::SteadyTime now) {
  if (looks.empty()) return;
  const auto ahead = std::max(looks.back().last - now, base::SteadyTime::duration(0));
  base::SteadyTime next = now;
  for (auto look = looks.rbegin(); look != looks.rend(); ++look) {
    look->last = std::min(look->last - ahead, next);
    look->first = std::min(look->first - ahead, look->last);
    next = look->first;
  }
}

base::Status PositionRing::Load() {
  const base::SteadyTime steady_now = clock_.Steady();
  const base::Timestamp wall_now = clock_.Now();
  const auto to_steady = [&](std::int64_t millis) {
    return steady_now - (wall_now - base::FromUnixMillis(millis));
  };
  return database_->Transact([&](db::Database& database) -> base::Status {
    db::Statement histories = database.Prepare(
        "SELECT probe, system_identifier, timeline, transactions, timeline_since"
        " FROM position_histories");
    while (true) {
      const base::Result<bool> row = histories.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) break;
      Primary& primary = primaries_[histories.Text(0)];
      primary.history = {histories.Text(1), static_cast<std::uint32_t>(histories.Int(2))};
      primary.transactions = histories.Text(3);
      primary.timeline_since = to_steady(histories.Int(4));
    }
    db::Statement rows = database.Prepare(
        "SELECT probe, lsn, first_seen, last_seen, after_hole, ended FROM positions"
        " ORDER BY probe, lsn");
    while (true) {
      const base::Result<bool> row = rows.Step();
      if (!row) return base::Fail(row.error());
      if (!*row) break;
      Primary& primary = primaries_[rows.Text(0)];
      primary.looks.push_back({static_cast<std::uint64_t>(rows.Int(1)), to_steady(rows.Int(2)),
                               to_steady(rows.Int(3)), rows.Int(4) != 0, rows.Int(5) != 0});
      primary.saved_lsn = primary.looks.back().lsn;
    }
    for (auto& [name, primary] : primaries_) Straighten(primary.looks, steady_now);
    return {};
  });
}

std::vector<PositionRing::Unsaved> PositionRing::TakeUnsaved() {
  const std::lock_guard lock(mutex_);
  last_save_ = clock_.Steady();
  const bool clock_set = std::chrono::abs(WallAhead() - saved_ahead_) > kClockStep;
  if (clock_set) saved_ahead_ = WallAhead();
  std::vector<Unsaved> unsaved;
  for (auto& [name, primary] : primaries_) {
    if (clock_set) primary.changed = primary.rewrite = true;
    if (!primary.changed || primary.looks.empty()) continue;
    Unsaved one{name,
                primary.history,
                primary.timeline_since,
                primary.transactions,
                {},
                primary.rewrite || !primary.saved_lsn};
    for (const Look& look : primary.looks) {
      if (one.rewrite || look.lsn >= *primary.saved_lsn) one.looks.push_back(look);
    }
    primary.changed = false;
    primary.rewrite = false;
    primary.saved_lsn = primary.looks.back().lsn;
    unsaved.push_back(std::move(one));
  }
  return unsaved;
}

void PositionRing::Save() {
  if (database_ == nullptr) return;
  const std::unique_lock saving(save_mutex_, std::try_to_lock);
  if (!saving) return;  // another thread is at it
  const std::vector<Unsaved> unsaved = TakeUnsaved();
  if (unsaved.empty()) return;
  const base::Status written = Write(unsaved);
  if (written) {
    save_failed_ = false;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    for (const Unsaved& one : unsaved) {
      primaries_[one.probe].changed = true;
      primaries_[one.probe].rewrite = true;
    }
  }
  if (!save_failed_) {
    base::LogWarn(
        "cannot store the positions of PostgreSQL servers; after a restart their "
        "standbys' lag would be counted anew",
        {{"error", written.error().message}});
  }
  save_failed_ = true;
}

base::Status PositionRing::Write(const std::vector<Unsaved>& unsaved) {
  const base::SteadyTime steady_now = clock_.Steady();
  const base::Timestamp wall_now = clock_.Now();
  const auto to_wall = [&](base::SteadyTime time) {
    return base::ToUnixMillis(wall_now - Between(time, steady_now));
  };
  return database_->Transact([&](db::Database& database) -> base::Status {
    db::Statement clear = database.Prepare("DELETE FROM positions WHERE probe = ?");
    db::Statement history =
        database.Prepare("INSERT OR REPLACE INTO position_histories VALUES (?, ?, ?, ?, ?)");
    db::Statement insert =
        database.Prepare("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)");
    for (const Unsaved& one : unsaved) {
      if (one.rewrite) {
        clear.Reset();
        if (base::Status done = clear.Bind(one.probe).Run(); !done) return done;
      }
      history.Reset();
      history.Bind(one.probe).Bind(one.history.system_identifier);
      history.Bind(static_cast<std::int64_t>(one.history.timeline)).Bind(one.transactions);
      history.Bind(to_wall(one.timeline_since));
      if (base::Status done = history.Run(); !done) return done;
      for (const Look& look : one.looks) {
        insert.Reset();
        insert.Bind(one.probe).Bind(static_cast<std::int64_t>(look.lsn));
        insert.Bind(to_wall(look.first)).Bind(to_wall(look.last));
        insert.Bind(static_cast<std::int64_t>(look.after_hole));
        insert.Bind(static_cast<std::int64_t>(look.ended));
        if (base::Status done = insert.Run(); !done) return done;
      }
    }
    return {};
  });
}

}  // namespace drwatch::probes
