#include "net/postgres_dsn.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/strings.h"
#include "net/resolver.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxHosts = 16;
constexpr std::string_view kDefaultPort = "5432";
// A lock that takes longer is somebody else's maintenance: looking must not queue behind it.
constexpr std::string_view kGuards =
    " -c lock_timeout=500 -c idle_in_transaction_session_timeout=5000"
    " -c default_transaction_read_only=on -c search_path=pg_catalog";

struct ConninfoDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;

NetError BadDsn(const std::string& what) {
  return {model::Reason::kConfig, "the dsn " + what +
                                      " (in a URL, write '@', '/', ':' and '%' of a password as "
                                      "%40, %2F, %3A and %25)"};
}

std::map<std::string, std::string> ToMap(const Conninfo& options) {
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    if (option->val != nullptr && *option->val != '\0') values[option->keyword] = option->val;
  }
  return values;
}

// Takes `keyword` out of `values`, or what the environment says, as comma-separated parts.
std::vector<std::string> TakeList(std::map<std::string, std::string>& values,
                                  const std::string& keyword, const char* environment) {
  std::string text;
  if (const auto found = values.find(keyword); found != values.end()) {
    text = found->second;
    values.erase(found);
  } else if (const char* inherited = std::getenv(environment)) {
    text = inherited;
  }
  std::vector<std::string> parts;
  for (const std::string_view part : base::Split(text, ',')) parts.emplace_back(part);
  return parts;
}

// libpq tells servers for reading and writing by the session's default_transaction_read_only, which
// kGuards sets: by their role they are told all the same.
void TellServersByRole(std::map<std::string, std::string>& values) {
  std::string& wanted = values[std::string(kSessionAttrs)];
  if (const char* inherited = std::getenv("PGTARGETSESSIONATTRS"); wanted.empty() && inherited) {
    wanted = inherited;
  }
  if (wanted == "read-write") wanted = "primary";
  if (wanted == "read-only") wanted = "standby";
}

// Element `index` of a list that is as long as the list of hosts, or holds one value for all.
std::string Pick(const std::vector<std::string>& list, std::size_t index) {
  return list.size() == 1 ? list.front() : index < list.size() ? list[index] : std::string();
}

bool IsPort(std::string_view port) {
  const std::optional<std::int64_t> number = base::ParseInt(port);
  return number && *number >= 1 && *number <= 65535;
}

// A host that is neither a socket's folder nor something a resolver may be asked for is most likely
// the tail of a badly encoded password.
bool IsHost(const std::string& name) {
  if (name.empty() || name.front() == '/') return true;
  if (IpAddress::Parse(name)) return true;
  const base::Result<Endpoint> endpoint = ParseEndpoint(name);
  return endpoint && !endpoint->is_unix() && endpoint->host == name;
}

NetResult<std::vector<std::string>> AddressesOf(const PostgresHost& host, base::Deadline deadline,
                                                const base::StopToken& stop) {
  if (!host.address.empty()) return std::vector<std::string>{host.address};
  if (host.is_socket()) return std::vector<std::string>{""};
  const auto resolved = Resolve(host.name, IpFamily::kAny, deadline, stop);
  if (!resolved) return tl::unexpected(resolved.error());
  std::vector<std::string> addresses;
  for (const IpAddress& address : *resolved) addresses.push_back(address.ToString());
  return addresses;
}

// What is the same for every attempt.
std::map<std::string, std::string> CommonParameters(const PostgresOptions& options,
                                                    const PostgresDsn& dsn,
                                                    base::Duration timeout) {
  std::map<std::string, std::string> values = dsn.parameters;
  if (!options.password.empty()) values["password"] = options.password.Reveal();
  const TlsOptions& tls = options.tls;
  if (!tls.ca_file.empty()) values["sslrootcert"] = tls.ca_file;
  if (!tls.cert_file.empty()) {
    values["sslcert"] = tls.cert_file;
    values["sslkey"] = tls.key_file.empty() ? tls.cert_file : tls.key_file;
  }
  if (!values.contains("sslmode")) {
    if (tls.insecure_skip_verify) {
      values["sslmode"] = "require";
    } else if (!tls.ca_file.empty() || !tls.server_name.empty()) {
      values["sslmode"] = "verify-full";
    }
  }
  values["gssencmode"] = "disable";  // would look for Kerberos tickets on disk and on the network
  values["application_name"] = "drwatch";
  values["client_encoding"] = "UTF8";
  const std::int64_t statement_millis = std::max<std::int64_t>(timeout.count() / 2, 1);
  std::string& session = values["options"];
  session += " -c statement_timeout=" + std::to_string(statement_millis) + std::string(kGuards);
  return values;
}

}  // namespace

NetResult<PostgresDsn> ParsePostgresDsn(const base::Secret& dsn) {
  char* message = nullptr;
  const Conninfo parsed(PQconninfoParse(dsn.Reveal().c_str(), &message));
  // libpq quotes the place it stumbled over, which may be the password.
  PQfreemem(message);
  if (!parsed) return tl::unexpected(BadDsn("is no connection string"));
  std::map<std::string, std::string> values = ToMap(parsed);
  if (values.contains("service")) {
    return tl::unexpected(BadDsn("names a service= file; write its settings out"));
  }
  const std::vector<std::string> names = TakeList(values, "host", "PGHOST");
  const std::vector<std::string> addresses = TakeList(values, "hostaddr", "PGHOSTADDR");
  const std::vector<std::string> ports = TakeList(values, "port", "PGPORT");
  const std::size_t count = std::max(names.size(), addresses.size());
  if (count > kMaxHosts) return tl::unexpected(BadDsn("names more than 16 hosts"));
  if (ports.size() != 1 && ports.size() != count) {
    return tl::unexpected(BadDsn("has not as many ports as hosts"));
  }
  PostgresDsn result;
  for (std::size_t i = 0; i < count; ++i) {
    PostgresHost host{Pick(names, i), Pick(addresses, i), Pick(ports, i)};
    if (host.port.empty()) host.port = kDefaultPort;
    if (!IsPort(host.port)) return tl::unexpected(BadDsn("has a port that is no number"));
    if (!IsHost(host.name) || (!host.address.empty() && !IpAddress::Parse(host.address))) {
      return tl::unexpected(BadDsn("has a host that is no host name"));
    }
    result.hosts.push_back(std::move(host));
  }
  if (const auto name = values.find("dbname"); name != values.end()) {
    if (name->second.find('@') != std::string::npos) {
      return tl::unexpected(BadDsn("has an '@' in the name of the database"));
    }
  }
  TellServersByRole(values);
  result.parameters = std::move(values);
  return result;
}

NetResult<std::vector<PostgresAttempt>> MakePostgresAttempts(const PostgresOptions& options,
                                                             const PostgresDsn& dsn,
                                                             const PostgresHost& host,
                                                             base::Deadline deadline,
                                                             const base::StopToken& stop) {
  const auto addresses = AddressesOf(host, deadline, stop);
  if (!addresses) return tl::unexpected(addresses.error());
  std::map<std::string, std::string> values = CommonParameters(options, dsn, deadline.Remaining());
  const bool renamed = !host.is_socket() && !options.tls.server_name.empty();
  values["host"] = renamed ? options.tls.server_name : host.name;
  values["port"] = host.port;
  std::vector<PostgresAttempt> attempts;
  for (const std::string& address : *addresses) {
    values["hostaddr"] = address;
    PostgresAttempt attempt;
    for (const auto& [keyword, value] : values) {
      if (value.empty()) continue;
      attempt.keywords.push_back(keyword);
      attempt.values.push_back(value);
    }
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

std::string DescribePostgresDsn(const base::Secret& dsn) {
  const NetResult<PostgresDsn> parsed = ParsePostgresDsn(dsn);
  if (!parsed) return "postgres";
  std::vector<std::string> hosts;
  for (const PostgresHost& host : parsed->hosts) {
    const std::string name = host.name.empty() ? host.address : host.name;
    if (host.is_socket()) {
      hosts.push_back(name.empty() ? "local:" + host.port : name + ":" + host.port);
    } else {
      const bool v6 = name.find(':') != std::string::npos;
      hosts.push_back((v6 ? "[" + name + "]" : name) + ":" + host.port);
    }
  }
  std::string text = "postgres://" + base::Join(hosts, ",");
  const auto database = parsed->parameters.find("dbname");
  if (database != parsed->parameters.end()) text += "/" + database->second;
  return base::Truncate(text, 200);
}

}  // namespace drwatch::net
