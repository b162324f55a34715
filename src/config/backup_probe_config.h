// What probes of backups and of WAL archives are told. Included through probe_config.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/schedule.h"
#include "config/secret_source.h"

namespace drwatch::config {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// How a bucket is reached. The keys are the first that are set up of: those given here,
// credentials_file, the environment, ~/.aws/credentials, web identity, the container's or the
// instance's metadata.
struct S3 {
  std::string region;    // empty = us-east-1; a bucket that answers another one is followed
  std::string endpoint;  // "https://host:port"; empty = Amazon's of the region
  std::optional<bool> path_style;  // unset = with an endpoint of one's own, or a bucket with dots
  std::string access_key_id;
  SecretSource secret_access_key;
  SecretSource session_token;
  std::string credentials_file;  // as ~/.aws/credentials, read again at each use
  std::string profile = "default";
  Tls tls;
  std::int64_t max_requests_per_day = 0;  // 0 = unlimited
  std::int64_t max_bytes_per_day = 0;
  friend bool operator==(const S3&, const S3&) = default;
};

// Where something is kept: a folder (`path` absolute), or s3://bucket/prefix with `s3`.
struct PlaceAddress {
  std::string path;
  std::optional<S3> s3;
  friend bool operator==(const PlaceAddress&, const PlaceAddress&) = default;
};

// A repository of a backup program, read natively; kNone = artefacts as files.
enum class Repository { kNone, kPgBackRest, kWalG, kBarman };

struct BackupProbe {
  std::string backup;                // label `backup`; default the probe's name
  std::string location = "primary";  // label `location`
  bool offsite = false;
  std::string region;  // where the copy lies, for the scenario region_lost; empty = s3's, or none
  // Which of the service's data it brings back: ways back to the same data stand in for each other.
  std::string data = "database";
  // `data` is a guess: neither it nor "kind" is given, and "pattern" does not tell. What is found
  // there decides (DataOfKind).
  bool data_guessed = false;
  PlaceAddress place;
  Repository repository = Repository::kNone;
  std::string stanza;         // pgBackRest's stanza or Barman's server; empty = the only one there
  std::string pattern = "*";  // shell pattern of an artefact's name below the place; {base} folders
                              // count as one artefact
  bool recursive = false;
  // "", full, differential, incremental, dump, wal, rdb, aof, files, snapshot: label `kind`. Of a
  // repository only backups of at least this kind count.
  std::string kind;
  std::optional<Schedule> schedule;  // when a new one is due
  std::string timezone;              // of that, and of times in names and dumps; empty = none given
  base::Duration grace = 1h;         // how late it may be, with a schedule
  std::optional<base::Duration> max_age;
  std::int64_t min_size_bytes = 1;
  // A size that differs from the median of the kept ones by more than this part of it, and by more
  // than size_deviation_floor_bytes, is a warning. 0 = never.
  double size_deviation_ratio = 0.5;
  std::int64_t size_deviation_floor_bytes = 10 << 20;
  // Tables that are in the dump before it and not in the newest one are a warning if there are more
  // of them than so many, but for those whose name ("public.orders") a shell pattern matches.
  std::vector<std::string> ignore_tables;
  int max_vanished_tables = 0;
  // A warning if packing saves less of the newest one than of the median of those before it by more
  // than this part, and by more than size_deviation_floor_bytes. 0 = never.
  double compression_drop_ratio = 0.5;
  std::optional<base::Duration> retention;  // oldest kept must reach back so far
  std::optional<int> min_count;             // at least so many complete ones are kept
  base::Duration quiet_time =
      15s;  // a file changed more recently than this and without a completeness mark is in progress
  // What the plan promises about the bucket; unset = shown, not judged.
  struct Expect {
    std::optional<bool> encrypted, versioning, object_lock, replicated;
    friend bool operator==(const Expect&, const Expect&) = default;
  } expect;
  struct Verify {
    bool enabled = true;
    base::Duration every = 24h;                // a verdict older than this is made anew (bit rot)
    std::optional<base::Duration> kept_every;  // the same of those before the newest; unset = never
    std::int64_t read_rate_bytes = 50 << 20;   // per second; 0 = unlimited
    base::Duration timeout = 6h;
    int jobs = 1;  // files of one artefact read at a time, 1 to 64; they share the rate
    friend bool operator==(const Verify&, const Verify&) = default;
  } verify;
  bool require_checksum = false;  // no sidecar or list entry is a failure
  double free_space_warning_ratio = 0.1;
  friend bool operator==(const BackupProbe&, const BackupProbe&) = default;
};
// What backups of this kind bring back, where nobody says otherwise: most services have one
// database, and what is surely something else is told apart. Of an empty kind the database.
std::string_view DataOfKind(std::string_view kind);

// An archive of WAL segments.
struct WalArchiveProbe {
  std::string backup;  // label `backup`; default the probe's name
  std::string location = "primary";
  bool offsite = false;
  std::string region;
  std::string data = "database";  // as of a backup
  PlaceAddress place;
  Repository repository = Repository::kNone;
  std::string stanza;
  std::string primary;  // the postgres probe of the server that archives
  // Backup probes with the base backups that this WAL carries on; empty = those of the same service
  // that find base backups.
  std::vector<std::string> base_backups;
  std::optional<base::Duration> window;  // any point so far back must be restorable
  // For how long the plan keeps WAL: what CheckPlan compares with the window and the base backups.
  std::optional<base::Duration> retention;
  base::Duration max_lag = 15min;  // WAL that is not archived for longer is a failure
  // Segments at the end that may still be on their way.
  int in_flight_segments = 2;
  // Known gaps that nobody wants to hear of until a date: "TTTTTTTTXXXXXXXXYYYYYYYY" or A-B.
  struct AcknowledgedGap {
    std::string first, last;  // segment names, both included
    base::Timestamp until{};
    friend bool operator==(const AcknowledgedGap&, const AcknowledgedGap&) = default;
  };
  std::vector<AcknowledgedGap> acknowledged_gaps;
  // Timelines of other servers that nobody wants to hear of until a date.
  struct AcknowledgedTimeline {
    int timeline = 1;
    base::Timestamp until{};
    friend bool operator==(const AcknowledgedTimeline&, const AcknowledgedTimeline&) = default;
  };
  std::vector<AcknowledgedTimeline> acknowledged_timelines;
  // New segments are read (every record's checksum) at this rate; 0 = unlimited.
  bool verify = true;
  std::int64_t read_rate_bytes = 50 << 20;
  friend bool operator==(const WalArchiveProbe&, const WalArchiveProbe&) = default;
};

}  // namespace drwatch::config
