#include "probes/tcp_probe.h"

#include <re2/re2.h>

#include <array>
#include <variant>

#include "base/strings.h"
#include "model/matcher.h"
#include "model/regex.h"
#include "net/address.h"
#include "net/tls_socket.h"
#include "probes/http_endpoint.h"
#include "probes/http_request.h"

namespace drwatch::probes {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64 << 10;  // what `expect` may look at
constexpr std::size_t kShownBytes = 100;           // of an answer in a message
// The program's rule for certificates that no probe has a limit of its own for.
constexpr base::Duration kCertificateWarning = std::chrono::hours(14 * 24);

RE2::Options RegexOptions() {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(model::Matcher::kMaxRegexBytes);
  options.set_encoding(RE2::Options::EncodingLatin1);  // answers are bytes
  return options;
}

class TcpProbe final : public Probe {
 public:
  explicit TcpProbe(const config::Probe& config)
      : config_(config),
        spec_(std::get<config::TcpProbe>(config_.spec)),
        endpoint_(net::ParseEndpoint(spec_.address)),
        expect_(spec_.expect, RegexOptions()) {}

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override {
    return EndpointNotRun(config_, spec_.address, reason, message);
  }

 private:
  void Visit(const RunContext& context, EndpointRun& run) const;
  bool StartTls(net::Socket& socket, const RunContext& context, EndpointRun& run) const;
  void Converse(net::Socket& socket, const RunContext& context, EndpointRun& run) const;

  const config::Probe config_;
  const config::TcpProbe& spec_;
  const base::Result<net::Endpoint> endpoint_;
  const RE2 expect_;
  int consecutive_failures_ = 0;
};

model::ProbeResult TcpProbe::Run(const RunContext& context) {
  EndpointRun run(config_, spec_.address, context);
  const bool has_port = endpoint_ && (endpoint_->is_unix() || endpoint_->port != 0);
  if (!endpoint_) {
    run.Fail("config", model::Reason::kConfig, endpoint_.error().message, endpoint_.error().hint);
  } else if (!has_port || (endpoint_->host.empty() && !endpoint_->is_unix())) {
    run.Fail("config", model::Reason::kConfig, base::Quote(spec_.address) + " is no host:port");
  } else if (!expect_.ok()) {
    run.Fail("config", model::Reason::kConfig,
             "invalid regular expression " + base::Quote(spec_.expect) + ": " +
                 model::RegexProblem(expect_));
  } else {
    const auto begin = std::chrono::steady_clock::now();
    Visit(context, run);
    run.report().Measure("duration_seconds",
                         base::ToSeconds(std::chrono::steady_clock::now() - begin), "s");
  }
  return run.Finish(spec_.failure_threshold, consecutive_failures_);
}

void TcpProbe::Visit(const RunContext& context, EndpointRun& run) const {
  net::NetResult<net::Socket> socket =
      net::Socket::Connect(*endpoint_, net::IpFamily::kAny, context.deadline, context.stop);
  if (!socket) return run.Fail("connect", socket.error());
  run.Ok("connect", "connected to " + socket->remote_address());
  if (spec_.use_tls && !StartTls(*socket, context, run)) return;
  if (!spec_.send.empty() || !spec_.expect.empty()) Converse(*socket, context, run);
}

bool TcpProbe::StartTls(net::Socket& socket, const RunContext& context, EndpointRun& run) const {
  const net::NetResult<void> secured =
      socket.StartTls(ToTlsOptions(spec_.tls), endpoint_->host, context.deadline, context.stop);
  if (!secured) {
    run.Fail("tls", secured.error());
  } else {
    run.Ok("tls", socket.tls() ? socket.tls()->version : "TLS");
  }
  if (socket.tls()) run.AddCertificates(*socket.tls(), kCertificateWarning);
  return secured.has_value();
}

void TcpProbe::Converse(net::Socket& socket, const RunContext& context, EndpointRun& run) const {
  if (const auto sent = socket.WriteAll(spec_.send, context.deadline, context.stop); !sent) {
    return run.Fail("send", sent.error());
  }
  if (spec_.expect.empty()) return;
  std::string answer;
  const auto shown = [&] { return base::Quote(base::Truncate(answer, kShownBytes)); };
  const std::string expected = ", expected " + base::Quote(spec_.expect);
  std::array<char, 4096> buffer{};
  while (answer.size() < kMaxAnswerBytes) {
    const net::NetResult<std::size_t> got =
        socket.Read(buffer.data(), buffer.size(), context.deadline, context.stop);
    if (!got || *got == 0) {
      if (!answer.empty()) {
        return run.Fail("expect", model::Reason::kUnexpectedBody,
                        "the answer is " + shown() + expected);
      }
      if (!got) return run.Fail("expect", got.error());
      return run.Fail("expect", model::Reason::kConnectionReset, "closed without an answer");
    }
    answer.append(buffer.data(), *got);
    if (RE2::PartialMatch(answer, expect_)) return run.Ok("expect", "the answer is " + shown());
  }
  run.Fail("expect", model::Reason::kUnexpectedBody,
           "no match in the first " + std::to_string(kMaxAnswerBytes) + " bytes" + expected);
}

}  // namespace

std::unique_ptr<Probe> MakeTcpProbe(const config::Probe& config,
                                    const ProbeServices& /*services*/) {
  return std::make_unique<TcpProbe>(config);
}

}  // namespace drwatch::probes
