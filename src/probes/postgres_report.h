// What a PostgreSQL server's facts become: metrics and checks. docs/postgres.md says what each one
// means.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "probes/position_ring.h"
#include "probes/postgres_facts.h"
#include "probes/postgres_lag.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// Facts and what follows from them.
struct PostgresFindings {
  PostgresFacts facts;
  std::string server;                      // the name the server goes by in labels
  std::optional<PositionReading> primary;  // of a standby with `primary:`
  PrimaryMatch primary_match = PrimaryMatch::kUnknown;
  std::optional<double> lag_seconds;  // of a standby
  std::optional<double> lag_bytes;
  std::optional<ArchiveLag> archive;
  // Seconds behind of each entry of facts.standbys, where known.
  std::vector<std::optional<double>> standby_lag_seconds;
};

// postgres_up and the promises, which are there whether the server answers or not.
enum class PostgresUp { kYes, kNo };
void AddPostgresAlways(const config::PostgresProbe& spec, PostgresUp up, ProbeReport& report);
// Everything else of docs/metrics.md, and the measurements.
void AddPostgresMetrics(const config::PostgresProbe& spec, const PostgresFindings& findings,
                        ProbeReport& report);
// In order of importance: connect, role, standbys, lag, replay, receiver, archiver, slots,
// checksums, connections, settings, privileges.
void AddPostgresChecks(const config::PostgresProbe& spec, const PostgresFindings& findings,
                       ProbeReport& report);

// How many standbys stream, and how many of them synchronously. nullopt if that is not known.
struct StandbyCounts {
  int streaming = 0;
  int synchronous = 0;
};
std::optional<StandbyCounts> CountStandbys(const PostgresFacts& facts);
// Client backends over what max_connections leaves for them.
std::optional<double> ConnectionsRatio(const PostgresFacts& facts);
// The setting's value; nullopt if it does not exist, is hidden, or none could be read.
std::optional<std::string> FindSetting(const PostgresFacts& facts, const std::string& name);
// Whether a promised setting holds; nullopt if settings could not be read.
std::optional<bool> SettingHolds(const PostgresFacts& facts, const std::string& name,
                                 const std::string& expected);

}  // namespace drwatch::probes
