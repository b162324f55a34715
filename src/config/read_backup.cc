#include "base/strings.h"
#include "config/local_zone.h"
#include "config/read_repository.h"

namespace drwatch::config {
namespace {

// fnmatch(3) takes a pattern with an open bracket literally, which nobody means.
void CheckPattern(MapReader& reader, const std::string& pattern) {
  bool open = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '[' && !open) {
      open = true;
      if (i + 1 < pattern.size() && (pattern[i + 1] == '!' || pattern[i + 1] == '^')) ++i;
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') ++i;
    } else if (pattern[i] == ']') {
      open = false;
    }
  }
  if (open) reader.Error(*reader.Take("pattern"), "\"pattern\" has a [ without its ]");
}

// What others than fnmatch(3) understand, and no name holds as it stands.
void WarnOfOtherPatterns(MapReader& reader, const std::string& pattern) {
  const auto warn = [&reader](const std::string& what, const std::string& hint) {
    reader.problems().AddWarning(reader.Take("pattern")->position, what, hint);
  };
  const std::size_t brace = pattern.find('{');
  const std::size_t comma = pattern.find(',', brace == pattern.npos ? brace : brace + 1);
  if (comma != pattern.npos && pattern.find('}', comma) != pattern.npos) {
    return warn("\"pattern\" has {a,b} in it, which is taken as it stands",
                "use a probe for each of them, or * and [ab]");
  }
  const bool anchored = pattern.starts_with('^') || pattern.ends_with('$');
  if (anchored || pattern.find("\\.") != pattern.npos || pattern.find("\\d") != pattern.npos) {
    warn("\"pattern\" looks like a regular expression, and is a shell pattern",
         "such as \"shop-*.dump\"");
  }
}

// Cron runs by local time, and so do people who copy its lines.
void WarnOfLocalTime(MapReader& reader, const Schedule& schedule) {
  if (!DiffersByLocalTime(schedule)) return;
  const std::string zone = LocalZoneName();
  reader.problems().AddWarning(
      reader.Take("schedule")->position,
      "\"schedule\" is read as UTC, and the local time here is another" +
          (zone.empty() ? std::string() : ", " + zone),
      "timezone: " + (zone.empty() ? "Europe/Berlin" : zone) +
          " (of the machine that makes the backups) if its job runs by local time, timezone: UTC "
          "if not");
}

// Without a schedule it is the zone of times that name none.
void CheckLoneZone(MapReader& reader, const BackupProbe& probe) {
  const Node* node = reader.Take("timezone");
  if (node == nullptr) return;
  if (probe.repository != Repository::kNone) {
    return reader.Error(*node,
                        "\"timezone\" without a \"schedule\" means nothing with a "
                        "\"repository\"",
                        "its program writes down when backups were made, with the zone");
  }
  const base::Result<Schedule> any = Schedule::Parse("@daily", probe.timezone);
  if (!any) AddParseError(reader.problems(), *node, "time zone", any.error());
}

void GetSchedule(MapReader& reader, BackupProbe& probe) {
  std::string line;
  GetName(reader, "timezone", probe.timezone);
  GetName(reader, "schedule", line);
  if (line.empty()) return CheckLoneZone(reader, probe);
  base::Result<Schedule> schedule = Schedule::Parse(line, probe.timezone);
  if (schedule) {
    probe.schedule = std::move(*schedule);
    if (!reader.Has("timezone")) WarnOfLocalTime(reader, *probe.schedule);
    return;
  }
  const bool about_zone = schedule.error().message.find("time zone") != std::string::npos;
  const Node& at =
      about_zone && reader.Has("timezone") ? *reader.Take("timezone") : *reader.Take("schedule");
  AddParseError(reader.problems(), at, about_zone ? "time zone" : "schedule", schedule.error());
}

constexpr int kMaxVerifyJobs = 64;

void GetVerify(MapReader& reader, ReadContext& context, BackupProbe::Verify& out) {
  const Node* node = reader.Take("verify");
  if (node == nullptr) return;
  if (node->kind == NodeKind::kScalar) {
    reader.Get("verify", out.enabled);  // "verify: false"
    return;
  }
  MapReader verify(*node, context.problems, "verify");
  verify.Get("enabled", out.enabled);
  GetPositive(verify, "every", out.every);
  GetPositive(verify, "kept_every", out.kept_every);
  GetRate(verify, "read_rate", out.read_rate_bytes);
  GetPositive(verify, "timeout", out.timeout);
  GetAtLeast(verify, "jobs", 1, out.jobs);
  if (out.jobs > kMaxVerifyJobs) verify.Error(*verify.Take("jobs"), "\"jobs\" must be at most 64");
  verify.Finish();
}

void GetSizeDeviation(MapReader& reader, BackupProbe& probe) {
  reader.Get("size_deviation", probe.size_deviation_ratio);
  reader.GetSize("size_deviation_floor", probe.size_deviation_floor_bytes);
  if (probe.size_deviation_ratio < 0) {
    reader.Error(*reader.Take("size_deviation"), "\"size_deviation\" must not be negative",
                 "0 turns it off");
  }
}

void GetContents(MapReader& reader, BackupProbe& probe) {
  reader.Get("ignore_tables", probe.ignore_tables);
  GetAtLeast(reader, "max_vanished_tables", 0, probe.max_vanished_tables);
  GetRatio(reader, "compression_drop", probe.compression_drop_ratio);
}

// By an ending of the names, which others of packing may follow, or by the name that Redis gives
// its folder of append-only files. Empty: it does not tell.
std::string_view KindOfPattern(std::string_view pattern) {
  if (pattern.find("appendonlydir") != pattern.npos) return "aof";
  for (std::size_t dot = pattern.find('.'); dot != pattern.npos; dot = pattern.find('.', dot + 1)) {
    const std::string_view rest = pattern.substr(dot + 1);
    const std::string_view ending = rest.substr(0, rest.find('.'));
    if (ending == "rdb" || ending == "aof") return ending;
    if (ending == "sql" || ending == "dump") return "dump";
  }
  return "";
}

void GetData(MapReader& reader, BackupProbe& probe) {
  if (reader.Has("data")) return;
  const std::string_view kind = probe.kind.empty() ? KindOfPattern(probe.pattern) : probe.kind;
  probe.data = DataOfKind(kind);
  probe.data_guessed = kind.empty() && probe.repository == Repository::kNone;
}

}  // namespace

std::string_view DataOfKind(std::string_view kind) {
  if (kind == "rdb" || kind == "aof") return "redis";
  return kind == "files" ? "files" : "database";
}

BackupProbe ReadBackupProbe(MapReader& reader, const std::string& name, ReadContext& context) {
  BackupProbe probe;
  GetCopy(reader, name, context, probe);
  GetBucketPromises(reader, context, probe);
  GetName(reader, "pattern", probe.pattern);
  CheckPattern(reader, probe.pattern);
  WarnOfOtherPatterns(reader, probe.pattern);
  reader.Get("recursive", probe.recursive);
  if (probe.pattern.find('/') != std::string::npos && !probe.recursive) {
    context.problems.AddWarning(
        reader.Take("pattern")->position,
        "\"pattern\" names folders below \"path\", and these are not looked "
        "into: it finds nothing",
        "add \"recursive: true\"");
  }
  GetChoice(
      reader, "kind",
      {"full", "differential", "incremental", "dump", "wal", "rdb", "aof", "files", "snapshot"},
      probe.kind);
  GetData(reader, probe);
  GetSchedule(reader, probe);
  reader.GetDuration("grace", probe.grace);
  GetPositive(reader, "max_age", probe.max_age);
  reader.GetSize("min_size", probe.min_size_bytes);
  GetSizeDeviation(reader, probe);
  GetContents(reader, probe);
  GetPositive(reader, "retention", probe.retention);
  GetAtLeast(reader, "min_count", 1, probe.min_count);
  reader.GetDuration("quiet_time", probe.quiet_time);
  GetVerify(reader, context, probe.verify);
  reader.Get("require_checksum", probe.require_checksum);
  GetRatio(reader, "free_space_warning_ratio", probe.free_space_warning_ratio);
  CheckRepositoryKeys(reader, probe);
  if (!reader.Has("schedule") && !reader.Has("max_age")) {
    context.problems.AddWarning(reader.position(), "nothing says how old the newest backup may be",
                                "give \"max_age\" or \"schedule\"");
  }
  return probe;
}

}  // namespace drwatch::config
