#include <algorithm>
#include <map>

#include "base/strings.h"
#include "probes/postgres_report.h"
#include "probes/postgres_settings.h"

namespace drwatch::probes {
namespace {

double Flag(bool value) { return value ? 1 : 0; }
std::optional<double> Flag(const std::optional<bool>& value) {
  if (!value) return std::nullopt;
  return Flag(*value);
}

void AddIdentity(const PostgresFindings& findings, ProbeReport& report) {
  const PostgresFacts& facts = findings.facts;
  const model::Labels who = {{"system_identifier", facts.system_identifier},
                             {"server", findings.server}};
  report.Gauge("postgres_info", "Which server answered.", who.With("version", facts.version), 1);
  report.Gauge("postgres_in_recovery", "1 on a standby.", Flag(facts.in_recovery));
  if (!facts.in_recovery) {
    report.Gauge("postgres_primary_info", "1 while the server accepts writes.", who, 1);
  }
  if (facts.timeline != 0) {
    report.Gauge("postgres_timeline", "Current timeline.", static_cast<double>(facts.timeline));
  }
  report.Gauge("postgres_start_timestamp_seconds", "When the server started, as a Unix timestamp.",
               facts.start_seconds);
  report.Gauge("postgres_monitor_granted", "1 if the role is a member of pg_monitor.",
               Flag(facts.monitor_granted));
  report.Gauge("postgres_data_checksums_enabled", "1 if page checksums are on.",
               Flag(facts.checksums_enabled));
}

void AddLoad(const config::PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  report.Gauge("postgres_connections", "Client backends.", facts.connections);
  report.Gauge("postgres_connections_limit",
               "Client backends that max_connections leaves room for.", facts.connections_limit);
  report.Gauge("postgres_connections_used_ratio", "Client backends over their limit.",
               ConnectionsRatio(facts));
  report.Gauge("postgres_connections_warning_ratio", "What of it is a warning.",
               spec.connections_warning_ratio);
  if (!facts.checksum_failures) return;
  for (const auto& [datname, failures] : *facts.checksum_failures) {
    report.Counter("postgres_checksum_failures_total", "Page checksum failures.",
                   {{"datname", datname}}, failures);
  }
}

void AddReplay(const config::PostgresProbe& spec, const PostgresFindings& findings,
               ProbeReport& report) {
  const PostgresFacts& facts = findings.facts;
  if (!facts.in_recovery) return;
  report.Gauge("replication_lag_seconds",
               "Age of the first change on the primary that this standby has not replayed.",
               findings.lag_seconds);
  report.Gauge("replication_max_lag_seconds", "Limit of replication_lag_seconds.",
               base::ToSeconds(spec.max_lag));
  report.Gauge("replication_lag_bytes", "The primary's position minus the replayed one.",
               findings.lag_bytes);
  report.Gauge("postgres_replay_paused", "1 while replay is paused.", Flag(facts.replay_paused));
  if (facts.receiver) {
    report.Gauge("postgres_wal_receiver_streaming", "1 while the WAL receiver streams.",
                 Flag(facts.receiver->status == "streaming"));
  }
}

// Two standbys may share an application_name: then the client's address tells them apart, and of
// what is still the same the worse counts.
void AddStandbys(const config::PostgresProbe& spec, const PostgresFindings& findings,
                 ProbeReport& report) {
  const std::optional<StandbyCounts> counts = CountStandbys(findings.facts);
  if (!counts) return;
  if (!findings.facts.in_recovery || spec.expect.standbys) {
    report.Gauge("postgres_standbys", "Standbys in state streaming.", counts->streaming);
    report.Gauge("postgres_sync_standbys", "Streaming standbys that are sync or quorum.",
                 counts->synchronous);
  }
  const std::vector<PostgresStandby>& standbys = *findings.facts.standbys;
  std::map<std::string, int> uses;
  for (const PostgresStandby& standby : standbys) ++uses[standby.name];
  std::map<std::string, double> bytes;
  std::map<std::string, double> seconds;
  const auto worst = [](std::map<std::string, double>& values, const std::string& label,
                        const std::optional<double>& value) {
    if (!value) return;
    const auto [place, added] = values.emplace(label, *value);
    if (!added) place->second = std::max(place->second, *value);
  };
  for (std::size_t i = 0; i < standbys.size(); ++i) {
    const PostgresStandby& standby = standbys[i];
    std::string label = standby.name.empty() ? standby.client : standby.name;
    if (uses[standby.name] > 1 && !standby.client.empty()) label += "@" + standby.client;
    if (label.empty()) label = "local";
    worst(bytes, label, standby.behind_bytes);
    worst(seconds, label, findings.standby_lag_seconds[i]);
  }
  for (const auto& [standby, value] : bytes) {
    report.Gauge("postgres_standby_lag_bytes",
                 "How far a standby's replay is behind, as the server sees it.",
                 {{"standby", standby}}, std::max(0.0, value));
  }
  for (const auto& [standby, value] : seconds) {
    report.Gauge("postgres_standby_lag_seconds",
                 "How far a standby's replay is behind, as the server sees it.",
                 {{"standby", standby}}, value);
  }
}

void AddSlots(const PostgresFacts& facts, ProbeReport& report) {
  if (!facts.slots) return;
  for (const PostgresSlot& slot : *facts.slots) {
    const model::Labels label = {{"slot", slot.name}};
    report.Gauge("postgres_slot_active", "1 if a client is connected to the slot.", label,
                 Flag(slot.active));
    if (slot.lost) {
      report.Gauge("postgres_slot_lost", "1 if the slot's WAL status is unreserved or lost.", label,
                   Flag(*slot.lost));
    }
    if (slot.retained_bytes) {
      report.Gauge("postgres_slot_retained_bytes", "WAL kept for the slot.", label,
                   std::max(0.0, *slot.retained_bytes));
    }
    if (slot.safe_bytes) {
      report.Gauge("postgres_slot_safe_bytes", "WAL that may be written before the slot is lost.",
                   label, *slot.safe_bytes);
    }
  }
}

void AddArchiver(const config::PostgresProbe& spec, const PostgresFindings& findings,
                 ProbeReport& report) {
  const PostgresFacts& facts = findings.facts;
  if (facts.archive_mode.empty()) return;
  report.Gauge("postgres_archiver_enabled", "1 if archive_mode is on or always.",
               Flag(facts.archive_mode != "off"));
  if (facts.archiver) {
    report.Gauge("postgres_archiver_failing", "1 if the last attempt to archive failed.",
                 Flag(facts.archiver->failing));
    report.Counter("postgres_archiver_archived_total", "Segments archived.", {},
                   facts.archiver->archived);
    report.Counter("postgres_archiver_failed_total", "Attempts to archive a segment that failed.",
                   {}, facts.archiver->failed);
    report.Gauge("postgres_archiver_last_success_timestamp_seconds",
                 "When a segment was archived last, as a Unix timestamp.",
                 facts.archiver->last_seconds);
  }
  if (facts.ready) {
    report.Gauge("postgres_archiver_ready_segments", "Segments that wait to be archived.",
                 facts.ready->count);
  }
  if (findings.archive) {
    report.Gauge("wal_archive_lag_bytes",
                 "The primary's position minus the end of the last archived segment.",
                 findings.archive->bytes);
    report.Gauge("wal_archive_lag_seconds",
                 "Time since the primary passed the end of the last archived segment; 0 while "
                 "nothing waits but what no transaction needs.",
                 findings.archive->seconds);
    report.Gauge("wal_archive_max_lag_seconds", "Limit of wal_archive_lag_seconds.",
                 base::ToSeconds(spec.archive_max_lag));
  }
}

void AddPromises(const config::PostgresProbe& spec, const PostgresFacts& facts,
                 ProbeReport& report) {
  using Role = config::PostgresProbe::Role;
  if (spec.expect.role != Role::kAny) {
    report.Gauge("postgres_role_expected", "1 if the role is the expected one.",
                 Flag(facts.in_recovery == (spec.expect.role == Role::kStandby)));
  }
  for (const auto& [name, expected] : spec.expect.settings) {
    if (const std::optional<bool> holds = SettingHolds(facts, name, expected)) {
      report.Gauge("postgres_setting_expected", "1 if the setting has its expected value.",
                   {{"setting", base::Lower(name)}}, Flag(*holds));
    }
  }
}

void AddMeasurements(const config::PostgresProbe& spec, const PostgresFindings& findings,
                     ProbeReport& report) {
  if (findings.lag_seconds) {
    report.Measure("replication_lag_seconds", *findings.lag_seconds, "s",
                   base::ToSeconds(spec.max_lag));
  }
  if (findings.lag_bytes) report.Measure("replication_lag_bytes", *findings.lag_bytes, "B");
  if (findings.archive && findings.archive->seconds) {
    report.Measure("wal_archive_lag_seconds", *findings.archive->seconds, "s");
  }
  if (const std::optional<double> ratio = ConnectionsRatio(findings.facts)) {
    report.Measure("connections_used_ratio", *ratio, "", spec.connections_warning_ratio);
  }
}

}  // namespace

std::optional<StandbyCounts> CountStandbys(const PostgresFacts& facts) {
  if (!facts.standbys) return std::nullopt;
  StandbyCounts counts;
  for (const PostgresStandby& standby : *facts.standbys) {
    if (!standby.streaming) continue;
    ++counts.streaming;
    if (standby.synchronous) ++counts.synchronous;
  }
  return counts;
}

std::optional<double> ConnectionsRatio(const PostgresFacts& facts) {
  if (!facts.connections || !facts.connections_limit || *facts.connections_limit <= 0) {
    return std::nullopt;
  }
  return *facts.connections / *facts.connections_limit;
}

std::optional<std::string> FindSetting(const PostgresFacts& facts, const std::string& name) {
  if (!facts.settings) return std::nullopt;
  const std::string lower = base::Lower(name);
  for (const auto& [known, value] : *facts.settings) {
    if (known == lower) return value;
  }
  return std::nullopt;
}

std::optional<bool> SettingHolds(const PostgresFacts& facts, const std::string& name,
                                 const std::string& expected) {
  if (!facts.settings) return std::nullopt;
  const std::optional<std::string> actual = FindSetting(facts, name);
  // Without pg_monitor some settings are hidden.
  if (!actual && !facts.monitor_granted) return std::nullopt;
  return actual && SameSetting(expected, *actual);
}

void AddPostgresAlways(const config::PostgresProbe& spec, PostgresUp up, ProbeReport& report) {
  report.Gauge("postgres_up", "1 if a login and a query worked.", Flag(up == PostgresUp::kYes));
  if (spec.expect.standbys) {
    report.Gauge("postgres_standbys_expected", "Streaming standbys the plan promises.",
                 *spec.expect.standbys);
  }
  if (spec.expect.sync_standbys) {
    report.Gauge("postgres_sync_standbys_expected", "Synchronous standbys the plan promises.",
                 *spec.expect.sync_standbys);
  }
}

void AddPostgresMetrics(const config::PostgresProbe& spec, const PostgresFindings& findings,
                        ProbeReport& report) {
  AddIdentity(findings, report);
  AddPromises(spec, findings.facts, report);
  AddLoad(spec, findings.facts, report);
  AddReplay(spec, findings, report);
  AddStandbys(spec, findings, report);
  AddSlots(findings.facts, report);
  AddArchiver(spec, findings, report);
  AddMeasurements(spec, findings, report);
}

}  // namespace drwatch::probes
