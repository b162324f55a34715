#include "probes/postgres_sql.h"

namespace drwatch::probes {
namespace {

// Where WAL ends here: pg_current_wal_lsn() is an error on a standby.
constexpr const char* kEndOfWal =
    "(SELECT CASE WHEN pg_is_in_recovery() THEN"
    " greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
    " ELSE pg_current_wal_lsn() END AS lsn) AS here";

}  // namespace

std::string PostgresCoreSql() {
  return R"(
SELECT pg_is_in_recovery() AS in_recovery,
  current_setting('server_version') AS version,
  extract(epoch FROM pg_postmaster_start_time()) AS start_seconds,
  (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS instance,
  host(inet_server_addr()) AS address,
  coalesce(inet_server_port(), current_setting('port')::int) AS port,
  pg_has_role(current_user, 'pg_monitor', 'member') AS monitor,
  pg_has_role(current_user, 'pg_read_all_stats', 'usage') AS statistics,
  current_setting('data_checksums') = 'on' AS checksums,
  current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') NOT IN ('off', 'local') AS commits_wait,
  current_setting('archive_mode') AS archive_mode,
  extract(epoch FROM current_setting('archive_timeout')::interval) AS archive_timeout_seconds,
  pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes,
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0) AS connections_limit)";
}

std::string PostgresPositionSql(int version) {
  // As long as the lowest and the next number stay, those that go on can only become fewer: the
  // three together change with each one's end, and with nothing else.
  const std::string snapshot = version >= kVersionWithSnapshots ? "pg_snapshot" : "txid_snapshot";
  const std::string now =
      version >= kVersionWithSnapshots ? "pg_current_snapshot()" : "txid_current_snapshot()";
  return R"(
SELECT standby AS in_recovery,
  CASE WHEN NOT standby THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS position,
  CASE WHEN NOT standby THEN
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END AS timeline,
  CASE WHEN NOT standby THEN
    concat()" +
         snapshot + "_xmin(seen), ':', " + snapshot + "_xmax(seen), ':', (SELECT count(*) FROM " +
         snapshot + R"(_xip(seen))) END AS transactions,
  CASE WHEN standby THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0') END AS receive,
  CASE WHEN standby THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') END AS replay,
  CASE WHEN standby THEN pg_is_wal_replay_paused() END AS paused,
  CASE WHEN standby THEN
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
  END AS replay_age_seconds
FROM (SELECT pg_is_in_recovery() AS standby, )" +
         now + " AS seen) AS role";
}

std::string PostgresIdentitySql() {
  return R"(
SELECT system.system_identifier,
  greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline) AS timeline
FROM pg_control_system() AS system, pg_control_checkpoint() AS checkpoint,
  pg_control_recovery() AS recovery)";
}

std::string PostgresReceiverSql() {
  return R"(
SELECT status, received_tli AS timeline,
  extract(epoch FROM clock_timestamp() - last_msg_receipt_time) AS message_age_seconds
FROM pg_stat_wal_receiver)";
}

std::string PostgresStandbysSql() {
  return std::string(R"(
SELECT sender.application_name AS name, host(sender.client_addr) AS client, sender.state,
  sender.sync_state, pg_wal_lsn_diff(sender.replay_lsn, '0/0') AS replay,
  pg_wal_lsn_diff(here.lsn, sender.replay_lsn) AS behind_bytes
FROM pg_stat_replication AS sender
  LEFT JOIN pg_replication_slots AS slot ON slot.active_pid = sender.pid,
  )") + kEndOfWal +
         R"(
WHERE coalesce(slot.slot_type, 'physical') = 'physical' AND sender.state <> 'backup'
  AND sender.application_name NOT IN ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal')
ORDER BY 1, 2 LIMIT 200)";
}

std::string PostgresSlotsSql(int version) {
  const bool has_status = version >= kVersionWithWalStatus;
  // Copies that a standby keeps of its primary's slots are never active there.
  const bool has_copies = version >= kVersionWithSyncedSlots;
  std::string sql = "SELECT slot_name AS slot, active, ";
  sql += has_status ? "wal_status IN ('unreserved', 'lost') AS lost, safe_wal_size AS safe_bytes, "
                    : "NULL AS lost, NULL AS safe_bytes, ";
  sql += "pg_wal_lsn_diff(here.lsn, restart_lsn) AS retained_bytes FROM pg_replication_slots, ";
  sql += kEndOfWal;
  sql += " WHERE NOT temporary";
  if (has_copies) sql += " AND NOT (synced AND pg_is_in_recovery())";
  return sql + " ORDER BY slot_name LIMIT 200";
}

std::string PostgresArchiverSql() {
  return R"(
SELECT archived_count AS archived, failed_count AS failed, last_archived_wal AS last_wal,
  extract(epoch FROM last_archived_time) AS last_seconds,
  extract(epoch FROM clock_timestamp() - last_archived_time) AS last_age_seconds,
  last_failed_wal AS failed_wal,
  coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing
FROM pg_stat_archiver)";
}

std::string PostgresReadySegmentsSql() {
  return R"(
SELECT count(*) AS segments,
  extract(epoch FROM clock_timestamp() - min(modification)) AS oldest_age_seconds
FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}[.]ready$')";
}

std::string PostgresConnectionsSql(StatisticsAccess access) {
  switch (access) {
    case StatisticsAccess::kAll:
      return "SELECT count(*) AS connections FROM pg_stat_activity"
             " WHERE backend_type = 'client backend'";
    case StatisticsAccess::kOwn:
      return "SELECT sum(numbackends) AS connections FROM pg_stat_database";
  }
  return {};
}

std::string PostgresChecksumsSql() {
  return "SELECT coalesce(datname, '(shared)') AS datname, checksum_failures AS failures"
         " FROM pg_stat_database WHERE checksum_failures IS NOT NULL ORDER BY 1 LIMIT 500";
}

std::string PostgresSettingsSql() {
  return "SELECT lower(name) AS name, current_setting(name) AS value FROM pg_settings"
         " WHERE lower(name) = ANY (string_to_array(lower($1), chr(10)))";
}

}  // namespace drwatch::probes
