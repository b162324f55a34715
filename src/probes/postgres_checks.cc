#include <algorithm>
#include <cmath>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "probes/postgres_report.h"
#include "probes/postgres_settings.h"

namespace drwatch::probes {
namespace {

using config::PostgresProbe;
using model::Reason;
using model::Severity;

std::string Seconds(double seconds) {
  const auto millis = static_cast<std::int64_t>(seconds * 1000);
  // Milliseconds matter to nobody once a second has passed.
  const std::int64_t shown = millis >= 1000 ? millis / 1000 * 1000 : millis;
  return base::FormatDuration(base::Duration(shown));
}

std::string Bytes(double bytes) { return base::FormatSize(static_cast<std::int64_t>(bytes)); }

std::string Percent(double ratio) {
  return base::FormatDouble(std::round(ratio * 1000) / 10) + "%";
}

void CheckRole(const PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  const std::string role = facts.in_recovery ? "standby" : "primary";
  if (spec.expect.role == PostgresProbe::Role::kAny) {
    report.Ok("role", "role " + role);
    return;
  }
  const bool standby_expected = spec.expect.role == PostgresProbe::Role::kStandby;
  if (facts.in_recovery == standby_expected) {
    report.Ok("role", "role " + role);
    return;
  }
  const std::string expected = standby_expected ? "standby" : "primary";
  report.Add("role", Severity::kCritical, Reason::kWrongRole,
             "role " + role + ", expected " + expected,
             "find out whether a failover happened or the address leads to the wrong server; "
             "change expect.role if this is how it should stay");
}

void CheckStandbys(const PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  const std::optional<StandbyCounts> counts = CountStandbys(facts);
  if (counts && counts->synchronous == 0 && facts.commits_wait && !facts.in_recovery) {
    report.Add("commits", Severity::kCritical, Reason::kReplicaMissing,
               "no synchronous standby streams: commits wait",
               "bring one back, or take it out of synchronous_standby_names and reload");
  }
  if (!spec.expect.standbys && !spec.expect.sync_standbys) {
    if (counts && counts->streaming > 0) {
      report.Ok("standbys", std::to_string(counts->streaming) + " standbys stream");
    }
    return;
  }
  if (!counts) {
    // Why is in the check of the privileges, or of the fact.
    report.Add("standbys", Severity::kUnknown, Reason::kPermission, "the standbys cannot be seen",
               "GRANT pg_monitor to the role");
    return;
  }
  const auto check = [&](const char* name, const std::optional<int>& expected, int actual,
                         const std::string& what, const char* hint) {
    if (!expected) return;
    const std::string text = std::to_string(actual) + what;
    if (actual >= *expected) return report.Ok(name, text);
    report.Add(name, Severity::kCritical, Reason::kReplicaMissing,
               text + ", expected " + std::to_string(*expected), hint);
  };
  check("standbys", spec.expect.standbys, counts->streaming, " standbys stream",
        "look at the missing standby's log; it must return before the WAL it needs is removed");
  check("sync_standbys", spec.expect.sync_standbys, counts->synchronous,
        " synchronous standbys stream",
        "compare synchronous_standby_names with the application_name of the standbys; without "
        "one, commits wait");
}

void CheckLag(const PostgresProbe& spec, const PostgresFindings& findings, ProbeReport& report) {
  if (findings.primary_match == PrimaryMatch::kOtherSystem) {
    report.Add("primary", Severity::kWarning, Reason::kConfig,
               "probe \"" + spec.primary + "\" watches another cluster (system identifier " +
                   findings.primary->history.system_identifier + ", here " +
                   findings.facts.system_identifier + ")",
               "set primary: to the probe of this standby's primary");
  } else if (findings.primary_match == PrimaryMatch::kOlderTimeline) {
    report.Add("primary", Severity::kWarning, Reason::kWrongRole,
               "this standby follows timeline " + std::to_string(findings.facts.timeline) +
                   ", probe \"" + spec.primary + "\" is on timeline " +
                   std::to_string(findings.primary->history.timeline),
               "the primary it follows is another one than the one watched: two primaries may "
               "accept writes");
  }
  if (!findings.lag_seconds) {
    report.Add("lag", Severity::kUnknown, Reason::kReplicationBroken,
               "the lag is not known: nothing was replayed yet and nothing streams",
               "set primary: to the probe of this standby's primary, so that its lag is known in "
               "every state");
    return;
  }
  std::string text = "lag " + Seconds(*findings.lag_seconds);
  if (findings.lag_bytes) text += " (" + Bytes(*findings.lag_bytes) + ")";
  const double limit = base::ToSeconds(spec.max_lag);
  if (*findings.lag_seconds <= limit) return report.Ok("lag", text);
  report.Add("lag", Severity::kWarning, Reason::kReplicationBroken,
             text + " > max_lag " + base::FormatDuration(spec.max_lag),
             "a failover now loses or delays that much; look at the receiver, at paused replay and "
             "at the standby's disk");
}

void CheckReplay(const PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  if (facts.replay_paused) {
    if (*facts.replay_paused) {
      report.Add("replay", Severity::kWarning, Reason::kReplicationBroken, "replay is paused",
                 "SELECT pg_wal_replay_resume() on the standby");
    } else {
      report.Ok("replay", "replay runs");
    }
  }
  if (spec.expect.replication == PostgresProbe::Expect::Replication::kArchive) return;
  if (!facts.receiver) return;
  if (facts.receiver->status == "streaming") {
    const double age = facts.receiver->message_age_seconds.value_or(0);
    if (age < kFreshMessageSeconds) return report.Ok("receiver", "the WAL receiver streams");
    report.Add("receiver", Severity::kWarning, Reason::kReplicationBroken,
               "the WAL receiver has heard nothing for " + Seconds(age),
               "check the network between the standby and its primary");
    return;
  }
  const std::string state = facts.receiver->running
                                ? "is in state " + base::Quote(facts.receiver->status)
                                : "does not run";
  report.Add("receiver", Severity::kWarning, Reason::kReplicationBroken,
             "the WAL receiver " + state,
             "check primary_conninfo and the standby's log; a standby fed by an archive has "
             "expect.replication: archive");
}

void CheckArchiver(const PostgresFindings& findings, ProbeReport& report) {
  const std::optional<PostgresArchiver>& archiver = findings.facts.archiver;
  if (!archiver) return;
  if (archiver->failing) {
    report.Add("archiver", Severity::kCritical, Reason::kStorage,
               "archiving of " + base::Quote(archiver->failed_wal) + " failed, " +
                   base::FormatDouble(archiver->failed) + " failures in all",
               "the PostgreSQL log holds the output of archive_command; WAL piles up until it "
               "works");
    return;
  }
  std::string text = archiver->last_wal.empty() ? "nothing was archived yet"
                                                : "archived up to " + archiver->last_wal;
  if (findings.facts.ready && findings.facts.ready->count > 0) {
    text += ", " + base::FormatDouble(findings.facts.ready->count) + " segments wait";
  }
  report.Ok("archiver", text);
}

void CheckSlots(const PostgresFacts& facts, ProbeReport& report) {
  if (!facts.slots || facts.slots->empty()) return;
  std::vector<std::string> lost;
  std::vector<std::string> inactive;
  for (const PostgresSlot& slot : *facts.slots) {
    if (slot.lost == true) lost.push_back(base::Quote(slot.name));
    if (!slot.active) inactive.push_back(base::Quote(slot.name));
  }
  if (!lost.empty()) {
    report.Add("slots", Severity::kCritical, Reason::kReplicationBroken,
               "lost or about to be: " + base::Join(lost, ", "),
               "its consumer must be rebuilt once the WAL is gone; until then free disk space or "
               "raise max_slot_wal_keep_size");
    return;
  }
  std::string text = std::to_string(facts.slots->size()) + " slots";
  if (!inactive.empty()) text += ", inactive: " + base::Join(inactive, ", ");
  report.Ok("slots", base::Truncate(text, 300));
}

void CheckChecksums(const PostgresFacts& facts, ProbeReport& report) {
  std::vector<std::string> damaged;
  if (facts.checksum_failures) {
    for (const auto& [datname, failures] : *facts.checksum_failures) {
      if (failures > 0) damaged.push_back(datname + " " + base::FormatDouble(failures));
    }
  }
  if (!damaged.empty()) {
    report.Add("checksums", Severity::kCritical, Reason::kCorrupt,
               "page checksum failures: " + base::Join(damaged, ", "),
               "keep the old backups: what is taken from now on may hold the damage");
  } else if (facts.checksums_enabled == true) {
    report.Ok("checksums", "page checksums are on, no failures");
  }
}

void CheckConnections(const PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  const std::optional<double> ratio = ConnectionsRatio(facts);
  if (!ratio) return;
  const std::string text = base::FormatDouble(*facts.connections) + " of " +
                           base::FormatDouble(*facts.connections_limit) + " connections";
  if (*ratio <= spec.connections_warning_ratio) return report.Ok("connections", text);
  report.Add("connections", Severity::kWarning, Reason::kTooManyConnections,
             text + " (" + Percent(*ratio) + " > " + Percent(spec.connections_warning_ratio) + ")",
             "find the client that holds them, or raise max_connections");
}

void CheckSettings(const PostgresProbe& spec, const PostgresFacts& facts, ProbeReport& report) {
  if (spec.expect.settings.empty()) return;
  std::vector<std::string> wrong;
  std::vector<std::string> unknown;
  for (const auto& [name, expected] : spec.expect.settings) {
    const std::optional<bool> holds = SettingHolds(facts, name, expected);
    if (!holds) {
      unknown.push_back(name);
    } else if (!*holds && IsSecretSetting(name)) {
      wrong.push_back(name + " is not what is expected");
    } else if (!*holds) {
      const std::optional<std::string> actual = FindSetting(facts, name);
      wrong.push_back(name +
                      (actual ? " is " + base::Quote(base::Truncate(*actual, 60))
                              : std::string(" does not exist")) +
                      ", expected " + base::Quote(base::Truncate(expected, 60)));
    }
  }
  if (!wrong.empty()) {
    report.Add("settings", Severity::kWarning, Reason::kWrongSetting,
               base::Truncate(base::Join(wrong, "; "), 500), "set it back, or change the plan");
  } else if (!unknown.empty()) {
    report.Add("settings", Severity::kUnknown, Reason::kPermission,
               "cannot read " + base::Truncate(base::Join(unknown, ", "), 300),
               "GRANT pg_monitor to the role");
  } else {
    report.Ok("settings", "as expected");
  }
}

void CheckPrivileges(const PostgresFacts& facts, ProbeReport& report) {
  if (!facts.monitor_granted) {
    report.Add("privileges", Severity::kWarning, Reason::kPermission,
               "the role is no member of pg_monitor: standbys, the receiver and the archive's "
               "backlog cannot be seen",
               "GRANT pg_monitor TO the role");
  }
  for (const auto& [fact, error] : facts.unknown) {
    report.Add(fact, Severity::kUnknown, error.reason, "not known: " + error.message);
  }
}

}  // namespace

void AddPostgresChecks(const PostgresProbe& spec, const PostgresFindings& findings,
                       ProbeReport& report) {
  const PostgresFacts& facts = findings.facts;
  report.Ok("connect", "PostgreSQL " + facts.version + " at " + findings.server);
  CheckRole(spec, facts, report);
  CheckStandbys(spec, facts, report);
  if (facts.in_recovery) {
    CheckLag(spec, findings, report);
    CheckReplay(spec, facts, report);
  }
  CheckArchiver(findings, report);
  CheckSlots(facts, report);
  CheckChecksums(facts, report);
  CheckConnections(spec, facts, report);
  CheckSettings(spec, facts, report);
  CheckPrivileges(facts, report);
}

}  // namespace drwatch::probes
