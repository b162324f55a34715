// What Redis (or Valkey) says in INFO. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drwatch::probes {

struct RedisReplica {
  std::string address;  // "10.0.0.7:6379"
  bool online = false;
  std::optional<double> offset;
};

// A field that is not there, or is no number, is absent.
struct RedisInfo {
  std::string version;  // Valkey's own number where there is one
  std::string mode;     // standalone, cluster
  std::string run_id;
  bool is_replica = false;
  std::optional<double> uptime_seconds;
  bool loading = false;
  std::optional<double> loading_eta_seconds;

  std::optional<double> offset;  // own replication offset
  bool link_up = false;          // of a replica: the link is up and no sync runs
  bool sync_in_progress = false;
  std::optional<double> last_io_seconds;    // absent where Redis says -1
  std::optional<double> link_down_seconds;  // absent where Redis says -1
  std::vector<RedisReplica> replicas;       // of a master

  std::optional<double> rdb_last_save_timestamp;  // absent if it never saved since its start
  std::optional<double> rdb_changes;
  std::optional<bool> rdb_ok;
  std::optional<bool> aof_enabled;
  std::optional<bool> aof_write_ok;
  std::optional<bool> aof_rewrite_ok;
};

// nullopt if it names no role: then it is no INFO. Unknown fields and sections are skipped; the
// older words ("slave") and the newer ones ("replica") are understood.
std::optional<RedisInfo> ParseRedisInfo(std::string_view text);

// A Sentinel watches Redis servers and holds no data: its INFO names no role.
bool IsSentinelInfo(std::string_view text);

}  // namespace drwatch::probes
