#include "exporter/web_security.h"

#include "base/log.h"
#include "exporter/load.h"

namespace drwatch::exporter {
namespace {

net::ServerTlsOptions ToOptions(const config::WebTls& tls) {
  net::ServerTlsOptions options;
  options.cert_pem = tls.cert.text;
  options.key_pem = tls.key.text;
  options.client_ca_pem = tls.client_ca.text;
  options.client_auth = static_cast<net::ServerTlsOptions::ClientAuth>(tls.client_auth);
  options.client_allowed_sans = tls.client_allowed_sans;
  options.min_version = static_cast<net::ServerTlsOptions::Version>(tls.min_version);
  options.max_version = static_cast<net::ServerTlsOptions::Version>(tls.max_version);
  options.cipher_suites = tls.cipher_suites;
  options.curve_preferences = tls.curve_preferences;
  return options;
}

}  // namespace

std::shared_ptr<const LoadedWebConfig> LoadWeb(const std::string& path,
                                               config::Problems& problems) {
  auto config = config::LoadWebConfig(path, problems);
  if (!config) return nullptr;
  auto loaded = std::make_shared<LoadedWebConfig>();
  if (config->tls) {
    auto tls = net::ServerTls::Make(ToOptions(*config->tls));
    if (!tls) {
      problems.AddError({path, 0, 0}, tls.error().message);
      return nullptr;
    }
    loaded->tls = *std::move(tls);
  }
  loaded->config = *std::move(config);
  return loaded;
}

std::unique_ptr<WebSecurity> WebSecurity::Open(const std::string& path, const base::Clock& clock,
                                               config::Problems& problems) {
  auto loaded = LoadWeb(path, problems);
  if (!loaded) return nullptr;
  return std::unique_ptr<WebSecurity>(new WebSecurity(path, clock, std::move(loaded)));
}

WebSecurity::WebSecurity(std::string path, const base::Clock& clock,
                         std::shared_ptr<const LoadedWebConfig> loaded)
    : path_(std::move(path)),
      clock_(clock),
      encrypts_(loaded->tls != nullptr),
      loaded_(std::move(loaded)),
      stamps_(Look(*loaded_)) {}

WebSecurity::Stamps WebSecurity::Look(const LoadedWebConfig& loaded) const {
  Stamps stamps;
  for (const std::string& file : loaded.config.files) {
    std::error_code error;
    stamps[file] = std::filesystem::last_write_time(file, error);
  }
  return stamps;
}

std::shared_ptr<const LoadedWebConfig> WebSecurity::Current() {
  const std::lock_guard lock(mutex_);
  const base::SteadyTime now = clock_.Steady();
  if (path_.empty() || now < next_look_) return loaded_;
  next_look_ = now + kLookEvery;
  Stamps stamps = Look(*loaded_);
  if (stamps == stamps_) return loaded_;
  stamps_ = std::move(stamps);  // what cannot be used is not tried again before it changes again
  config::Problems problems;
  auto loaded = LoadWeb(path_, problems);
  if (loaded && (loaded->tls != nullptr) != encrypts_) {
    base::LogError("TLS is turned on or off by a restart only; the old web configuration stays",
                   {{"file", path_}});
  } else if (loaded) {
    loaded_ = std::move(loaded);
    // Of a file known before the time before it was read: a change since then is still to be seen.
    stamps = std::move(stamps_);
    stamps_ = Look(*loaded_);
    for (const auto& [file, stamp] : stamps) {
      if (stamps_.contains(file)) stamps_[file] = stamp;
    }
    base::LogInfo("web configuration taken anew", {{"file", path_}});
  } else {
    base::LogError("the web configuration cannot be used; the old one stays",
                   {{"problems", FormatProblems(problems)}});
  }
  return loaded_;
}

std::optional<net::ServerResponse> WebSecurity::Refuse(const net::ServerRequest& request,
                                                       std::string& user) {
  const auto current = Current();
  if (current->config.users.empty()) return std::nullopt;
  auto known = auth_.Check(current->config.users, request.Header("authorization"));
  if (known) {
    user = *std::move(known);
    return std::nullopt;
  }
  net::ServerResponse response = net::ServerResponse::Text(401, "Unauthorized\n");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

void WebSecurity::Complete(net::ServerResponse& response) {
  for (const auto& [name, value] : Current()->config.headers) {
    std::erase_if(response.headers, [&](const auto& header) { return header.first == name; });
    response.headers.emplace_back(name, value);
  }
}

}  // namespace drwatch::exporter
