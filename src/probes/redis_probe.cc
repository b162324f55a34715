#include "probes/redis_probe.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "net/redis.h"
#include "probes/http_request.h"
#include "probes/redis_report.h"

namespace drwatch::probes {
namespace {

using Kind = net::RedisReply::Kind;
using model::Reason;

// Redis tells its uptime in whole seconds, so that the start computed from it trembles.
constexpr double kStartTremorSeconds = 2;

std::string ConnectHint(Reason reason) {
  switch (reason) {
    case Reason::kConnectionRefused:
      return "check that the server runs and that bind and firewalls let this host in";
    case Reason::kAuth:
      return "check username and password; a Redis with ACLs wants both, and a Sentinel (port "
             "26379) "
             "is not the server";
    case Reason::kTls:
      return "rediss:// is for TLS ports only, and tls.ca_file names the authority";
    case Reason::kTimeout:
      return "the server is blocked, or a firewall accepts and does not answer";
    case Reason::kConfig:
      return "correct address, password_file or tls of the probe";
    default:  // the message says it
      return {};
  }
}

class RedisProbe final : public Probe {
 public:
  explicit RedisProbe(const config::Probe& config)
      : config_(config),
        spec_(std::get<config::RedisProbe>(config_.spec)),
        address_(net::ParseRedisAddress(spec_.address)) {
    target_ = "redis";
    if (address_) {
      target_ = (address_->use_tls ? "rediss://" : "redis://") + address_->endpoint.ToString();
    }
  }

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(Reason reason, const std::string& message) const override;

 private:
  // PING was answered; what INFO told, if it was permitted.
  struct Answer {
    RedisFindings findings;
    std::optional<net::NetError> info_error;
    bool is_sentinel = false;  // nothing else is known then
  };
  net::NetResult<net::RedisConnection> Connect(const RunContext& context) const;
  net::NetResult<Answer> Ask(const RunContext& context) const;
  static net::NetResult<std::string> Ping(net::RedisConnection& connection,
                                          const RunContext& context);
  void Remember(RedisFindings& findings, const RunContext& context);

  const config::Probe config_;
  const config::RedisProbe& spec_;
  const base::Result<net::RedisOptions> address_;
  std::string target_;
  std::string run_id_;
  double start_timestamp_ = 0;
  // When the master was last heard, or the link first seen broken.
  std::optional<base::SteadyTime> heard_;
};

net::NetResult<net::RedisConnection> RedisProbe::Connect(const RunContext& context) const {
  if (!address_) return net::NetFail(Reason::kConfig, address_.error().message);
  const base::Result<base::Secret> password = config::ReadSecret(spec_.password);
  if (!password) return net::NetFail(Reason::kConfig, password.error().message);
  net::RedisOptions options = *address_;
  options.tls = ToTlsOptions(spec_.tls);
  if (!spec_.username.empty()) options.username = spec_.username;
  if (!password->empty()) options.password = *password;
  return net::RedisConnection::Connect(options, context.deadline, context.stop);
}

// The error word of the answer ("LOADING", "MISCONF", "NOPERM"); "" for PONG. Errors: the server is
// not there for us.
net::NetResult<std::string> RedisProbe::Ping(net::RedisConnection& connection,
                                             const RunContext& context) {
  const auto pong = connection.Command({"PING"}, context.deadline, context.stop);
  if (!pong) return tl::unexpected(pong.error());
  if (pong->kind == Kind::kStatus || pong->kind == Kind::kString) return std::string();
  if (pong->kind != Kind::kError) {
    return net::NetFail(Reason::kProtocol, "PING was answered with something unexpected");
  }
  for (const std::string_view word : {"LOADING", "MISCONF", "NOPERM"}) {
    if (pong->text.starts_with(word)) return std::string(word);
  }
  return tl::unexpected(connection.ErrorOf(*pong));
}

net::NetResult<RedisProbe::Answer> RedisProbe::Ask(const RunContext& context) const {
  auto connection = Connect(context);
  if (!connection) return tl::unexpected(connection.error());
  const net::NetResult<std::string> ping = Ping(*connection, context);
  if (!ping) return tl::unexpected(ping.error());
  Answer answer;
  answer.findings.address = connection->remote_address();
  answer.findings.writes_refused = *ping == "MISCONF";
  const auto info = connection->Command({"INFO"}, context.deadline, context.stop);
  if (!info) {
    answer.info_error = info.error();
    return answer;
  }
  if (info->kind == Kind::kError) {
    answer.info_error = connection->ErrorOf(*info);
    return answer;
  }
  answer.is_sentinel = IsSentinelInfo(info->text);
  if (answer.is_sentinel) return answer;
  std::optional<RedisInfo> parsed = ParseRedisInfo(info->text);
  if (!parsed) {
    answer.info_error = {Reason::kProtocol, "INFO names no role"};
    return answer;
  }
  answer.findings.info = *std::move(parsed);
  answer.findings.info.loading = answer.findings.info.loading || *ping == "LOADING";
  if (spec_.expect.rdb && !answer.findings.info.loading) {
    const auto save =
        connection->Command({"CONFIG", "GET", "save"}, context.deadline, context.stop);
    if (save && save->kind == Kind::kArray && save->elements.size() == 2) {
      answer.findings.rdb_enabled = !save->elements[1].text.empty();
    }
  }
  return answer;
}

void RedisProbe::Remember(RedisFindings& findings, const RunContext& context) {
  const RedisInfo& info = findings.info;
  if (info.uptime_seconds) {
    const double start = std::floor(base::ToUnixSeconds(context.now) - *info.uptime_seconds);
    const bool same =
        info.run_id == run_id_ && std::abs(start - start_timestamp_) <= kStartTremorSeconds;
    if (!same) start_timestamp_ = start;
    run_id_ = info.run_id;
    findings.start_timestamp = start_timestamp_;
  }
  if (!info.is_replica || info.loading) {
    heard_.reset();
    return;
  }
  const base::SteadyTime now = context.clock->Steady();
  const auto ago = [&](double seconds) {
    return now - std::chrono::duration_cast<base::SteadyTime::duration>(
                     std::chrono::duration<double>(seconds));
  };
  if (info.link_up) {
    heard_ = ago(info.last_io_seconds.value_or(0));
  } else {
    // Redis forgets since when the link is down when it is told to follow another master.
    const base::SteadyTime down = ago(info.link_down_seconds.value_or(0));
    heard_ = heard_ ? std::min(*heard_, down) : down;
  }
  findings.lag_seconds = base::ToSeconds(now - *heard_);
}

model::ProbeResult RedisProbe::Run(const RunContext& context) {
  const base::SteadyTime begin = context.clock->Steady();
  ProbeReport report(config_, target_, context.now);
  net::NetResult<Answer> answer = Ask(context);
  if (!answer) {
    AddRedisAlways(spec_, RedisUp::kNo, report);
    report.Fail("connect", answer.error(), ConnectHint(answer.error().reason));
  } else if (answer->is_sentinel) {
    AddRedisAlways(spec_, RedisUp::kNo, report);
    report.Fail(
        "connect",
        {Reason::kProtocol, "a Sentinel answers at " + answer->findings.address + ", no Redis"},
        "name the Redis servers that it watches (mostly port 6379), each in a probe of its own: "
        "whether they are well, a Sentinel (26379) does not show");
  } else if (answer->info_error) {
    AddRedisAlways(spec_, RedisUp::kYes, report);
    report.Ok("connect", "PING is answered at " + answer->findings.address);
    report.Add("info", model::Severity::kUnknown, answer->info_error->reason,
               "INFO was refused: " + answer->info_error->message, "ACL SETUSER ... +info");
  } else {
    Remember(answer->findings, context);
    AddRedisAlways(spec_, RedisUp::kYes, report);
    AddRedisMetrics(spec_, answer->findings, report);
    AddRedisChecks(spec_, answer->findings, report);
  }
  return report.Finish(std::chrono::duration_cast<base::Duration>(context.clock->Steady() - begin));
}

model::ProbeResult RedisProbe::NotRun(Reason reason, const std::string& message) const {
  ProbeReport report(config_, target_, {});
  AddRedisAlways(spec_, RedisUp::kNo, report);
  report.NotRun(reason, message);
  return report.Finish({});
}

}  // namespace

std::unique_ptr<Probe> MakeRedisProbe(const config::Probe& config,
                                      const ProbeServices& /*services*/) {
  return std::make_unique<RedisProbe>(config);
}

}  // namespace drwatch::probes
