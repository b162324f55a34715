#include "probes/postgres_facts.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "probes/postgres_sql.h"

namespace drwatch::probes {
namespace {

using net::PostgresRows;

std::optional<std::uint64_t> Position(const PostgresRows& rows, int row, const char* column) {
  const std::optional<std::int64_t> value = rows.Int(row, column);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

// Asks one fact after the other over one connection.
class Collector {
 public:
  Collector(net::PostgresConnection& connection, const RunContext& context, PostgresFacts& facts)
      : connection_(connection), context_(context), facts_(facts) {}

  net::NetResult<PostgresRows> Ask(const std::string& sql,
                                   const std::vector<std::string>& parameters = {}) {
    return connection_.Query(sql, parameters, context_.deadline, context_.stop);
  }
  // The rows; nullopt if the server did not tell, which is noted as `fact`.
  std::optional<PostgresRows> Fact(const char* fact, const std::string& sql,
                                   const std::vector<std::string>& parameters = {}) {
    // After a broken connection every fact is missing for the same reason, said once.
    if (!connection_.usable()) return std::nullopt;
    net::NetResult<PostgresRows> rows = Ask(sql, parameters);
    if (rows) return *std::move(rows);
    facts_.unknown.emplace_back(fact, std::move(rows.error()));
    return std::nullopt;
  }

  net::NetResult<void> Core();
  void Positions();
  void Identity();
  void Receiver();
  void Standbys();
  void Slots();
  void Archiver();
  void Connections();
  void Checksums();
  void Settings(const std::vector<std::string>& names);

 private:
  net::PostgresConnection& connection_;
  const RunContext& context_;
  PostgresFacts& facts_;
};

net::NetResult<void> Collector::Core() {
  facts_.server_version = connection_.server_version();
  if (facts_.server_version < kOldestPostgresVersion) {
    return net::NetFail(model::Reason::kProtocol, "the server is older than PostgreSQL 10");
  }
  const auto rows = Ask(PostgresCoreSql());
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() != 1) {
    return net::NetFail(model::Reason::kProtocol, "the server answered a query without a row");
  }
  const std::string version = rows->Text(0, "version");
  facts_.version = version.substr(0, version.find(' '));
  facts_.instance = rows->Text(0, "instance");
  const std::string address = rows->Text(0, "address");
  const std::string port = ":" + rows->Text(0, "port");
  if (address.empty()) {
    facts_.address = connection_.remote_address();
  } else {
    facts_.address = (address.find(':') == address.npos ? address : "[" + address + "]") + port;
  }
  facts_.start_seconds = rows->Number(0, "start_seconds");
  facts_.in_recovery = rows->Bool(0, "in_recovery").value_or(false);
  facts_.monitor_granted = rows->Bool(0, "monitor").value_or(false);
  facts_.sees_statistics = rows->Bool(0, "statistics").value_or(false);
  facts_.checksums_enabled = rows->Bool(0, "checksums");
  facts_.commits_wait = rows->Bool(0, "commits_wait").value_or(false);
  facts_.archive_mode = rows->Text(0, "archive_mode");
  facts_.archive_timeout_seconds = rows->Number(0, "archive_timeout_seconds").value_or(0);
  facts_.segment_bytes = rows->Number(0, "segment_bytes").value_or(0);
  facts_.connections_limit = rows->Number(0, "connections_limit");
  return {};
}

void Collector::Positions() {
  facts_.positions_asked = context_.clock->Steady();
  const auto rows = Fact("positions", PostgresPositionSql(facts_.server_version));
  facts_.positions_answered = context_.clock->Steady();
  if (!rows) return;
  // The server may have been promoted since the first query.
  facts_.in_recovery = rows->Bool(0, "in_recovery").value_or(facts_.in_recovery);
  facts_.position = Position(*rows, 0, "position");
  facts_.transactions = rows->Text(0, "transactions");
  facts_.timeline = static_cast<std::uint32_t>(rows->Int(0, "timeline").value_or(0));
  facts_.receive = Position(*rows, 0, "receive");
  facts_.replay = Position(*rows, 0, "replay");
  facts_.replay_paused = rows->Bool(0, "paused");
  facts_.replay_age_seconds = rows->Number(0, "replay_age_seconds");
}

void Collector::Identity() {
  const auto rows = Fact("identity", PostgresIdentitySql());
  if (!rows) return;
  facts_.system_identifier = rows->Text(0, "system_identifier");
  // The control file of a fresh primary names the old timeline until its next checkpoint.
  const auto timeline = static_cast<std::uint32_t>(rows->Int(0, "timeline").value_or(0));
  if (facts_.in_recovery) facts_.timeline = std::max(facts_.timeline, timeline);
}

void Collector::Receiver() {
  if (!facts_.in_recovery || !facts_.sees_statistics) return;
  const auto rows = Fact("receiver", PostgresReceiverSql());
  if (!rows) return;
  PostgresReceiver receiver;
  receiver.running = rows->size() > 0;
  receiver.status = rows->Text(0, "status");
  receiver.message_age_seconds = rows->Number(0, "message_age_seconds");
  const auto timeline = static_cast<std::uint32_t>(rows->Int(0, "timeline").value_or(0));
  facts_.timeline = std::max(facts_.timeline, timeline);
  facts_.receiver = receiver;
}

void Collector::Standbys() {
  // Without the privilege the rows are there and everything in them is NULL.
  if (!facts_.sees_statistics) return;
  const auto rows = Fact("standbys", PostgresStandbysSql());
  if (!rows) return;
  std::vector<PostgresStandby> standbys;
  for (int i = 0; i < rows->size(); ++i) {
    const std::string sync = rows->Text(i, "sync_state");
    standbys.push_back({rows->Text(i, "name"), rows->Text(i, "client"),
                        rows->Text(i, "state") == "streaming", sync == "sync" || sync == "quorum",
                        Position(*rows, i, "replay"), rows->Number(i, "behind_bytes")});
  }
  facts_.standbys = std::move(standbys);
}

void Collector::Slots() {
  const auto rows = Fact("slots", PostgresSlotsSql(facts_.server_version));
  if (!rows) return;
  std::vector<PostgresSlot> slots;
  for (int i = 0; i < rows->size(); ++i) {
    slots.push_back({rows->Text(i, "slot"), rows->Bool(i, "active").value_or(false),
                     rows->Bool(i, "lost"), rows->Number(i, "safe_bytes"),
                     rows->Number(i, "retained_bytes")});
  }
  facts_.slots = std::move(slots);
}

void Collector::Archiver() {
  if (!facts_.archives()) return;
  if (const auto rows = Fact("archiver", PostgresArchiverSql())) {
    facts_.archiver = PostgresArchiver{rows->Number(0, "archived").value_or(0),
                                       rows->Number(0, "failed").value_or(0),
                                       rows->Text(0, "last_wal"),
                                       rows->Text(0, "failed_wal"),
                                       rows->Number(0, "last_seconds"),
                                       rows->Number(0, "last_age_seconds"),
                                       rows->Bool(0, "failing").value_or(false)};
  }
  if (!facts_.monitor_granted || facts_.server_version < kVersionWithArchiveStatusDir) return;
  if (const auto rows = Fact("ready segments", PostgresReadySegmentsSql())) {
    facts_.ready = PostgresReadySegments{rows->Number(0, "segments").value_or(0),
                                         rows->Number(0, "oldest_age_seconds")};
  }
}

void Collector::Connections() {
  const auto access = facts_.sees_statistics ? StatisticsAccess::kAll : StatisticsAccess::kOwn;
  if (const auto rows = Fact("connections", PostgresConnectionsSql(access))) {
    facts_.connections = rows->Number(0, "connections");
  }
}

void Collector::Checksums() {
  if (facts_.server_version < kVersionWithChecksumStatistics) return;
  const auto rows = Fact("checksums", PostgresChecksumsSql());
  if (!rows) return;
  std::vector<std::pair<std::string, double>> failures;
  for (int i = 0; i < rows->size(); ++i) {
    failures.emplace_back(rows->Text(i, "datname"), rows->Number(i, "failures").value_or(0));
  }
  facts_.checksum_failures = std::move(failures);
}

void Collector::Settings(const std::vector<std::string>& names) {
  if (names.empty()) return;
  const auto rows = Fact("settings", PostgresSettingsSql(), {base::Join(names, "\n")});
  if (!rows) return;
  std::vector<std::pair<std::string, std::string>> settings;
  for (int i = 0; i < rows->size(); ++i) {
    settings.emplace_back(rows->Text(i, "name"), rows->Text(i, "value"));
  }
  facts_.settings = std::move(settings);
}

}  // namespace

net::NetResult<PostgresFacts> CollectPostgresFacts(net::PostgresConnection& connection,
                                                   const std::vector<std::string>& settings,
                                                   const RunContext& context) {
  PostgresFacts facts;
  Collector collector(connection, context, facts);
  if (const net::NetResult<void> core = collector.Core(); !core) {
    return tl::unexpected(core.error());
  }
  collector.Positions();
  collector.Identity();
  collector.Receiver();
  collector.Standbys();
  collector.Slots();
  collector.Archiver();
  collector.Connections();
  collector.Checksums();
  collector.Settings(settings);
  return facts;
}

std::optional<std::uint64_t> EndOfWalSegment(const std::string& name, double segment_bytes) {
  constexpr std::size_t kNameLength = 24;
  constexpr std::size_t kPartLength = 8;
  // A backup history file, 000000010000000000000004.00000028.backup, follows its segment.
  const bool history = name.size() > kNameLength && name.ends_with(".backup");
  const std::size_t digits = std::min(name.find_first_not_of("0123456789ABCDEF"), name.size());
  if (digits != kNameLength || (name.size() != kNameLength && !history)) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(segment_bytes);
  if (segment_bytes < 1 || size > (std::uint64_t{1} << 32)) return std::nullopt;
  const auto part = [&](std::size_t index) {
    std::uint64_t value = 0;
    const char* begin = name.data() + index * kPartLength;
    std::from_chars(begin, begin + kPartLength, value, 16);
    return value;
  };
  return (part(1) << 32) + (part(2) + 1) * size;
}

}  // namespace drwatch::probes
