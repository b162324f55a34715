// Who may talk to the HTTP server, and how it is encrypted: the web configuration file as it is
// now.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/problem.h"
#include "config/web_config.h"
#include "net/http_server.h"
#include "net/server_tls.h"
#include "web/basic_auth.h"

namespace drwatch::exporter {

// A web configuration that can be used, with its files' times.
struct LoadedWebConfig {
  config::WebConfig config;
  std::shared_ptr<const net::ServerTls> tls;  // null without TLS
};
// nullptr if `problems` gained an error.
std::shared_ptr<const LoadedWebConfig> LoadWeb(const std::string& path, config::Problems& problems);

// Thread-safe. The file and the certificates it names are read anew when one of them changed; what
// cannot be used is logged, and the old one stays.
class WebSecurity {
 public:
  // How often it is looked whether a file changed, at most.
  static constexpr base::Duration kLookEvery = std::chrono::seconds(1);

  // `path` may be empty: no TLS, no users. nullptr if `problems` gained an error.
  static std::unique_ptr<WebSecurity> Open(const std::string& path, const base::Clock& clock,
                                           config::Problems& problems);
  std::shared_ptr<const LoadedWebConfig> Current();
  bool encrypts() const { return encrypts_; }

  // Nothing if the request may pass; `user` is then who it is from, if there are users.
  std::optional<net::ServerResponse> Refuse(const net::ServerRequest& request, std::string& user);
  // Adds the configured headers.
  void Complete(net::ServerResponse& response);

 private:
  using Stamps = std::map<std::string, std::filesystem::file_time_type>;
  WebSecurity(std::string path, const base::Clock& clock,
              std::shared_ptr<const LoadedWebConfig> loaded);
  Stamps Look(const LoadedWebConfig& loaded) const;

  const std::string path_;
  const base::Clock& clock_;
  const bool encrypts_;
  web::BasicAuth auth_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const LoadedWebConfig> loaded_;
  Stamps stamps_;
  base::SteadyTime next_look_{};
};

}  // namespace drwatch::exporter
