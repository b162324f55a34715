// What one run of a probe found. A target's bad state is data here, never an Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/metric_family.h"

namespace drwatch::model {

// The fixed list of why a probe or one of its checks failed: the `reason` label of
// `probe_failure_info`, the `reason` of --once and of the API. Add here and in docs/reasons.md,
// nowhere else.
enum class Reason {
  kNone,
  kDns,                  // the name does not resolve
  kConnectionRefused,    // nothing listens, or the host is unreachable
  kConnectionReset,      // the peer closed or reset before it answered
  kTimeout,              // no answer within the deadline
  kTls,                  // handshake or certificate refused
  kCertificateExpired,   // a certificate of the chain is past its end
  kCertificateExpiring,  // a certificate of the chain ends within the warning time
  kAuth,                 // the credentials were refused
  kPermission,           // logged in, but not allowed to look
  kStartingUp,           // the target says it is not ready yet (PostgreSQL startup, Redis LOADING)
  kTooManyConnections,   // the target refuses more clients
  kProtocol,             // the answer is not what the protocol says
  kUnexpectedStatus,     // HTTP status not among the expected ones
  kUnexpectedBody,       // a body condition is false or its field is missing
  kResponseTooLarge,     // more than the limit
  kWrongRole,            // primary where a standby was expected, or the reverse
  kWrongSetting,         // a setting differs from the expected one
  kReplicaMissing,       // fewer standbys or replicas than expected
  kReplicationBroken,    // the link is down, or replay does not move
  kPersistenceFailing,   // Redis RDB or AOF write errors, or expected persistence is off
  kNotFound,             // no such file, folder or object; no artefact matches
  kStale,                // newest good one is older than promised
  kTooSmall,             // smaller than min_size
  kUnusualSize,          // far from the size of the ones before it
  kIncomplete,           // truncated or a part is missing
  kCorrupt,              // bytes are not what they were
  kWrongFormat,          // not the kind of file it should be (an error page, for example)
  kUnverified,           // not proven yet within the grace
  kOverdue,              // a schedule slot passed without a backup
  kStorage,              // reading the place itself failed (I/O error, full, not mounted)
  kLimit,                // a named limit of drwatch stopped it
  kConfig,    // the configuration cannot work (unreadable password file at run time, for example)
  kInternal,  // a defect or shortage in drwatch itself
};

// "dns", "connection_refused", ...: lower case with underscores; "none" for kNone.
std::string_view ReasonName(Reason reason);

// Ordered by how bad it is, so that the worst of several is their maximum.
enum class Severity { kOk, kUnknown, kWarning, kCritical };
// "ok", "unknown", "warning", "critical".
std::string_view SeverityName(Severity severity);

// One finding of a probe: `name` says what was looked at ("fresh", "connect", "standbys").
struct CheckOutcome {
  std::string name;
  Severity severity = Severity::kOk;
  Reason reason = Reason::kNone;
  std::string message;  // what was found, resolved: "age 31h2m > max_age 26h"
  std::string hint;     // what to do about it; may be empty
};

// One line of --once and of the status page that is a number: a lag, an age.
struct Measurement {
  std::string name;  // "replication_lag_seconds"
  double value = 0;
  std::string unit;               // "s", "B", "" (Nagios' units)
  std::optional<double> warning;  // threshold, same unit
  std::optional<double> critical;
};

// How quickly stored bytes (never 0) were verified, without the time that waited for the read rate.
struct Reading {
  std::int64_t bytes = 0;
  std::chrono::microseconds took{0};
};

// One stored copy that something could be restored from: what recovery points are computed from.
struct StoredCopy {
  std::string name;         // relative to the place
  std::string kind;         // the label `kind`; may be empty
  base::Timestamp point{};  // the state that it brings back
  std::int64_t size_bytes = 0;
  bool good = false;           // passed every check; false also while it is not proven yet
  int level = 0;               // how much was proven (docs/metrics.md, backup_verification_level)
  base::Timestamp verified{};  // when; the epoch = never
  std::string digest;          // "sha256:<hex>" where known, to compare copies by
  // When its bytes say that they were made, on whatever clock: two of one name with other ones are
  // no copies of each other. The epoch = they do not say.
  base::Timestamp made{};
  bool dated = false;   // its name says when it was made, so that no other run overwrites it
  bool broken = false;  // its bytes were read, and are proven to be damaged
  std::string problem;  // why it is not good
  // The probes of the WAL archives with which it is good: one is needed. Empty = it needs none.
  std::vector<std::string> wal_archives{};
  base::Timestamp immutable_until{};  // the epoch = can be deleted at any time
  // What a restore reads: of a backup in a repository also of those it builds upon.
  std::int64_t restore_bytes = 0;
  // Of this copy; else of another one at its place. nullopt: none was read to its end.
  std::optional<Reading> reading{};
  // Until its storage class gives it back; 0 also where nobody told.
  base::Duration retrieval{0};
};
// A proven base backup upon which the WAL of an archive can be replayed to the end of its window.
struct ReplayBase {
  std::string probe;  // who found it; empty = only the archive speaks of it, not of where it is
  std::string name;   // as in StoredCopy
  // Of the segments from its start to the end of the window, as they are stored.
  std::int64_t wal_bytes = 0;
  std::optional<Reading> wal_reading{};  // of segments of the archive; nullopt: none was read
};
// Of the copies a probe found, at most so many are told, the newest ones.
inline constexpr std::size_t kMaxStoredCopies = 100;

struct ProbeResult {
  std::string probe;    // the probe's name in the config
  std::string type;     // "postgres", "backup", ...
  std::string service;  // may be empty
  std::string target;   // for people; without secrets
  base::Timestamp started{};
  base::Duration duration{};
  // Every check in order of importance; empty never happens. The first worst one is the headline.
  std::vector<CheckOutcome> checks;
  std::vector<Measurement> measurements;
  // Everything to expose, labels complete (probe, service, the user's labels).
  SharedFamilies families;
  // Newest first; of a backup probe. Empty while its place cannot be looked at.
  std::vector<StoredCopy> copies;
  // Oldest first; of a wal_archive probe. Without one its WAL brings nothing back.
  std::vector<ReplayBase> replay_bases;
  // True for a scrape probe: its families are for rules and queries and are not shown on /metrics
  // again.
  bool foreign = false;

  // The worst severity of all checks.
  Severity severity() const;
  // The first check that has the worst severity; a default one if there are no checks.
  CheckOutcome Headline() const;
  bool ok() const { return severity() == Severity::kOk; }
};

}  // namespace drwatch::model
