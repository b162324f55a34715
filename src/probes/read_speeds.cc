#include "probes/read_speeds.h"

#include <algorithm>
#include <utility>

#include "probes/verdict_rows.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE read_speeds (
  probe TEXT NOT NULL,
  path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  took_us INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (probe, path)
) WITHOUT ROWID;
)sql";

constexpr std::string_view kWhat = "readings of backups";

}  // namespace

std::vector<db::Migration> ReadSpeedMigrations() { return {{"read_speeds", 1, kSchema}}; }

model::Reading ReadingOf(std::int64_t bytes, base::SteadyTime::duration took,
                         std::int64_t paced_nanoseconds) {
  const auto at_work = took - std::chrono::nanoseconds(paced_nanoseconds);
  return {bytes, std::max(std::chrono::microseconds(0),
                          std::chrono::duration_cast<std::chrono::microseconds>(at_work))};
}

std::int64_t RestoreBytes(const catalog::Artefact& artefact) {
  return artefact.facts ? std::max(artefact.size_bytes, artefact.facts->stored_bytes)
                        : artefact.size_bytes;
}

ReadSpeeds::ReadSpeeds(db::Database* database, std::string probe)
    : database_(database), probe_(std::move(probe)) {}

// Once, at the first question: the constructor must not block.
void ReadSpeeds::Load() const {
  if (loaded_) return;
  loaded_ = true;
  KeepRows(database_, kWhat, probe_, [this](db::Database& database) {
    db::Statement rows =
        database.Prepare("SELECT path, bytes, took_us, at_ms FROM read_speeds WHERE probe = ?");
    rows.Bind(probe_);
    return ReadRows(rows, [this](const db::Statement& row) {
      readings_[row.Text(0)] = {{row.Int(1), std::chrono::microseconds(row.Int(2))},
                                base::FromUnixMillis(row.Int(3))};
    });
  });
}

void ReadSpeeds::Put(const std::string& path, const model::Reading& reading,
                     std::int64_t stored_bytes, base::Timestamp now) {
  if (reading.bytes <= 0) return;
  if (reading.bytes < kLeastReadBytes && reading.bytes < stored_bytes / 2) return;
  const std::lock_guard lock(mutex_);
  Load();
  Keep(path, {reading, now});
}

void ReadSpeeds::Add(const std::string& path, const model::Reading& reading, base::Timestamp now) {
  if (reading.bytes <= 0) return;
  const std::lock_guard lock(mutex_);
  Load();
  model::Reading sum = readings_[path].reading;
  sum.bytes += reading.bytes;
  sum.took += reading.took;
  if (sum.bytes > kAddedUpBytes) {
    sum.bytes /= 2;
    sum.took /= 2;
  }
  Keep(path, {sum, now});
}

void ReadSpeeds::Keep(const std::string& path, const Kept& kept) {
  readings_[path] = kept;
  std::optional<std::string> gone;
  if (readings_.size() > kMaxReadings) {
    const auto oldest =
        std::min_element(readings_.begin(), readings_.end(),
                         [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
    gone = oldest->first;
    readings_.erase(oldest);
  }
  KeepRows(database_, kWhat, probe_, [&](db::Database& database) -> base::Status {
    if (gone) {
      const base::Status dropped =
          database.Prepare("DELETE FROM read_speeds WHERE probe = ? AND path = ?")
              .Bind(probe_)
              .Bind(*gone)
              .Run();
      if (!dropped) return dropped;
    }
    return database.Prepare("INSERT OR REPLACE INTO read_speeds VALUES (?, ?, ?, ?, ?)")
        .Bind(probe_)
        .Bind(path)
        .Bind(kept.reading.bytes)
        .Bind(kept.reading.took.count())
        .Bind(base::ToUnixMillis(kept.at))
        .Run();
  });
}

std::optional<model::Reading> ReadSpeeds::Find(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  Load();
  if (readings_.empty()) return std::nullopt;
  const auto own = readings_.find(path);
  if (own != readings_.end()) return own->second.reading;
  return std::max_element(readings_.begin(), readings_.end(),
                          [](const auto& a, const auto& b) { return a.second.at < b.second.at; })
      ->second.reading;
}

}  // namespace drwatch::probes
