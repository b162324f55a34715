#include "probes/redis_info.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/strings.h"

namespace drwatch::probes {
namespace {

constexpr std::size_t kMaxReplicas = 200;
// Redis gives its own start as the time of the last save when there was none.
constexpr double kNeverSavedSeconds = 2;

class Fields {
 public:
  explicit Fields(std::string_view text) {
    for (std::string_view line : base::Split(text, '\n')) {
      line = base::Trim(line);
      const std::size_t colon = line.find(':');
      if (line.empty() || line.front() == '#' || colon == line.npos) continue;
      fields_.emplace(line.substr(0, colon), line.substr(colon + 1));
    }
  }
  std::string_view Text(std::string_view name) const {
    const auto found = fields_.find(name);
    return found == fields_.end() ? std::string_view() : found->second;
  }
  std::optional<double> Number(std::string_view name) const {
    return base::ParseDouble(Text(name));
  }
  // Without the -1 that stands for "never".
  std::optional<double> Age(std::string_view name) const {
    const std::optional<double> value = Number(name);
    return value && *value >= 0 ? value : std::nullopt;
  }
  std::optional<bool> Equals(std::string_view name, std::string_view wanted) const {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return std::nullopt;
    return found->second == wanted;
  }
  // Valkey calls it otherwise.
  std::string_view Mode() const {
    const std::string_view mode = Text("redis_mode");
    return mode.empty() ? Text("server_mode") : mode;
  }
  const std::map<std::string_view, std::string_view>& all() const { return fields_; }

 private:
  std::map<std::string_view, std::string_view> fields_;
};

// slave0:ip=10.0.0.7,port=6379,state=online,offset=42,lag=0
bool IsReplicaField(std::string_view name) {
  for (const std::string_view prefix : {"slave", "replica"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view number = name.substr(prefix.size());
    return !number.empty() && number.find_first_not_of("0123456789") == number.npos;
  }
  return false;
}

RedisReplica ParseReplica(std::string_view text) {
  RedisReplica replica;
  std::string ip;
  std::string port;
  for (const std::string_view part : base::Split(text, ',')) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const std::string_view value = equals < part.size() ? part.substr(equals + 1) : "";
    if (name == "ip") ip = value;
    if (name == "port") port = value;
    if (name == "state") replica.online = value == "online";
    if (name == "offset") replica.offset = base::ParseDouble(value);
  }
  replica.address = (ip.find(':') == ip.npos ? ip : "[" + ip + "]") + ":" + port;
  return replica;
}

void ReadReplication(const Fields& fields, RedisInfo& info) {
  const bool up = fields.Text("master_link_status") == "up";
  info.sync_in_progress = fields.Text("master_sync_in_progress") == "1";
  info.link_up = info.is_replica && up && !info.sync_in_progress;
  if (info.link_up) info.last_io_seconds = fields.Age("master_last_io_seconds_ago");
  if (!up) info.link_down_seconds = fields.Age("master_link_down_since_seconds");
  info.offset = fields.Number("master_repl_offset");
  if (info.is_replica) {
    const std::optional<double> own = fields.Number("slave_repl_offset");
    info.offset = own ? own : fields.Number("replica_repl_offset");
  }
  for (const auto& [name, value] : fields.all()) {
    if (IsReplicaField(name) && info.replicas.size() < kMaxReplicas) {
      info.replicas.push_back(ParseReplica(value));
    }
  }
}

void ReadPersistence(const Fields& fields, RedisInfo& info) {
  info.rdb_changes = fields.Number("rdb_changes_since_last_save");
  info.rdb_ok = fields.Equals("rdb_last_bgsave_status", "ok");
  info.aof_enabled = fields.Equals("aof_enabled", "1");
  info.aof_write_ok = fields.Equals("aof_last_write_status", "ok");
  info.aof_rewrite_ok = fields.Equals("aof_last_bgrewrite_status", "ok");
  const std::optional<double> last_save = fields.Age("rdb_last_save_time");
  const std::optional<double> saves = fields.Number("rdb_saves");  // since 7.0
  const std::optional<double> now_micros = fields.Number("server_time_usec");
  bool saved = last_save && *last_save > 0;
  if (saves) {
    saved = saved && *saves > 0;
  } else if (saved && now_micros && info.uptime_seconds) {
    const double start = *now_micros / 1e6 - *info.uptime_seconds;
    saved = *last_save - start >= kNeverSavedSeconds;
  }
  if (saved) info.rdb_last_save_timestamp = last_save;
}

}  // namespace

std::optional<RedisInfo> ParseRedisInfo(std::string_view text) {
  const Fields fields(text);
  const std::string_view role = fields.Text("role");
  if (role.empty()) return std::nullopt;
  RedisInfo info;
  info.is_replica = role == "slave" || role == "replica";
  const std::string_view valkey = fields.Text("valkey_version");
  info.version = valkey.empty() ? fields.Text("redis_version") : valkey;
  info.mode = fields.Mode();
  info.run_id = fields.Text("run_id");
  info.uptime_seconds = fields.Age("uptime_in_seconds");
  info.loading = fields.Text("loading") == "1";
  info.loading_eta_seconds = fields.Age("loading_eta_seconds");
  ReadReplication(fields, info);
  ReadPersistence(fields, info);
  return info;
}

bool IsSentinelInfo(std::string_view text) { return Fields(text).Mode() == "sentinel"; }

}  // namespace drwatch::probes
