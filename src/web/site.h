// Every path of the program's HTTP server and what answers it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/exposition.h"
#include "model/metrics_page.h"
#include "net/http_server.h"
#include "recovery/audit_log.h"
#include "web/acknowledge.h"
#include "web/am_api.h"
#include "web/api.h"
#include "web/drills.h"
#include "web/packed_page.h"
#include "web/status_page.h"

namespace drwatch::web {

// What the pages show. The functions may be called from any thread at any time and outlive the
// site.
struct SiteSources {
  ApiSources api;
  ApiLimits api_limits;
  AlertmanagerSources alertmanager;
  AcknowledgeSources acknowledge;
  DrillSources drills;
  // The page of /metrics, and the same in pieces.
  std::function<std::string(model::TextFormat)> metrics;
  std::function<std::vector<model::MetricsPage::Piece>(model::TextFormat,
                                                       const model::MetricsPage::Known&)>
      metrics_pieces;
  std::function<StatusView()> status;
  std::function<std::string()> backups, recovery;  // dr_api.h
  std::function<bool()> ready;  // state loaded, each probe has run once or timed out
  // Takes the new configuration whole or keeps the old one; the argument says who asked.
  std::function<base::Status(const std::string&)> reload;
  std::function<base::Result<std::vector<recovery::AuditRow>>(const recovery::AuditQuery&)> audit;
  std::function<std::string_view(std::string_view)>
      runbook;  // Markdown by alert name, "" if there is none
};

// Thread-safe.
class Site {
 public:
  explicit Site(SiteSources sources)
      : sources_(std::move(sources)),
        api_(sources_.api, sources_.api_limits),
        alertmanager_(sources_.alertmanager),
        acknowledging_(sources_.acknowledge),
        drilling_(sources_.drills) {}
  net::ServerResponse Handle(const net::ServerRequest& request) const;
  const Api& api() const { return api_; }

 private:
  net::ServerResponse Route(const net::ServerRequest& request) const;
  net::ServerResponse Metrics(const net::ServerRequest& request) const;
  net::ServerResponse Reload(const net::ServerRequest& request) const;
  net::ServerResponse Audit(const net::ServerRequest& request) const;

  SiteSources sources_;
  Api api_;
  AlertmanagerApi alertmanager_;
  Acknowledging acknowledging_;
  Drilling drilling_;
  mutable PackedPage packed_text_, packed_open_metrics_;
};

}  // namespace drwatch::web
