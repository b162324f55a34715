// The Alertmanagers that drwatch's alerts are forwarded to, with the keys of Prometheus'
// `alerting: alertmanagers`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/integration_config.h"

namespace drwatch::config {

// One item of the list: targets that are reached in the same way.
struct Alertmanagers {
  std::string scheme = "http";
  std::string path_prefix = "/";  // begins with a slash
  base::Duration timeout = std::chrono::seconds(10);
  HttpSettings http;
  std::vector<std::string> targets;  // host or host:port, each once in the whole file
  // "http://am1:9093/prefix" and `path` behind it; holds no secret.
  std::string Url(const std::string& target, std::string_view path) const;
};

}  // namespace drwatch::config
