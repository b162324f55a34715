// How quickly stored bytes came out of a place when they were verified, remembered over restarts:
// what bringing them back takes at the least is told by that.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/artefact.h"
#include "db/database.h"
#include "model/probe_result.h"

namespace drwatch::probes {

std::vector<db::Migration> ReadSpeedMigrations();

// A reading of less than half of an artefact and of less than this says more about how long it
// takes to begin than about how quickly bytes come.
inline constexpr std::int64_t kLeastReadBytes = 64 << 20;
// Readings that are kept of one probe, the latest ones.
inline constexpr std::size_t kMaxReadings = 100;
// What Add() adds up before the older half of it counts for less.
inline constexpr std::int64_t kAddedUpBytes = 1 << 30;

// What was read in `took`, of which it waited `paced_nanoseconds` for its rate.
model::Reading ReadingOf(std::int64_t bytes, base::SteadyTime::duration took,
                         std::int64_t paced_nanoseconds);
// What a restore of it reads.
std::int64_t RestoreBytes(const catalog::Artefact& artefact);

// The readings of one probe, by path. Thread-safe. Without a database they live in memory only.
class ReadSpeeds {
 public:
  // `database` may be nullptr and outlives it.
  ReadSpeeds(db::Database* database, std::string probe);

  // A reading of an artefact that holds `stored_bytes`, at `now`: takes the place of the one before
  // it, unless it says too little.
  void Put(const std::string& path, const model::Reading& reading, std::int64_t stored_bytes,
           base::Timestamp now);
  // Adds one of many small readings to those before it.
  void Add(const std::string& path, const model::Reading& reading, base::Timestamp now);
  // The reading of that path; without one the latest of any other, which came from the same place.
  std::optional<model::Reading> Find(const std::string& path) const;

 private:
  struct Kept {
    model::Reading reading;
    base::Timestamp at{};
  };
  void Load() const;
  void Keep(const std::string& path, const Kept& kept);

  db::Database* const database_;
  const std::string probe_;
  mutable std::mutex mutex_;
  mutable bool loaded_ = false;
  mutable std::map<std::string, Kept> readings_;
};

}  // namespace drwatch::probes
