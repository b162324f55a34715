// /api/dr/drills: what was rehearsed, and how long coming back took.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"
#include "recovery/drills.h"

namespace drwatch::web {

// Drills of one answer, newest first.
inline constexpr std::int64_t kMaxListedDrills = 1000;

// The functions may be called from any thread at any time and outlive the pages.
struct DrillSources {
  std::function<std::vector<std::string>()> services;  // those that are configured
  std::function<base::Result<recovery::Drill>(const recovery::DrillRequest&)> apply;
  std::function<base::Result<std::vector<recovery::Drill>>(std::int64_t)> list;
};

// Thread-safe.
class Drilling {
 public:
  explicit Drilling(DrillSources sources) : sources_(std::move(sources)) {}
  // GET lists; POST starts, stops or records.
  net::ServerResponse Api(const net::ServerRequest& request) const;

 private:
  net::ServerResponse List() const;
  net::ServerResponse Post(const net::ServerRequest& request) const;

  DrillSources sources_;
};

}  // namespace drwatch::web
