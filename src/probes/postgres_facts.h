// Everything one run learns from a PostgreSQL server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/postgres.h"
#include "probes/probe.h"

namespace drwatch::probes {

struct PostgresReceiver {
  bool running = false;
  std::string status;  // "streaming", "waiting", ...
  std::optional<double> message_age_seconds;
};

struct PostgresStandby {
  std::string name;  // application_name
  std::string client;
  bool streaming = false;
  bool synchronous = false;             // sync or quorum
  std::optional<std::uint64_t> replay;  // as the primary last heard
  std::optional<double> behind_bytes;
};

struct PostgresSlot {
  std::string name;
  bool active = false;
  std::optional<bool> lost;
  std::optional<double> safe_bytes;
  std::optional<double> retained_bytes;
};

struct PostgresArchiver {
  double archived = 0;
  double failed = 0;
  std::string last_wal;    // "" if never
  std::string failed_wal;  // the last one that failed
  std::optional<double> last_seconds;      // when it was archived, by the server's clock
  std::optional<double> last_age_seconds;  // how long ago, whatever that clock says
  bool failing = false;
};

struct PostgresReadySegments {
  double count = 0;
  std::optional<double> oldest_age_seconds;
};

// A fact that nobody told is absent; `unknown` says why.
struct PostgresFacts {
  int server_version = 0;
  std::string version;   // "15.20"
  std::string instance;  // tells two runs of a server apart
  std::string address;   // as the server sees itself: "10.0.0.5:5432"
  std::optional<double> start_seconds;
  bool in_recovery = false;
  bool monitor_granted = false;
  bool sees_statistics = false;
  std::optional<bool> checksums_enabled;
  bool commits_wait = false;  // for a synchronous standby
  std::string archive_mode;   // off, on, always
  double archive_timeout_seconds = 0;
  double segment_bytes = 0;
  std::optional<double> connections_limit;

  std::string system_identifier;          // "" if not told
  std::uint32_t timeline = 0;             // 0 if not told; of a standby a lower bound
  std::optional<std::uint64_t> position;  // of a primary
  std::string transactions;               // of a primary: see PositionRing::Observe
  std::optional<std::uint64_t> receive;   // of a standby
  std::optional<std::uint64_t> replay;
  std::optional<bool> replay_paused;
  std::optional<double> replay_age_seconds;
  base::SteadyTime positions_asked{};     // before the query left
  base::SteadyTime positions_answered{};  // after its answer came

  std::optional<PostgresReceiver> receiver;
  std::optional<std::vector<PostgresStandby>> standbys;
  std::optional<std::vector<PostgresSlot>> slots;
  std::optional<PostgresArchiver> archiver;
  std::optional<PostgresReadySegments> ready;
  std::optional<double> connections;
  std::optional<std::vector<std::pair<std::string, double>>> checksum_failures;  // by database
  std::optional<std::vector<std::pair<std::string, std::string>>> settings;      // those that exist

  std::vector<std::pair<std::string, net::NetError>> unknown;  // fact, why

  bool archives() const {
    return archive_mode == "always" || (archive_mode == "on" && !in_recovery);
  }
};

// Asks for everything. Errors: the first query failed, or the server is too old (kProtocol).
// Whatever else fails is in `unknown`. `settings` are the names to look up.
net::NetResult<PostgresFacts> CollectPostgresFacts(net::PostgresConnection& connection,
                                                   const std::vector<std::string>& settings,
                                                   const RunContext& context);

// "000000010000000A000000FE" to the position at which that segment ends; nullopt if it is not a
// segment's name (history, backup label and partial files are archived, too).
std::optional<std::uint64_t> EndOfWalSegment(const std::string& name, double segment_bytes);

}  // namespace drwatch::probes
