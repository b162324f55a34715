#include "probes/redis_report.h"

#include <algorithm>
#include <map>

#include "base/duration.h"
#include "base/strings.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

double Flag(bool value) { return value ? 1 : 0; }
std::optional<double> Flag(const std::optional<bool>& value) {
  if (!value) return std::nullopt;
  return Flag(*value);
}

std::string RoleName(bool is_replica) { return is_replica ? "replica" : "master"; }

// Why persistence is not as it should be.
struct PersistenceProblems {
  std::vector<std::string> failures;  // Redis tried
  std::vector<std::string> settings;  // not as expected
  bool empty() const { return failures.empty() && settings.empty(); }
  std::string Text() const {
    std::vector<std::string> all = failures;
    all.insert(all.end(), settings.begin(), settings.end());
    return base::Join(all, ", ");
  }
  std::string Hint() const {
    if (!failures.empty()) return "check disk space, the folder's permissions and the Redis log";
    return "set appendonly (AOF) and save (RDB) as expected: CONFIG SET, then CONFIG REWRITE; or "
           "change \"expect\"";
  }
};

PersistenceProblems FindPersistenceProblems(const config::RedisProbe& spec,
                                            const RedisFindings& findings) {
  const RedisInfo& info = findings.info;
  PersistenceProblems problems;
  std::vector<std::string>& failures = problems.failures;
  if (findings.writes_refused) failures.emplace_back("writes are refused (MISCONF)");
  if (info.rdb_ok == false) failures.emplace_back("the last RDB save failed");
  if (info.aof_enabled == true) {
    if (info.aof_write_ok == false) failures.emplace_back("the last AOF write failed");
    if (info.aof_rewrite_ok == false) failures.emplace_back("the last AOF rewrite failed");
  }
  const auto promise = [&](const char* what, const std::optional<bool>& expected,
                           const std::optional<bool>& actual) {
    if (!expected || !actual || *expected == *actual) return;
    problems.settings.push_back(std::string(what) +
                                (*actual ? " is on, expected off" : " is off, expected on"));
  };
  promise("AOF", spec.expect.aof, info.aof_enabled);
  promise("RDB", spec.expect.rdb, findings.rdb_enabled);
  return problems;
}

int OnlineReplicas(const RedisInfo& info) {
  return static_cast<int>(
      std::count_if(info.replicas.begin(), info.replicas.end(),
                    [](const RedisReplica& replica) { return replica.online; }));
}

std::string Seconds(double seconds) {
  return base::FormatDuration(base::Duration(static_cast<std::int64_t>(seconds) * 1000));
}

void AddReplication(const config::RedisProbe& spec, const RedisFindings& findings,
                    ProbeReport& report) {
  const RedisInfo& info = findings.info;
  report.Gauge("redis_replication_offset_bytes", "Own replication offset.", info.offset);
  if (info.is_replica) {
    report.Gauge("redis_master_link_up", "1 while the link to the master is up and no sync runs.",
                 Flag(info.link_up));
    report.Gauge("redis_master_last_io_seconds", "Time since the master was last heard.",
                 info.last_io_seconds);
    report.Gauge("replication_lag_seconds",
                 "Time since the master was last heard while linked, since the link broke "
                 "otherwise.",
                 findings.lag_seconds);
    report.Gauge("replication_max_lag_seconds", "Limit of replication_lag_seconds.",
                 base::ToSeconds(spec.max_lag));
  }
  report.Gauge("redis_connected_replicas", "Online replicas.", OnlineReplicas(info));
  std::map<std::string, double> behind;
  for (const RedisReplica& replica : info.replicas) {
    // Until it is online the master has not heard an offset.
    if (!replica.online || !replica.offset || !info.offset) continue;
    const double bytes = std::max(0.0, *info.offset - *replica.offset);
    const auto [place, added] = behind.emplace(replica.address, bytes);
    if (!added) place->second = std::max(place->second, bytes);
  }
  for (const auto& [address, bytes] : behind) {
    report.Gauge("redis_replica_lag_bytes", "How far a replica is behind, as the master sees it.",
                 {{"replica", address}}, bytes);
  }
}

void AddPersistence(const config::RedisProbe& spec, const RedisFindings& findings,
                    ProbeReport& report) {
  const RedisInfo& info = findings.info;
  report.Gauge("redis_rdb_last_save_timestamp_seconds",
               "When the last RDB was saved, as a Unix timestamp; absent if none was since the "
               "start.",
               info.rdb_last_save_timestamp);
  report.Gauge("redis_rdb_changes_since_last_save", "Changes that an RDB-only restore would lose.",
               info.rdb_changes);
  report.Gauge("redis_rdb_last_bgsave_ok", "1 if the last background save worked.",
               Flag(info.rdb_ok));
  report.Gauge("redis_aof_enabled", "1 if the append-only file is on.", Flag(info.aof_enabled));
  report.Gauge("redis_aof_last_write_ok", "1 if the last write to the append-only file worked.",
               Flag(info.aof_write_ok));
  report.Gauge("redis_aof_last_rewrite_ok", "1 if the last rewrite of the append-only file worked.",
               Flag(info.aof_rewrite_ok));
  report.Gauge("redis_persistence_ok",
               "1 if what is expected of RDB and AOF holds and nothing of it failed.",
               Flag(FindPersistenceProblems(spec, findings).empty()));
}

void CheckRole(const config::RedisProbe& spec, const RedisInfo& info, ProbeReport& report) {
  const std::string role = RoleName(info.is_replica);
  if (spec.expect.role.empty() || spec.expect.role == role) {
    return report.Ok("role", "role " + role);
  }
  report.Add("role", Severity::kCritical, Reason::kWrongRole,
             "role " + role + ", expected " + spec.expect.role,
             "find out whether a failover happened; change expect.role if this is how it should "
             "stay");
}

void CheckReplication(const config::RedisProbe& spec, const RedisFindings& findings,
                      ProbeReport& report) {
  const RedisInfo& info = findings.info;
  if (spec.expect.replicas) {
    const int online = OnlineReplicas(info);
    const std::string text = std::to_string(online) + " replicas online";
    if (online >= *spec.expect.replicas) {
      report.Ok("replicas", text);
    } else {
      report.Add("replicas", Severity::kCritical, Reason::kReplicaMissing,
                 text + ", expected " + std::to_string(*spec.expect.replicas),
                 "look at the missing replica's log and at the network between them");
    }
  }
  if (!info.is_replica) return;
  if (info.link_up) {
    report.Ok("link", "the link to the master is up");
  } else {
    report.Add("link", Severity::kWarning, Reason::kReplicationBroken,
               info.sync_in_progress ? "a full sync with the master runs"
                                     : "the link to the master is down",
               "check masterauth, the master's address and the network; the replica's log names "
               "the cause");
  }
  if (!findings.lag_seconds) return;
  const std::string lag = "lag " + Seconds(*findings.lag_seconds);
  if (*findings.lag_seconds <= base::ToSeconds(spec.max_lag)) return report.Ok("lag", lag);
  report.Add("lag", Severity::kWarning, Reason::kReplicationBroken,
             lag + " > max_lag " + base::FormatDuration(spec.max_lag),
             "a failover now loses what the master wrote since");
}

void CheckPersistence(const config::RedisProbe& spec, const RedisFindings& findings,
                      ProbeReport& report) {
  const PersistenceProblems problems = FindPersistenceProblems(spec, findings);
  if (!problems.empty()) {
    return report.Add("persistence", Severity::kCritical, Reason::kPersistenceFailing,
                      problems.Text(), problems.Hint());
  }
  if (spec.expect.rdb && !findings.rdb_enabled) {
    return report.Add("persistence", Severity::kUnknown, Reason::kPermission,
                      "whether RDB is on cannot be seen", "ACL SETUSER ... +config|get");
  }
  std::string text = findings.info.aof_enabled == true ? "AOF is on" : "AOF is off";
  if (findings.info.rdb_last_save_timestamp) {
    const auto saved = base::FromUnixSeconds(*findings.info.rdb_last_save_timestamp);
    text += ", last RDB " + base::FormatRfc3339(saved);
  } else {
    text += ", no RDB since the start";
  }
  report.Ok("persistence", text);
}

}  // namespace

void AddRedisAlways(const config::RedisProbe& spec, RedisUp up, ProbeReport& report) {
  report.Gauge("redis_up", "1 if PING was answered, also while loading.",
               Flag(up == RedisUp::kYes));
  if (spec.expect.replicas) {
    report.Gauge("redis_replicas_expected", "Online replicas the plan promises.",
                 *spec.expect.replicas);
  }
}

void AddRedisMetrics(const config::RedisProbe& spec, const RedisFindings& findings,
                     ProbeReport& report) {
  const RedisInfo& info = findings.info;
  report.Gauge("redis_instance_info", "Which server answered.",
               {{"role", RoleName(info.is_replica)},
                {"redis_version", info.version},
                {"redis_mode", info.mode}},
               1);
  if (!spec.expect.role.empty()) {
    report.Gauge("redis_role_expected", "1 if the role is the expected one.",
                 Flag(spec.expect.role == RoleName(info.is_replica)));
  }
  report.Gauge("redis_start_timestamp_seconds", "When the process started, as a Unix timestamp.",
               findings.start_timestamp);
  report.Gauge("redis_loading", "1 while it loads its data.", Flag(info.loading));
  // Until the data is there, everything else describes an empty server.
  if (info.loading) return;
  AddReplication(spec, findings, report);
  AddPersistence(spec, findings, report);
  if (findings.lag_seconds) {
    report.Measure("replication_lag_seconds", *findings.lag_seconds, "s",
                   base::ToSeconds(spec.max_lag));
  }
}

void AddRedisChecks(const config::RedisProbe& spec, const RedisFindings& findings,
                    ProbeReport& report) {
  const RedisInfo& info = findings.info;
  report.Ok("connect", "Redis " + info.version + " at " + findings.address);
  if (info.loading) {
    std::string text = "it loads its data";
    if (info.loading_eta_seconds) text += ", about " + Seconds(*info.loading_eta_seconds) + " left";
    return report.Add("loading", Severity::kCritical, Reason::kStartingUp, text,
                      "wait; the time it takes is part of the recovery time");
  }
  CheckRole(spec, info, report);
  CheckReplication(spec, findings, report);
  CheckPersistence(spec, findings, report);
}

}  // namespace drwatch::probes
