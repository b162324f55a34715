#include "web/site.h"

#include <utility>

#include "model/exposition.h"
#include "net/gzip.h"
#include "web/envelope.h"
#include "web/evidence.h"
#include "web/negotiate.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

// Smaller answers are not worth packing.
constexpr std::size_t kMinGzipBytes = 1400;
constexpr std::string_view kApi = "/api/v1/";
constexpr std::string_view kAlertmanagerApi = "/api/v2/";
constexpr std::string_view kMetrics = "/metrics";
// Rows of one answer of the audit log.
constexpr std::int64_t kDefaultAuditRows = 100, kMaxAuditRows = 10'000;
constexpr std::string_view kRunbooks = "/runbooks/";

net::ServerResponse Html(std::string text) {
  net::ServerResponse response = net::ServerResponse::Text(200, std::move(text));
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; style-src 'unsafe-inline'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

net::ServerResponse Json(std::string text) {
  net::ServerResponse response = net::ServerResponse::Text(200, std::move(text));
  response.content_type = "application/json";
  return response;
}

void Compress(const net::ServerRequest& request, net::ServerResponse& response) {
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (request.path == kMetrics) return;  // packed already
  if (!response.body || response.body->size() < kMinGzipBytes) return;
  if (!net::AcceptsGzip(request.Header("accept-encoding"))) return;
  response.body = std::make_shared<const std::string>(net::Gzip(*response.body));
  response.headers.emplace_back("Content-Encoding", "gzip");
}

net::ServerResponse MethodNotAllowed(std::string_view allowed) {
  net::ServerResponse response = net::ServerResponse::Text(405, "method not allowed\n");
  response.headers.emplace_back("Allow", std::string(allowed));
  return response;
}

// A browser sends what another site's page asks it to, with the password it knows.
bool ForgedWrite(const net::ServerRequest& request) {
  return request.method != "GET" && request.method != "HEAD" && IsCrossSite(request);
}

net::ServerResponse Forbidden() {
  return net::ServerResponse::Text(403, "another site's page may not do this\n");
}

}  // namespace

net::ServerResponse Site::Handle(const net::ServerRequest& request) const {
  net::ServerResponse response = Route(request);
  Compress(request, response);
  return request.path.starts_with(kApi) ? api_.HoldUnread(std::move(response)) : response;
}

net::ServerResponse Site::Route(const net::ServerRequest& request) const {
  if (request.path.starts_with(kApi)) return api_.Handle(request);
  if (request.path.starts_with(kAlertmanagerApi)) {
    return ForgedWrite(request) ? Forbidden() : alertmanager_.Handle(request);
  }
  if (request.path == "/acknowledge") return acknowledging_.Page(request);
  if (request.path == "/api/dr/acknowledge") return acknowledging_.Api(request);
  if (request.path == "/api/dr/escalations") return acknowledging_.Escalations(request);
  if (request.path == "/api/dr/drills") return drilling_.Api(request);
  if (request.path == "/-/reload") return ForgedWrite(request) ? Forbidden() : Reload(request);
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  if (request.path == kMetrics) return Metrics(request);
  if (request.path == "/api/dr/backups") return Json(sources_.backups());
  if (request.path == "/api/dr/recovery") return Json(sources_.recovery());
  if (request.path == "/api/dr/audit") return Audit(request);
  if (request.path == "/") return Html(StatusPage(sources_.status()));
  if (request.path == "/-/healthy") return net::ServerResponse::Text(200, "drwatch is healthy.\n");
  if (request.path == "/-/ready") {
    if (sources_.ready()) return net::ServerResponse::Text(200, "drwatch is ready.\n");
    return net::ServerResponse::Text(503, "drwatch is not ready: some probes have not run yet.\n");
  }
  if (request.path.starts_with(kRunbooks)) {
    const std::string_view name = std::string_view(request.path).substr(kRunbooks.size());
    const std::string_view markdown = sources_.runbook(name);
    if (!markdown.empty()) return Html(RunbookPage(name, markdown));
  }
  return net::ServerResponse::Text(404, "not found\n");
}

net::ServerResponse Site::Metrics(const net::ServerRequest& request) const {
  const MetricsFormat wanted = NegotiateMetrics(request.Header("accept"));
  net::ServerResponse response;
  if (net::AcceptsGzip(request.Header("accept-encoding"))) {
    const bool open = wanted.format == model::TextFormat::kOpenMetrics;
    PackedPage& packed = open ? packed_open_metrics_ : packed_text_;
    response.body = std::make_shared<const std::string>(
        packed.Make([&](const model::MetricsPage::Known& known) {
          return sources_.metrics_pieces(wanted.format, known);
        }));
    response.headers.emplace_back("Content-Encoding", "gzip");
  } else {
    response.body = std::make_shared<const std::string>(sources_.metrics(wanted.format));
  }
  response.content_type = wanted.content_type;
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

net::ServerResponse Site::Reload(const net::ServerRequest& request) const {
  if (request.method != "POST" && request.method != "PUT") return MethodNotAllowed("POST, PUT");
  const base::Status status = sources_.reload((request.user.empty() ? "API" : request.user) + ", " +
                                              request.remote_address);
  if (status) return net::ServerResponse::Text(200, "configuration reloaded\n");
  return net::ServerResponse::Text(
      500, "the old configuration stays: " + status.error().ToString() + "\n");
}

net::ServerResponse Site::Audit(const net::ServerRequest& request) const {
  recovery::AuditQuery query;
  const auto from = TimeParameter(request, "from", query.from);
  if (!from) return BadParameter("from", from.error().message);
  const auto to = TimeParameter(request, "to", query.to);
  if (!to) return BadParameter("to", to.error().message);
  const auto after = NumberParameter(request, "after", 0);
  if (!after) return BadParameter("after", after.error().message);
  const auto limit = NumberParameter(request, "limit", kDefaultAuditRows);
  if (!limit || *limit < 1 || *limit > kMaxAuditRows) {
    return BadParameter("limit", "must be between 1 and " + std::to_string(kMaxAuditRows));
  }
  query.from = *from;
  query.to = *to;
  query.after_id = *after;
  query.limit = *limit + 1;
  auto rows = sources_.audit(query);
  if (!rows) return ApiError("internal", rows.error().message);
  const bool more = static_cast<std::int64_t>(rows->size()) > *limit;
  if (more) rows->pop_back();
  return Json(AuditRowsJson(*rows, more ? MoreRows::kYes : MoreRows::kNo));
}

}  // namespace drwatch::web
