// What a Redis server's INFO becomes: metrics and checks. docs/redis.md says what each one means.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "probes/probe_report.h"
#include "probes/redis_info.h"

namespace drwatch::probes {

struct RedisFindings {
  RedisInfo info;
  std::string address;                    // where it answered
  std::optional<double> start_timestamp;  // of the process
  std::optional<double> lag_seconds;      // of a replica
  std::optional<bool> rdb_enabled;        // absent if nobody asked or it is not permitted
  bool writes_refused = false;            // PING was answered with MISCONF
};

enum class RedisUp { kYes, kNo };
void AddRedisAlways(const config::RedisProbe& spec, RedisUp up, ProbeReport& report);
void AddRedisMetrics(const config::RedisProbe& spec, const RedisFindings& findings,
                     ProbeReport& report);
// In order of importance: connect, loading, role, replicas, link, lag, persistence.
void AddRedisChecks(const config::RedisProbe& spec, const RedisFindings& findings,
                    ProbeReport& report);

}  // namespace drwatch::probes
