// Who is told that drwatch is well, and pages when it is not told any more.
#pragma once

#include <chrono>
#include <string>

#include "base/clock.h"
#include "config/secret_source.h"

namespace drwatch::config {

struct DeadMan {
  SecretSource url;  // whoever knows it can ping in drwatch's name; empty = nobody is told
  std::string method = "GET";
  base::Duration interval = std::chrono::minutes(1);  // at least so long between two pings
  base::Duration timeout = std::chrono::seconds(10);
  bool operator==(const DeadMan&) const = default;
};

}  // namespace drwatch::config
