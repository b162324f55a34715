#include "probes/postgres_probe.h"

#include <algorithm>
#include <variant>

#include "net/postgres.h"
#include "probes/http_request.h"
#include "probes/position_ring.h"
#include "probes/postgres_report.h"

namespace drwatch::probes {
namespace {

// What a first run waits at most for the first run of its primary's probe.
constexpr base::Duration kPrimaryPatience{2000};

std::string ConnectHint(model::Reason reason) {
  switch (reason) {
    case model::Reason::kConnectionRefused:
      return "check that the server runs and that listen_addresses and firewalls let this host in";
    case model::Reason::kAuth:
      return "check the role, its password and pg_hba.conf";
    case model::Reason::kTooManyConnections:
      return "raise max_connections or superuser_reserved_connections, or pool the clients";
    case model::Reason::kStartingUp:
      return "wait, and read the server's log: recovery after a crash may take long";
    case model::Reason::kTimeout:
      return "the server or a firewall accepts and does not answer";
    case model::Reason::kConfig:
      return "correct dsn, password_file or tls of the probe";
    default:  // the message says it
      return {};
  }
}

class PostgresProbe final : public Probe {
 public:
  PostgresProbe(const config::Probe& config, const ProbeServices& services)
      : config_(config),
        spec_(std::get<config::PostgresProbe>(config_.spec)),
        target_(net::DescribePostgresDsn(spec_.dsn)),
        positions_(*services.positions) {
    for (const auto& [name, value] : spec_.expect.settings) setting_names_.push_back(name);
    positions_.Expect(config_.name);
  }
  ~PostgresProbe() override { positions_.server_names().Release(config_.name); }

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override;

 private:
  net::NetResult<PostgresFacts> Ask(const RunContext& context);
  PostgresFindings Judge(PostgresFacts facts);
  void JudgeStandby(PostgresFindings& findings) const;
  void JudgePeers(PostgresFindings& findings) const;
  void RememberTimeline(PostgresFacts& facts);

  const config::Probe config_;
  const config::PostgresProbe& spec_;
  const std::string target_;
  PositionRing& positions_;
  std::vector<std::string> setting_names_;
  // The newest timeline seen of a server: a standby forgets it when its receiver ends.
  WalHistory seen_;
};

net::NetResult<PostgresFacts> PostgresProbe::Ask(const RunContext& context) {
  const base::Result<base::Secret> password = config::ReadSecret(spec_.password);
  if (!password) return net::NetFail(model::Reason::kConfig, password.error().message);
  net::PostgresOptions options;
  options.dsn = spec_.dsn;
  options.password = *password;
  options.tls = ToTlsOptions(spec_.tls);
  auto connection = net::PostgresConnection::Connect(options, context.deadline, context.stop);
  if (!connection) return tl::unexpected(connection.error());
  return CollectPostgresFacts(*connection, setting_names_, context);
}

void PostgresProbe::RememberTimeline(PostgresFacts& facts) {
  if (!facts.in_recovery || facts.system_identifier.empty()) return;
  if (seen_.system_identifier == facts.system_identifier + facts.instance) {
    facts.timeline = std::max(facts.timeline, seen_.timeline);
  }
  seen_ = {facts.system_identifier + facts.instance, facts.timeline};
}

void PostgresProbe::JudgeStandby(PostgresFindings& findings) const {
  const PostgresFacts& facts = findings.facts;
  if (!spec_.primary.empty() && facts.replay) {
    findings.primary = positions_.Read(spec_.primary, *facts.replay, facts.positions_asked);
    findings.primary_match = MatchPrimary(facts, findings.primary);
  }
  findings.lag_seconds = ReplicationLagSeconds(facts, findings.primary);
  if (!facts.replay) return;
  if (findings.primary_match == PrimaryMatch::kMatches) {
    const std::uint64_t newest = std::max(findings.primary->newest, *facts.replay);
    findings.lag_bytes = static_cast<double>(newest - *facts.replay);
  }
}

void PostgresProbe::JudgePeers(PostgresFindings& findings) const {
  const PostgresFacts& facts = findings.facts;
  if (!facts.standbys) return;
  for (const PostgresStandby& standby : *facts.standbys) {
    std::optional<double> seconds;
    if (standby.behind_bytes && *standby.behind_bytes <= 0 && standby.streaming) {
      seconds = 0;
    } else if (standby.replay && facts.position) {
      const auto own = positions_.Read(config_.name, *standby.replay, facts.positions_answered);
      if (own) seconds = PeerLagSeconds(*own);
    }
    findings.standby_lag_seconds.push_back(seconds);
  }
}

PostgresFindings PostgresProbe::Judge(PostgresFacts facts) {
  PostgresFindings findings;
  RememberTimeline(facts);
  if (facts.position) {
    positions_.Observe(config_.name, {facts.system_identifier, facts.timeline}, *facts.position,
                       facts.positions_answered, config_.interval, facts.transactions);
    ArchiverNote note;
    note.segment_bytes = static_cast<std::int64_t>(facts.segment_bytes);
    note.archive_timeout_seconds = facts.archive_timeout_seconds;
    if (facts.ready) note.waited_seconds = facts.ready->oldest_age_seconds.value_or(0);
    if (facts.archiver) {
      note.last_archived = facts.archiver->last_wal;
      if (const auto age = facts.archiver->last_age_seconds) {
        constexpr double kLongAgo = 1e9;  // 31 years
        const auto millis = static_cast<std::int64_t>(std::clamp(*age, 0.0, kLongAgo) * 1000);
        note.last_archived_at = facts.positions_answered - base::Duration(millis);
      }
    }
    positions_.archive_notes().Put(config_.name, std::move(note));
  } else {
    positions_.ObserveNothing(config_.name);
  }
  findings.server = positions_.server_names().Claim(config_.name, facts.system_identifier,
                                                    facts.instance, facts.address);
  findings.facts = std::move(facts);
  if (findings.facts.in_recovery) JudgeStandby(findings);
  JudgePeers(findings);
  findings.archive = ComputeArchiveLag(findings.facts, positions_, config_.name);
  return findings;
}

model::ProbeResult PostgresProbe::Run(const RunContext& context) {
  const base::SteadyTime begin = context.clock->Steady();
  ProbeReport report(config_, target_, context.now);
  if (!spec_.primary.empty()) {
    const base::Duration patience = std::min(kPrimaryPatience, context.deadline.Remaining() / 2);
    positions_.AwaitFirstRun(spec_.primary, base::Deadline::After(patience), context.stop);
  }
  net::NetResult<PostgresFacts> facts = Ask(context);
  if (facts) {
    const PostgresFindings findings = Judge(*std::move(facts));
    AddPostgresAlways(spec_, PostgresUp::kYes, report);
    AddPostgresMetrics(spec_, findings, report);
    AddPostgresChecks(spec_, findings, report);
  } else {
    positions_.ObserveNothing(config_.name);
    positions_.server_names().Release(config_.name);
    AddPostgresAlways(spec_, PostgresUp::kNo, report);
    report.Fail("connect", facts.error(), ConnectHint(facts.error().reason));
  }
  return report.Finish(std::chrono::duration_cast<base::Duration>(context.clock->Steady() - begin));
}

model::ProbeResult PostgresProbe::NotRun(model::Reason reason, const std::string& message) const {
  ProbeReport report(config_, target_, {});
  AddPostgresAlways(spec_, PostgresUp::kNo, report);
  report.NotRun(reason, message);
  return report.Finish({});
}

}  // namespace

std::unique_ptr<Probe> MakePostgresProbe(const config::Probe& config,
                                         const ProbeServices& services) {
  return std::make_unique<PostgresProbe>(config, services);
}

}  // namespace drwatch::probes
