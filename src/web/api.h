// Prometheus' HTTP API (/api/v1/*) on drwatch's store, engine and rules, so that Grafana, promtool
// and whatever else speaks it work.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/http_server.h"
#include "promql/engine.h"
#include "rules/manager.h"
#include "store/store.h"
#include "web/api_limits.h"
#include "web/query_gate.h"
#include "web/target_view.h"

namespace drwatch::web {

// What the API reads. Everything outlives it and may be used from any thread.
struct ApiSources {
  const store::Store* store = nullptr;
  const promql::Engine* engine = nullptr;
  const base::Clock* clock = nullptr;
  std::function<std::shared_ptr<const rules::RulesSnapshot>()> rules;
  std::function<std::vector<TargetView>()> targets;
  std::function<RuntimeView()> runtime;
  std::function<std::string()> config;  // as YAML, without secrets
  // Addresses that alerts are forwarded to, without secrets. Default: none.
  std::function<std::vector<std::string>()> alertmanagers = [] {
    return std::vector<std::string>();
  };
  std::vector<std::pair<std::string, std::string>> flags;  // of the command line
  std::string version;
  std::string revision;
};

struct ApiStats {
  int running = 0;
  int waiting = 0;
  std::int64_t unread_bytes = 0;
};

// Answers requests whose path starts with /api/v1/. Thread-safe.
class Api {
 public:
  explicit Api(ApiSources sources, ApiLimits limits = {})
      : sources_(std::move(sources)),
        limits_(std::move(limits)),
        gate_(limits_.max_concurrency, limits_.max_waiting),
        unread_(limits_.max_unread_bytes) {}
  net::ServerResponse Handle(const net::ServerRequest& request) const;
  // The same answer, counted among the unread ones; or that there is no room for it.
  net::ServerResponse HoldUnread(net::ServerResponse response) const;

  ApiStats Stats() const { return {gate_.running(), gate_.waiting(), unread_.bytes()}; }
  const LimitHits& hits() const { return hits_; }

 private:
  struct Endpoint;
  // A request on its way: what has to be known of it beside its parameters.
  struct Call {
    const net::ServerRequest& request;
    base::Deadline deadline;
    double queued_seconds = 0;
  };
  using Handler = net::ServerResponse (Api::*)(const Call&) const;

  net::ServerResponse Route(const net::ServerRequest& request) const;
  net::ServerResponse RunGated(const net::ServerRequest& request, Handler handler) const;
  net::ServerResponse Refused(QueryGate::Refusal refusal) const;
  net::ServerResponse TooLong() const;
  bool TooManySelectors(const net::ServerRequest& request) const;
  template <typename List>
  net::ServerResponse ListTexts(const net::ServerRequest& request, List list) const;
  promql::QueryLimits LimitsOf(const Call& call, base::Duration lookback) const;
  net::ServerResponse Answer(const Call& call, promql::QueryResult result, std::int64_t limit,
                             double seconds) const;
  net::ServerResponse Failure(const promql::QueryError& error) const;

  net::ServerResponse Query(const Call& call) const;
  net::ServerResponse QueryRange(const Call& call) const;
  net::ServerResponse QueryExemplars(const Call& call) const;
  net::ServerResponse FormatQuery(const Call& call) const;
  net::ServerResponse ParseQuery(const Call& call) const;
  net::ServerResponse Series(const Call& call) const;
  net::ServerResponse LabelNames(const Call& call) const;
  net::ServerResponse LabelValues(const Call& call) const;
  net::ServerResponse Metadata(const Call& call) const;
  net::ServerResponse Rules(const Call& call) const;
  net::ServerResponse Alerts(const Call& call) const;
  net::ServerResponse Targets(const Call& call) const;
  net::ServerResponse TargetMetadata(const Call& call) const;
  net::ServerResponse ScrapePools(const Call& call) const;
  net::ServerResponse Alertmanagers(const Call& call) const;
  net::ServerResponse BuildInfo(const Call& call) const;
  net::ServerResponse Config(const Call& call) const;
  net::ServerResponse Flags(const Call& call) const;
  net::ServerResponse RuntimeInfo(const Call& call) const;
  net::ServerResponse TsdbStatus(const Call& call) const;

  const ApiSources sources_;
  const ApiLimits limits_;
  mutable QueryGate gate_;
  mutable LimitHits hits_;
  const AnswerBudget unread_;
};

}  // namespace drwatch::web
