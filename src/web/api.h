// Prometheus' HTTP API (/api/v1/*) on drwatch's store, engine and rules, so that Grafana and
// promtool work.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_server.h"
#include "promql/engine.h"
#include "rules/manager.h"
#include "store/store.h"

namespace drwatch::web {

struct ApiLimits {
  base::Duration query_timeout = std::chrono::minutes(2);  // a smaller `timeout` parameter wins
  std::int64_t max_points = 11'000;  // of one series in a range query, as Prometheus
};

// What the API reads. Everything outlives it and may be used from any thread.
struct ApiSources {
  const store::Store* store = nullptr;
  const promql::Engine* engine = nullptr;
  const base::Clock* clock = nullptr;
  std::function<std::shared_ptr<const rules::RulesSnapshot>()> rules;
  std::string version;
  std::string revision;
};

// Answers requests whose path starts with /api/v1/. Thread-safe.
class Api {
 public:
  explicit Api(ApiSources sources, ApiLimits limits = {})
      : sources_(std::move(sources)), limits_(limits) {}
  net::ServerResponse Handle(const net::ServerRequest& request) const;

 private:
  net::ServerResponse Query(const net::ServerRequest& request) const;
  net::ServerResponse QueryRange(const net::ServerRequest& request) const;
  net::ServerResponse Series(const net::ServerRequest& request) const;
  net::ServerResponse LabelNames(const net::ServerRequest& request) const;
  net::ServerResponse LabelValues(const net::ServerRequest& request, std::string_view name) const;
  net::ServerResponse Metadata(const net::ServerRequest& request) const;
  net::ServerResponse Rules(const net::ServerRequest& request) const;
  net::ServerResponse Alerts() const;
  net::ServerResponse FormatQuery(const net::ServerRequest& request) const;
  net::ServerResponse BuildInfo() const;

  ApiSources sources_;
  ApiLimits limits_;
};

// {"status":"success","data":DATA} and the error form with Prometheus' errorType ("bad_data" is
// 400, "execution" 422, "timeout" 503, "not_found" 404, "internal" 500).
net::ServerResponse ApiSuccess(std::string_view data, const promql::Annotations& annotations = {});
net::ServerResponse ApiError(std::string_view error_type, std::string_view message);

}  // namespace drwatch::web
