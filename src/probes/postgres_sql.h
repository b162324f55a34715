// What a PostgreSQL server is asked, by version. Every fact is a query of its own, so that one that
// is not permitted, or not there on a managed service, costs only itself.
//
// No query selects primary_conninfo or pg_stat_wal_receiver.conninfo: they may hold passwords.
#pragma once

#include <string>

namespace drwatch::probes {

// Who is it? Permitted to everyone on every server; if this fails, the server is not up.
// Columns: in_recovery, version, start_seconds, instance, address, port, monitor, statistics,
// checksums, commits_wait, archive_mode, archive_timeout_seconds, segment_bytes, connections_limit.
std::string PostgresCoreSql();
// in_recovery, position, timeline, transactions (of a primary), receive, replay, paused,
// replay_age_seconds (of a standby). Positions are bytes since 0/0; `transactions` as in
// PositionRing::Observe. `version` as libpq has it (150020).
std::string PostgresPositionSql(int version);
// system_identifier, timeline. Of a standby the timeline is a lower bound.
std::string PostgresIdentitySql();
// status, timeline, message_age_seconds. No row: no receiver runs.
std::string PostgresReceiverSql();
// name, client, state, sync_state, replay, behind_bytes of physical standbys; base backups and WAL
// archivers are no standbys.
std::string PostgresStandbysSql();
// slot, active, lost, safe_bytes, retained_bytes.
std::string PostgresSlotsSql(int version);
// archived, failed, last_wal, last_seconds, last_age_seconds, failed_wal, failing.
std::string PostgresArchiverSql();
// segments, oldest_age_seconds. From version 12 on.
std::string PostgresReadySegmentsSql();
// connections. Without pg_read_all_stats (`statistics`) the backends of each database are summed
// up.
enum class StatisticsAccess { kAll, kOwn };
std::string PostgresConnectionsSql(StatisticsAccess access);
// datname, failures. From version 12 on; no rows when checksums are off.
std::string PostgresChecksumsSql();
// name, value of the settings in $1 (one a line) that exist and may be read.
std::string PostgresSettingsSql();

inline constexpr int kVersionWithChecksumStatistics = 120000;
inline constexpr int kVersionWithArchiveStatusDir = 120000;
inline constexpr int kVersionWithWalStatus = 130000;
inline constexpr int kVersionWithSnapshots = 130000;  // by that name
inline constexpr int kVersionWithSyncedSlots = 170000;
inline constexpr int kOldestPostgresVersion = 100000;

}  // namespace drwatch::probes
