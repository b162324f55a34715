#include "probes/scrape_probe.h"

#include <algorithm>
#include <variant>

#include "base/strings.h"
#include "net/address.h"
#include "net/http_client.h"
#include "probes/http_request.h"
#include "probes/scrape_labels.h"

namespace drwatch::probes {
namespace {

constexpr std::string_view kAccept =
    "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
constexpr int kMaxRedirects = 10;  // as Prometheus

struct ScrapeError {
  std::string check;
  model::Reason reason = model::Reason::kInternal;
  std::string message;
  std::string hint;
};

// The format a Content-Type announces; nullopt if it is none of a metrics page.
std::optional<model::TextFormat> FormatOf(std::string_view content_type) {
  const std::string type = base::Lower(base::Trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/openmetrics-text") return model::TextFormat::kOpenMetrics;
  // Old exporters send no type at all.
  if (type.empty() || type == "text/plain") return model::TextFormat::kPrometheus;
  return std::nullopt;
}

// Lines that are samples, counted before they cost memory.
std::int64_t CountSamples(std::string_view page) {
  std::int64_t count = 0;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size() - 1);
    const std::string_view line = base::Trim(page.substr(0, end + 1));
    if (!line.empty() && line.front() != '#') ++count;
    page.remove_prefix(end + 1);
  }
  return count;
}

class ScrapeProbe final : public Probe {
 public:
  explicit ScrapeProbe(const config::Probe& config)
      : config_(config),
        spec_(std::get<config::ScrapeProbe>(config_.spec)),
        target_(base::RedactUrl(spec_.url.Reveal())),
        labels_(TargetLabels()) {}

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override;

 private:
  model::Labels TargetLabels() const;
  model::ProbeResult Begin(base::Timestamp now) const;
  tl::expected<std::vector<model::MetricFamily>, ScrapeError> Scrape(
      const RunContext& context) const;
  tl::expected<std::vector<model::MetricFamily>, ScrapeError> Read(
      const net::HttpResponse& response) const;
  std::vector<model::MetricFamily> UpFamilies(double up) const;

  const config::Probe config_;
  const config::ScrapeProbe& spec_;
  const std::string target_;
  const model::Labels labels_;
};

model::Labels ScrapeProbe::TargetLabels() const {
  std::string instance = spec_.instance;
  if (instance.empty()) {
    const base::Result<net::Url> url = net::ParseUrl(spec_.url.Reveal());
    if (url) instance = net::Endpoint{url->host, url->port, {}}.ToString();
  }
  return model::LabelsBuilder(config_.labels)
      .Set("service", config_.service)
      .Set("job", spec_.job.empty() ? config_.name : spec_.job)
      .Set("instance", instance)
      .Build();
}

std::vector<model::MetricFamily> ScrapeProbe::UpFamilies(double up) const {
  model::FamilySet families;
  families.Gauge("up", "1 if the page was read whole.", labels_, up);
  return families.Take();
}

model::ProbeResult ScrapeProbe::Begin(base::Timestamp now) const {
  model::ProbeResult result;
  result.probe = config_.name;
  result.type = config_.type;
  result.service = config_.service;
  result.target = target_;
  result.started = now;
  result.foreign = true;
  return result;
}

model::ProbeResult ScrapeProbe::NotRun(model::Reason reason, const std::string& message) const {
  model::ProbeResult result = Begin({});
  result.checks.push_back({"run", model::Severity::kCritical, reason, message, {}});
  result.families = UpFamilies(0);
  return result;
}

model::ProbeResult ScrapeProbe::Run(const RunContext& context) {
  const auto begin = std::chrono::steady_clock::now();
  model::ProbeResult result = Begin(context.now);
  auto scraped = Scrape(context);
  const auto took = std::chrono::steady_clock::now() - begin;
  result.duration = std::chrono::duration_cast<base::Duration>(took);
  result.families = UpFamilies(scraped ? 1 : 0);
  std::size_t samples = 0;
  if (scraped) {
    for (const model::MetricFamily& family : *scraped) samples += family.points.size();
    result.checks.push_back({"scrape",
                             model::Severity::kOk,
                             model::Reason::kNone,
                             std::to_string(samples) + " samples",
                             {}});
  } else {
    const ScrapeError& error = scraped.error();
    result.checks.push_back(
        {error.check, model::Severity::kCritical, error.reason, error.message, error.hint});
  }
  model::FamilySet meta;
  meta.Gauge("scrape_duration_seconds", "Time the scrape took.", labels_, base::ToSeconds(took));
  meta.Gauge("scrape_samples_scraped", "Samples the page held.", labels_,
             static_cast<double>(samples));
  for (model::MetricFamily& family : meta.Take()) result.families.push_back(std::move(family));
  result.measurements.push_back(
      {"duration_seconds", base::ToSeconds(took), "s", std::nullopt, std::nullopt});
  result.measurements.push_back(
      {"samples", static_cast<double>(samples), "", std::nullopt, std::nullopt});
  if (scraped) {
    for (model::MetricFamily& family : *scraped) {
      result.families.push_back(std::move(family));
    }
  }
  return result;
}

tl::expected<std::vector<model::MetricFamily>, ScrapeError> ScrapeProbe::Scrape(
    const RunContext& context) const {
  net::HttpRequest request;
  request.url = spec_.url;
  request.tls = ToTlsOptions(spec_.tls);
  request.max_redirects = kMaxRedirects;
  request.max_body_bytes = spec_.max_body_bytes;
  const base::Status added = AddCredentials(
      {spec_.headers, spec_.basic_username, spec_.basic_password, spec_.bearer_token}, request);
  if (!added) {
    return tl::unexpected(
        ScrapeError{"config", model::Reason::kConfig, added.error().message, added.error().hint});
  }
  request.headers.emplace_back("Accept", base::Secret(std::string(kAccept)));
  request.headers.emplace_back(
      "X-Prometheus-Scrape-Timeout-Seconds",
      base::Secret(base::FormatDouble(base::ToSeconds(context.deadline.Remaining()))));
  const net::HttpOutcome outcome = net::Fetch(request, context.deadline, context.stop);
  if (!outcome.response) {
    return tl::unexpected(
        ScrapeError{"response", outcome.error->reason, outcome.error->message, {}});
  }
  return Read(*outcome.response);
}

tl::expected<std::vector<model::MetricFamily>, ScrapeError> ScrapeProbe::Read(
    const net::HttpResponse& response) const {
  if (response.status != 200) {
    return tl::unexpected(
        ScrapeError{"status",
                    model::Reason::kUnexpectedStatus,
                    "status " + std::to_string(response.status) + ", expected 200",
                    {}});
  }
  const std::string content_type = response.Header("content-type");
  const std::optional<model::TextFormat> format = FormatOf(content_type);
  if (!format) {
    return tl::unexpected(ScrapeError{
        "format", model::Reason::kProtocol,
        "the page is " + base::Quote(base::Truncate(content_type, 100)) + ", not metrics",
        "does the URL lead to the metrics page?"});
  }
  const std::int64_t samples = CountSamples(response.body);
  if (samples > spec_.max_samples) {
    return tl::unexpected(ScrapeError{
        "samples", model::Reason::kLimit,
        std::to_string(samples) + " samples, the limit is " + std::to_string(spec_.max_samples),
        "raise max_samples if the page is meant to be so long"});
  }
  model::ParseLimits limits;
  limits.max_samples = spec_.max_samples;
  const base::Result<model::ParsedPage> page = model::ParseText(response.body, *format, limits);
  if (!page) {
    return tl::unexpected(
        ScrapeError{"format", model::Reason::kProtocol, page.error().message, {}});
  }
  return ToFamilies(*page, labels_,
                    spec_.honor_labels ? LabelConflict::kHonor : LabelConflict::kExport);
}

}  // namespace

std::unique_ptr<Probe> MakeScrapeProbe(const config::Probe& config,
                                       const ProbeServices& /*services*/) {
  return std::make_unique<ScrapeProbe>(config);
}

}  // namespace drwatch::probes
