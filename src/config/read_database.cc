#include "base/strings.h"
#include "config/hint.h"
#include "config/sections.h"
#include "config/url.h"

namespace drwatch::config {
namespace {

// libpq reads the dsn itself; here only what it would refuse at every run is found at once.
void CheckDsn(MapReader& reader, const Node& node, ReadContext& context) {
  const std::string& dsn = node.scalar;
  const bool is_url = dsn.find("://") != std::string::npos;
  if (is_url && !dsn.starts_with("postgres://") && !dsn.starts_with("postgresql://")) {
    reader.Error(node, "\"dsn\" must begin with postgres:// or postgresql://");
  } else if (!is_url && dsn.find('=') == std::string::npos) {
    reader.Error(node, "\"dsn\" must be a postgres:// URL or keys and values",
                 "such as postgres://drwatch@db1:5432/postgres or \"host=db1 user=drwatch\"");
  }
  const std::string::size_type at = is_url ? dsn.rfind('@') : std::string::npos;
  const bool in_user = at != std::string::npos && dsn.find(':', dsn.find("://") + 3) < at;
  const bool has_password = in_user || dsn.find("password=") != std::string::npos;
  if (!has_password) return;
  if (!node.expanded && !context.inline_secret) context.inline_secret = node.position;
  if (reader.Has("password") || reader.Has("password_file")) {
    reader.Error(node, "the dsn holds a password and another one is given",
                 "take it out of the dsn");
  }
}

void ReadPostgresExpect(const Node& node, ReadContext& context, PostgresProbe::Expect& out) {
  MapReader reader(node, context.problems, "expect of a postgres probe");
  std::string role = "any";
  GetChoice(reader, "role", {"primary", "standby", "any"}, role);
  if (role == "primary") out.role = PostgresProbe::Role::kPrimary;
  if (role == "standby") out.role = PostgresProbe::Role::kStandby;
  GetAtLeast(reader, "standbys", 0, out.standbys);
  GetAtLeast(reader, "sync_standbys", 0, out.sync_standbys);
  std::string replication = "streaming";
  GetChoice(reader, "replication", {"streaming", "archive"}, replication);
  if (replication == "archive") out.replication = PostgresProbe::Expect::Replication::kArchive;
  reader.Get("settings", out.settings);
  reader.Finish();
}

void ReadRedisExpect(const Node& node, ReadContext& context, RedisProbe::Expect& out) {
  MapReader reader(node, context.problems, "expect of a redis probe");
  GetChoice(reader, "role", {"master", "replica"}, out.role);
  GetAtLeast(reader, "replicas", 0, out.replicas);
  GetOptional(reader, "aof", out.aof);
  GetOptional(reader, "rdb", out.rdb);
  reader.Finish();
}

// Takes "redis://user:password@host:port/0" apart, as applications are given it: credentials go
// where they belong, a database number does not matter to a probe.
void ReadRedisAddress(MapReader& reader, ReadContext& context, RedisProbe& probe) {
  const Node* node = reader.Require("address");
  std::string text;
  reader.Get("address", text);
  if (node == nullptr || node->kind != NodeKind::kScalar) return;
  if (text.find("://") == std::string::npos) {
    const base::Result<Url> parsed = ParseHostPort(text);
    if (parsed) {
      probe.address = parsed->HostAndPort();
    } else {
      reader.Error(*node, "\"address\": " + parsed.error().message,
                   "such as cache:6379 or rediss://cache:6379");
    }
    return;
  }
  const base::Result<Url> url = ParseUrl(text);
  if (!url) {
    reader.Error(*node, "\"address\" is not an address: " + url.error().message);
    return;
  }
  if (url->scheme != "redis" && url->scheme != "rediss") {
    reader.Error(*node, "\"address\" must begin with redis:// or rediss://");
  }
  probe.address = url->scheme + "://" + url->HostAndPort();
  if (!url->password) {
    if (probe.username.empty()) probe.username = url->user;
    return;
  }
  if (!probe.password.empty()) {
    reader.Error(*node, "the address holds a password and another one is given",
                 "take it out of the address");
    return;
  }
  probe.password.value = base::Secret(*url->password);
  if (probe.username.empty()) probe.username = url->user;
  if (!node->expanded && !context.inline_secret) context.inline_secret = node->position;
}

}  // namespace

void GetDsn(MapReader& reader, ReadContext& context, base::Secret& out) {
  const Node* dsn = reader.Require("dsn");
  std::string text;
  reader.Get("dsn", text);
  if (dsn == nullptr || dsn->kind != NodeKind::kScalar) return;
  CheckDsn(reader, *dsn, context);
  out = base::Secret(std::move(text));
}

PostgresProbe ReadPostgresProbe(MapReader& reader, ReadContext& context) {
  PostgresProbe probe;
  GetDsn(reader, context, probe.dsn);
  GetSecret(reader, "password", context, probe.password);
  GetTls(reader, context, probe.tls);
  GetReference(reader, "primary", Reference::Kind::kPostgresProbe, context, probe.primary);
  if (const Node* expect = reader.Take("expect")) {
    ReadPostgresExpect(*expect, context, probe.expect);
  }
  reader.Get("offsite", probe.offsite);
  GetName(reader, "region", probe.region);
  GetName(reader, "data", probe.data);
  GetRatio(reader, "connections_warning_ratio", probe.connections_warning_ratio);
  GetPositive(reader, "max_lag", probe.max_lag);
  if (!probe.primary.empty() && probe.expect.role == PostgresProbe::Role::kPrimary) {
    reader.Error(*reader.Take("primary"), "a probe that expects a primary cannot have a primary",
                 "\"primary\" belongs to its standbys");
  }
  return probe;
}

RedisProbe ReadRedisProbe(MapReader& reader, ReadContext& context) {
  RedisProbe probe;
  GetName(reader, "username", probe.username);
  GetSecret(reader, "password", context, probe.password);
  ReadRedisAddress(reader, context, probe);
  GetTls(reader, context, probe.tls);
  if (const Node* expect = reader.Take("expect")) {
    ReadRedisExpect(*expect, context, probe.expect);
  }
  GetPositive(reader, "max_lag", probe.max_lag);
  return probe;
}

}  // namespace drwatch::config
