#include "base/strings.h"
#include "config/describe.h"
#include "config/read_repository.h"

namespace drwatch::config {
namespace {

void WriteCount(YamlWriter& out, std::string_view key, const std::optional<int>& count) {
  if (count) out.Number(key, *count);
}

// The libpq form "key=value key='value'" with the password's value hidden.
std::string RedactKeyValues(std::string_view dsn) {
  const std::size_t at = dsn.find("password");
  if (at == std::string_view::npos) return std::string(dsn);
  return std::string(base::Trim(dsn.substr(0, at))) + " password=" + std::string(base::kRedacted);
}

void WriteSpec(YamlWriter& out, const PostgresProbe& probe) {
  WriteDsn(out, probe.dsn);
  WriteSecret(out, "password", probe.password);
  WriteTls(out, "tls", probe.tls);
  out.TextUnlessEmpty("primary", probe.primary);
  out.BeginMap("expect");
  switch (probe.expect.role) {
    case PostgresProbe::Role::kAny:
      out.Text("role", "any");
      break;
    case PostgresProbe::Role::kPrimary:
      out.Text("role", "primary");
      break;
    case PostgresProbe::Role::kStandby:
      out.Text("role", "standby");
      break;
  }
  WriteCount(out, "standbys", probe.expect.standbys);
  WriteCount(out, "sync_standbys", probe.expect.sync_standbys);
  const bool archive = probe.expect.replication == PostgresProbe::Expect::Replication::kArchive;
  out.Text("replication", archive ? "archive" : "streaming");
  out.TextMap("settings", probe.expect.settings);
  out.End();
  if (probe.offsite) out.Flag("offsite", true);
  out.TextUnlessEmpty("region", probe.region);
  out.Text("data", probe.data);
  out.Number("connections_warning_ratio", probe.connections_warning_ratio);
  out.Time("max_lag", probe.max_lag);
}

void WriteSpec(YamlWriter& out, const RedisProbe& probe) {
  out.Text("address", probe.address);
  out.TextUnlessEmpty("username", probe.username);
  WriteSecret(out, "password", probe.password);
  WriteTls(out, "tls", probe.tls);
  const RedisProbe::Expect& expect = probe.expect;
  if (!expect.role.empty() || expect.replicas || expect.aof || expect.rdb) {
    out.BeginMap("expect");
    out.TextUnlessEmpty("role", expect.role);
    WriteCount(out, "replicas", expect.replicas);
    if (expect.aof) out.Flag("aof", *expect.aof);
    if (expect.rdb) out.Flag("rdb", *expect.rdb);
    out.End();
  }
  out.Time("max_lag", probe.max_lag);
}

template <typename HttpLike>
void WriteRequest(YamlWriter& out, const HttpLike& probe) {
  out.Text("url", base::RedactUrl(probe.url.Reveal()));
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : probe.headers) headers.emplace_back(name, base::kRedacted);
  out.TextMap("headers", headers);
  if (!probe.basic_username.empty()) {
    out.BeginMap("basic_auth");
    out.Text("username", probe.basic_username);
    WriteSecret(out, "password", probe.basic_password);
    out.End();
  }
  WriteSecret(out, "bearer_token", probe.bearer_token);
  WriteTls(out, "tls", probe.tls);
}

std::string ConditionText(const JsonCondition& condition) {
  switch (condition.op) {
    case JsonCondition::Op::kEqual:
      return "== " + condition.value;
    case JsonCondition::Op::kNotEqual:
      return "!= " + condition.value;
    case JsonCondition::Op::kLess:
      return "< " + condition.value;
    case JsonCondition::Op::kLessEqual:
      return "<= " + condition.value;
    case JsonCondition::Op::kGreater:
      return "> " + condition.value;
    case JsonCondition::Op::kGreaterEqual:
      return ">= " + condition.value;
    case JsonCondition::Op::kMatches:
      return "=~ " + condition.value;
    case JsonCondition::Op::kExists:
      return "exists";
  }
  return {};
}

void WriteHttpExpect(YamlWriter& out, const HttpProbe::Expect& expect) {
  out.BeginMap("expect");
  out.Numbers("status", expect.status);
  if (!expect.json.empty()) out.BeginMap("json");
  for (std::size_t i = 0; i < expect.json.size();) {
    const std::string& path = expect.json[i].path;
    std::vector<std::string> conditions;
    for (; i < expect.json.size() && expect.json[i].path == path; ++i) {
      conditions.push_back(ConditionText(expect.json[i]));
    }
    out.Texts(path, conditions);
  }
  if (!expect.json.empty()) out.End();
  if (!expect.body_matches.empty()) out.Texts("body_matches", expect.body_matches);
  if (!expect.body_not_matches.empty()) out.Texts("body_not_matches", expect.body_not_matches);
  out.End();
}

void WriteSpec(YamlWriter& out, const HttpProbe& probe) {
  WriteRequest(out, probe);
  out.Text("method", probe.method);
  out.TextUnlessEmpty("body", probe.body.empty() ? "" : base::kRedacted);
  out.Flag("follow_redirects", probe.follow_redirects);
  out.Number("max_redirects", probe.max_redirects);
  out.TextUnlessEmpty("ip_protocol", probe.ip_protocol);
  out.TextUnlessEmpty("resolve_to", probe.resolve_to);
  out.Number("max_body_size", static_cast<double>(probe.max_body_bytes));
  WriteHttpExpect(out, probe.expect);
  out.Number("failure_threshold", probe.failure_threshold);
  out.Time("certificate_warning", probe.certificate_warning);
}

void WriteSpec(YamlWriter& out, const TcpProbe& probe) {
  out.Text("address", probe.address);
  if (probe.use_tls && !WriteTls(out, "tls", probe.tls)) out.Flag("tls", true);
  out.TextUnlessEmpty("send", probe.send.empty() ? "" : base::kRedacted);
  out.TextUnlessEmpty("expect", probe.expect);
  out.Number("failure_threshold", probe.failure_threshold);
}

void WriteSpec(YamlWriter& out, const ScrapeProbe& probe) {
  out.Text("job", probe.job);
  out.Text("instance", probe.instance);
  WriteRequest(out, probe);
  out.Flag("honor_labels", probe.honor_labels);
  out.Number("max_body_size", static_cast<double>(probe.max_body_bytes));
  out.Number("max_samples", static_cast<double>(probe.max_samples));
}

void WriteS3(YamlWriter& out, const S3& s3) {
  out.BeginMap("s3");
  out.TextUnlessEmpty("region", s3.region);
  out.TextUnlessEmpty("endpoint", s3.endpoint);
  if (s3.path_style) out.Flag("path_style", *s3.path_style);
  out.TextUnlessEmpty("access_key_id", s3.access_key_id);
  WriteSecret(out, "secret_access_key", s3.secret_access_key);
  WriteSecret(out, "session_token", s3.session_token);
  out.TextUnlessEmpty("credentials_file", s3.credentials_file);
  out.Text("profile", s3.profile);
  WriteTls(out, "tls", s3.tls);
  if (s3.max_requests_per_day > 0) {
    out.Number("max_requests_per_day", static_cast<double>(s3.max_requests_per_day));
  }
  if (s3.max_bytes_per_day > 0) {
    out.Number("max_bytes_per_day", static_cast<double>(s3.max_bytes_per_day));
  }
  out.End();
}

void WritePlace(YamlWriter& out, const PlaceAddress& place) {
  out.Text("path", place.path);
  if (place.s3) WriteS3(out, *place.s3);
}

void WriteRepository(YamlWriter& out, Repository repository, const std::string& stanza) {
  out.TextUnlessEmpty("repository", RepositoryName(repository));
  out.TextUnlessEmpty("stanza", stanza);
}

void WriteExpect(YamlWriter& out, const BackupProbe::Expect& expect) {
  if (expect == BackupProbe::Expect()) return;
  out.BeginMap("expect");
  if (expect.encrypted) out.Flag("encrypted", *expect.encrypted);
  if (expect.versioning) out.Flag("versioning", *expect.versioning);
  if (expect.object_lock) out.Flag("object_lock", *expect.object_lock);
  if (expect.replicated) out.Flag("replicated", *expect.replicated);
  out.End();
}

void WriteSpec(YamlWriter& out, const BackupProbe& probe) {
  out.Text("backup", probe.backup);
  out.Text("location", probe.location);
  out.Flag("offsite", probe.offsite);
  out.TextUnlessEmpty("region", probe.region);
  out.Text("data", probe.data);
  WritePlace(out, probe.place);
  WriteExpect(out, probe.expect);
  WriteRepository(out, probe.repository, probe.stanza);
  // Of a repository some keys mean nothing, and are refused.
  const bool files = probe.repository == Repository::kNone;
  if (files) out.Text("pattern", probe.pattern);
  if (files) out.Flag("recursive", probe.recursive);
  out.TextUnlessEmpty("kind", probe.kind);
  if (probe.schedule) out.Text("schedule", probe.schedule->line());
  out.TextUnlessEmpty("timezone", probe.timezone);
  out.Time("grace", probe.grace);
  if (probe.max_age) out.Time("max_age", *probe.max_age);
  out.Number("min_size", static_cast<double>(probe.min_size_bytes));
  out.Number("size_deviation", probe.size_deviation_ratio);
  out.Number("size_deviation_floor", static_cast<double>(probe.size_deviation_floor_bytes));
  out.Texts("ignore_tables", probe.ignore_tables);
  out.Number("max_vanished_tables", probe.max_vanished_tables);
  out.Number("compression_drop", probe.compression_drop_ratio);
  if (probe.retention) out.Time("retention", *probe.retention);
  if (probe.min_count) out.Number("min_count", *probe.min_count);
  if (files) out.Time("quiet_time", probe.quiet_time);
  out.BeginMap("verify");
  out.Flag("enabled", probe.verify.enabled);
  out.Time("every", probe.verify.every);
  if (probe.verify.kept_every) out.Time("kept_every", *probe.verify.kept_every);
  out.Number("read_rate", static_cast<double>(probe.verify.read_rate_bytes));
  out.Time("timeout", probe.verify.timeout);
  out.Number("jobs", probe.verify.jobs);
  out.End();
  if (files) out.Flag("require_checksum", probe.require_checksum);
  out.Number("free_space_warning_ratio", probe.free_space_warning_ratio);
}

void WriteSpec(YamlWriter& out, const WalArchiveProbe& probe) {
  out.Text("backup", probe.backup);
  out.Text("location", probe.location);
  out.Flag("offsite", probe.offsite);
  out.TextUnlessEmpty("region", probe.region);
  out.Text("data", probe.data);
  WritePlace(out, probe.place);
  WriteRepository(out, probe.repository, probe.stanza);
  out.TextUnlessEmpty("primary", probe.primary);
  if (!probe.base_backups.empty()) out.Texts("base_backups", probe.base_backups);
  if (probe.window) out.Time("window", *probe.window);
  if (probe.retention) out.Time("retention", *probe.retention);
  out.Time("max_lag", probe.max_lag);
  out.Number("in_flight_segments", probe.in_flight_segments);
  if (!probe.acknowledged_gaps.empty()) out.List("acknowledged_gaps");
  for (const auto& gap : probe.acknowledged_gaps) {
    out.BeginItem();
    out.Text("first", gap.first);
    out.Text("last", gap.last);
    out.Text("until", base::FormatRfc3339(gap.until).substr(0, 10));
    out.End();
  }
  if (!probe.acknowledged_timelines.empty()) out.List("acknowledged_timelines");
  for (const auto& known : probe.acknowledged_timelines) {
    out.BeginItem();
    out.Number("timeline", known.timeline);
    out.Text("until", base::FormatRfc3339(known.until).substr(0, 10));
    out.End();
  }
  out.Flag("verify", probe.verify);
  out.Number("read_rate", static_cast<double>(probe.read_rate_bytes));
}

}  // namespace

void WriteDsn(YamlWriter& out, const base::Secret& dsn) {
  const std::string& text = dsn.Reveal();
  const bool is_url = text.find("://") != std::string::npos;
  out.Text("dsn", is_url ? base::RedactUrl(text) : RedactKeyValues(text));
}

bool WriteTls(YamlWriter& out, std::string_view key, const Tls& tls) {
  const bool any = !tls.ca_file.empty() || !tls.cert_file.empty() || !tls.server_name.empty() ||
                   tls.insecure_skip_verify;
  if (!any) return false;
  out.BeginMap(key);
  out.TextUnlessEmpty("ca_file", tls.ca_file);
  out.TextUnlessEmpty("cert_file", tls.cert_file);
  out.TextUnlessEmpty("key_file", tls.key_file);
  out.TextUnlessEmpty("server_name", tls.server_name);
  if (tls.insecure_skip_verify) out.Flag("insecure_skip_verify", true);
  out.End();
  return true;
}

void WriteProbeSpec(YamlWriter& out, const ProbeSpec& spec) {
  std::visit([&out](const auto& probe) { WriteSpec(out, probe); }, spec);
}

}  // namespace drwatch::config
