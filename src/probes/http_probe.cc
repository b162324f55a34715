#include "probes/http_probe.h"

#include <algorithm>
#include <set>
#include <variant>

#include "base/strings.h"
#include "net/http_client.h"
#include "probes/http_conditions.h"
#include "probes/http_endpoint.h"
#include "probes/http_request.h"

namespace drwatch::probes {
namespace {

std::string StatusList(const std::vector<int>& statuses) {
  std::vector<std::string> texts;
  for (const int status : statuses) texts.push_back(std::to_string(status));
  return base::Join(texts, " or ");
}

std::string Millis(base::Duration duration) { return std::to_string(duration.count()) + "ms"; }

class HttpProbe final : public Probe {
 public:
  explicit HttpProbe(const config::Probe& config)
      : config_(config),
        spec_(std::get<config::HttpProbe>(config_.spec)),
        target_(base::RedactUrl(spec_.url.Reveal())),
        conditions_(spec_.expect) {}

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override {
    return EndpointNotRun(config_, target_, reason, message);
  }

 private:
  base::Result<net::HttpRequest> Request() const;
  void Judge(const net::HttpOutcome& outcome, EndpointRun& run) const;
  void JudgeResponse(const net::HttpResponse& response, base::Duration took,
                     EndpointRun& run) const;
  static void AddMetrics(const net::HttpOutcome& outcome, ProbeReport& report);

  const config::Probe config_;
  const config::HttpProbe& spec_;
  const std::string target_;
  const BodyConditions conditions_;
  int consecutive_failures_ = 0;
};

base::Result<net::HttpRequest> HttpProbe::Request() const {
  net::HttpRequest request;
  request.method = spec_.method;
  request.url = spec_.url;
  request.body = spec_.body;
  request.tls = ToTlsOptions(spec_.tls);
  request.max_redirects = spec_.follow_redirects ? spec_.max_redirects : 0;
  request.max_body_bytes = spec_.max_body_bytes;
  request.ip_protocol = spec_.ip_protocol;
  request.resolve_to = spec_.resolve_to;
  const base::Status added = AddCredentials(
      {spec_.headers, spec_.basic_username, spec_.basic_password, spec_.bearer_token}, request);
  if (!added) return base::Fail(added.error());
  return request;
}

model::ProbeResult HttpProbe::Run(const RunContext& context) {
  EndpointRun run(config_, target_, context);
  const base::Result<net::HttpRequest> request = Request();
  if (!request) {
    run.Fail("config", model::Reason::kConfig, request.error().message, request.error().hint);
  } else if (!conditions_.problem().empty()) {
    run.Fail("config", model::Reason::kConfig, conditions_.problem());
  } else {
    const net::HttpOutcome outcome = net::Fetch(*request, context.deadline, context.stop);
    Judge(outcome, run);
    AddMetrics(outcome, run.report());
  }
  return run.Finish(spec_.failure_threshold, consecutive_failures_);
}

void HttpProbe::Judge(const net::HttpOutcome& outcome, EndpointRun& run) const {
  if (outcome.response) {
    JudgeResponse(*outcome.response, outcome.timings.total, run);
  } else {
    run.Fail("response", *outcome.error);
  }
  if (outcome.tls) run.AddCertificates(*outcome.tls, spec_.certificate_warning);
}

void HttpProbe::JudgeResponse(const net::HttpResponse& response, base::Duration took,
                              EndpointRun& run) const {
  const std::vector<int>& expected = spec_.expect.status;
  const std::string status = "status " + std::to_string(response.status);
  if (std::find(expected.begin(), expected.end(), response.status) == expected.end()) {
    run.Fail("status", model::Reason::kUnexpectedStatus,
             status + ", expected " + StatusList(expected));
  } else {
    run.Ok("status", status + " in " + Millis(took));
  }
  std::set<std::string> shown;  // a condition may be written twice, a series not
  for (const ConditionOutcome& condition : conditions_.Check(response.body)) {
    if (!shown.insert(condition.name).second) continue;
    run.report().Gauge("probe_http_condition_success", "1 for each body condition that holds.",
                       {{"condition", condition.name}}, condition.holds ? 1 : 0);
    if (condition.holds) {
      run.Ok("body", condition.message);
    } else {
      run.Fail("body", model::Reason::kUnexpectedBody, condition.message);
    }
  }
}

void HttpProbe::AddMetrics(const net::HttpOutcome& outcome, ProbeReport& report) {
  const net::HttpTimings& timings = outcome.timings;
  report.Measure("duration_seconds", base::ToSeconds(timings.total), "s");
  const auto phase = [&](std::string_view name, double seconds) {
    report.Gauge("probe_http_duration_seconds",
                 "Time of the last request by phase, summed over redirects.", {{"phase", name}},
                 seconds);
  };
  phase("resolve", timings.resolve_seconds);
  phase("connect", timings.connect_seconds);
  phase("tls", timings.tls_seconds);
  phase("processing", timings.processing_seconds);
  phase("transfer", timings.transfer_seconds);
  report.Gauge("probe_http_status_code", "Status of the last response, 0 if there was none.",
               outcome.response ? outcome.response->status : 0.0);
  report.Gauge("probe_http_ssl", "1 if the connection used TLS.", outcome.tls ? 1.0 : 0.0);
  if (!outcome.response) return;
  const net::HttpResponse& response = *outcome.response;
  report.Gauge("probe_http_version", "HTTP version of the last response.",
               base::ParseDouble(response.http_version));
  report.Gauge("probe_http_redirects", "Redirects that were followed.",
               static_cast<double>(response.redirects));
  const std::optional<std::int64_t> length = base::ParseInt(response.Header("content-length"));
  report.Gauge("probe_http_content_length", "Length the last response announced, -1 if it did not.",
               static_cast<double>(length.value_or(-1)));
}

}  // namespace

std::unique_ptr<Probe> MakeHttpProbe(const config::Probe& config,
                                     const ProbeServices& /*services*/) {
  return std::make_unique<HttpProbe>(config);
}

}  // namespace drwatch::probes
