// /api/v2/...: Alertmanager's API over delivery's state, for amtool, Grafana, karma and programs
// that post alerts or silences.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_server.h"
#include "notify/dispatcher.h"

namespace drwatch::web {

// The functions may be called from any thread at any time and outlive the API.
struct AlertmanagerSources {
  std::function<notify::Snapshot()> snapshot;
  std::function<base::Status(const std::vector<notify::PostedAlert>&)> post;
  std::function<base::Result<std::string>(notify::Silence)> set_silence;
  std::function<base::Status(const std::string&)> expire_silence;
  std::function<std::vector<std::string>()> receivers;  // names
  // The part of the configuration that an Alertmanager knows, secrets as <secret>.
  std::function<std::string()> config_text;
  std::string version;
  base::Timestamp started{};
  base::Duration resolve_timeout = std::chrono::minutes(5);
};

// Thread-safe.
class AlertmanagerApi {
 public:
  // Alerts and silences in one request.
  static constexpr std::size_t kMaxPosted = 10'000;

  explicit AlertmanagerApi(AlertmanagerSources sources) : sources_(std::move(sources)) {}
  // `path` begins with /api/v2/.
  net::ServerResponse Handle(const net::ServerRequest& request) const;

 private:
  net::ServerResponse Status() const;
  net::ServerResponse Receivers() const;
  net::ServerResponse Alerts(const net::ServerRequest& request) const;
  net::ServerResponse Groups(const net::ServerRequest& request) const;
  net::ServerResponse PostAlerts(const net::ServerRequest& request) const;
  net::ServerResponse Silences(const net::ServerRequest& request) const;
  net::ServerResponse PostSilence(const net::ServerRequest& request) const;
  net::ServerResponse OneSilence(const net::ServerRequest& request, const std::string& id) const;

  AlertmanagerSources sources_;
};

}  // namespace drwatch::web
