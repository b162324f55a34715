#include "exporter/adhoc.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/file.h"
#include "base/secret.h"
#include "base/strings.h"
#include "catalog/folder_catalog.h"
#include "exporter/find_repository.h"
#include "exporter/find_wal_archive.h"
#include "net/s3_address.h"

namespace drwatch::exporter {
namespace {

// "db1" of "postgres://me:pw@db1:5432/shop".
std::string HostOf(std::string_view target) {
  std::string_view rest = target.substr(target.find("://") + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) rest.remove_prefix(at + 1);
  if (rest.starts_with('[')) return std::string(rest.substr(1, rest.find(']') - 1));
  rest = rest.substr(0, rest.find(':'));
  return rest.empty() ? "local" : std::string(rest);
}

// Takes "user:password@" out of a URL: the parts go to `username` and `password`.
std::string TakeCredentials(std::string url, std::string& username, base::Secret& password) {
  const std::size_t begin = url.find("://") + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  const std::size_t at = url.substr(begin, end - begin).rfind('@');
  if (at == std::string::npos) return url;
  const std::string user = url.substr(begin, at);
  const std::size_t colon = user.find(':');
  username = user.substr(0, colon);
  if (colon != std::string::npos) password = base::Secret(user.substr(colon + 1));
  return url.erase(begin, at + 1);
}

config::ProbeSpec RedisSpec(const std::string& target) {
  config::RedisProbe redis;
  redis.address = TakeCredentials(target, redis.username, redis.password.value);
  return redis;
}

// The shell pattern that nothing but this name fits.
std::string PatternOf(std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    if (std::string_view("\\*?[").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

base::Result<config::ProbeSpec> BackupSpec(const std::string& target) {
  std::error_code error;
  const std::filesystem::path path(target);
  const auto status = std::filesystem::status(path, error);
  config::BackupProbe backup;
  if (std::filesystem::is_directory(status)) {
    backup.place.path = target;
  } else if (std::filesystem::exists(status)) {
    backup.place.path = path.has_parent_path() ? path.parent_path().string() : ".";
    backup.pattern = PatternOf(path.filename().string());
  } else if (error && error != std::errc::no_such_file_or_directory &&
             error != std::errc::not_a_directory) {
    return base::Fail("cannot look at " + base::Quote(target) + ": " +
                      base::ErrnoText(error.value()));
  } else {
    return base::Fail("no such file or folder: " + base::Quote(target));
  }
  return backup;
}

// "s3://bucket/daily" and "s3://bucket/daily/" are one prefix. A slash that another one precedes is
// a part of the keys.
std::string WithoutLastSlash(const std::string& path) {
  const bool plain = path.ends_with('/') && !path.ends_with("//");
  return path.substr(0, path.size() - (plain ? 1 : 0));
}

// "s3://bucket/daily/shop.dump" is one object because its name has a suffix, "s3://bucket/daily"
// and "s3://bucket/v1.2/" are prefixes. The region, the endpoint and the keys come from the
// environment.
base::Result<config::ProbeSpec> BucketSpec(const std::string& target) {
  if (const auto path = net::ParseS3Path(target); !path) {
    return base::Fail(path.error().message + " in " + base::Quote(target),
                      "name a bucket, and maybe a prefix in it: s3://bucket/prefix");
  }
  config::BackupProbe backup;
  backup.place.path = WithoutLastSlash(target);
  backup.place.s3.emplace();
  for (const char* variable : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    const char* endpoint = std::getenv(variable);
    if (endpoint != nullptr && backup.place.s3->endpoint.empty()) {
      backup.place.s3->endpoint = endpoint;
    }
  }
  const std::size_t slash = target.rfind('/');
  const std::string name = target.substr(slash + 1);
  const bool is_bucket = slash < std::string_view("s3://").size();
  if (!is_bucket && name.find('.') != std::string::npos) {
    backup.place.path = WithoutLastSlash(target.substr(0, slash + 1));
    backup.pattern = PatternOf(name);
  }
  return backup;
}

base::Result<config::ProbeSpec> SpecOf(std::string_view scheme, const std::string& target) {
  if (scheme == "postgres" || scheme == "postgresql") {
    config::PostgresProbe postgres;
    postgres.dsn = base::Secret(target);
    return postgres;
  }
  if (scheme == "redis" || scheme == "rediss") return RedisSpec(target);
  if (scheme == "http" || scheme == "https") {
    config::HttpProbe http;
    http.url = base::Secret(target);
    return http;
  }
  if (scheme == "tcp") {
    config::TcpProbe tcp;
    tcp.address = target.substr(6);
    return tcp;
  }
  if (scheme == "file") return BackupSpec(target.substr(7));
  if (scheme == "s3") {
    std::string user;
    base::Secret password;
    if (TakeCredentials(target, user, password) != target) {
      return base::Fail(
          "keys do not belong into the address " + base::Quote(base::RedactUrl(target)),
          "put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    return BucketSpec(target);
  }
  return base::Fail(
      "unknown kind of target: " + base::Quote(base::RedactUrl(target)),
      "use postgres://, redis://, rediss://, http://, https://, tcp://host:port, s3://bucket or a "
      "path");
}

// Dumps may lie beside a repository: then it is them that are asked for.
bool HoldsLooseBackups(const std::string& path, const FoundRepository& repository) {
  if (repository.path != path) return false;  // the files in a stanza's folder belong to it
  catalog::FolderOptions options;
  options.path = path;
  catalog::FolderCatalog catalog(options);
  const auto listing = catalog.List(base::SystemClock().Now(),
                                    base::Deadline(base::SteadyTime::max()), base::StopToken());
  return !listing.complete.empty();
}

// WAL is no backup: what matters is that none of it is missing. `probe` asks for all of a folder or
// a bucket.
std::vector<config::Probe> AskedForWal(config::Probe probe) {
  const auto& folder = std::get<config::BackupProbe>(probe.spec);
  const WalShare share =
      folder.place.s3 ? ShareOfWal(folder.place, probe.timeout / 2) : ShareOfWal(folder.place.path);
  if (!share.IsArchive()) return {std::move(probe)};
  config::Probe archive = probe;
  config::WalArchiveProbe wal;
  wal.backup = folder.backup;
  wal.place = folder.place;
  archive.spec = std::move(wal);
  archive.type = "wal_archive";
  if (share.others == 0) return {std::move(archive)};
  return {std::move(archive), std::move(probe)};
}

std::string_view TypeOf(const config::ProbeSpec& spec) {
  struct Names {
    std::string_view operator()(const config::PostgresProbe&) const { return "postgres"; }
    std::string_view operator()(const config::RedisProbe&) const { return "redis"; }
    std::string_view operator()(const config::HttpProbe&) const { return "http"; }
    std::string_view operator()(const config::TcpProbe&) const { return "tcp"; }
    std::string_view operator()(const config::ScrapeProbe&) const { return "scrape"; }
    std::string_view operator()(const config::BackupProbe&) const { return "backup"; }
    std::string_view operator()(const config::WalArchiveProbe&) const { return "wal_archive"; }
  };
  return std::visit(Names{}, spec);
}

}  // namespace

bool LooksLikeTarget(std::string_view selector) {
  return selector.find("://") != std::string_view::npos || selector.starts_with('/') ||
         selector.starts_with("./") || selector.starts_with("../") || selector == "." ||
         selector == "..";
}

base::Result<config::Probe> MakeAdHocProbe(const std::string& target) {
  const std::size_t scheme_end = target.find("://");
  const bool path = scheme_end == std::string::npos;
  auto spec = path ? BackupSpec(target) : SpecOf(target.substr(0, scheme_end), target);
  if (!spec) return base::Fail(spec.error());
  config::Probe probe;
  probe.spec = *std::move(spec);
  probe.type = TypeOf(probe.spec);
  probe.name = HostOf(path ? "file://local" : target);
  if (auto* backup = std::get_if<config::BackupProbe>(&probe.spec)) {
    const std::filesystem::path where = std::filesystem::path(target).lexically_normal();
    probe.name =
        where.has_filename() ? where.filename().string() : where.parent_path().filename().string();
    backup->backup = probe.name;
  }
  const config::Global defaults;
  probe.interval = defaults.probe_interval;
  probe.timeout = defaults.probe_timeout;
  return probe;
}

std::vector<config::Probe> EachStanza(config::Probe probe) {
  const auto* folder = std::get_if<config::BackupProbe>(&probe.spec);
  if (folder == nullptr || folder->pattern != "*") return {std::move(probe)};
  if (folder->place.s3) return AskedForWal(std::move(probe));
  const auto found = FindRepository(folder->place.path);
  if (!found) return AskedForWal(std::move(probe));
  if (HoldsLooseBackups(folder->place.path, *found)) return {std::move(probe)};
  std::vector<config::Probe> all;
  for (const std::string& stanza : found->stanzas) {
    config::Probe one = probe;
    auto& backup = std::get<config::BackupProbe>(one.spec);
    backup.place.path = found->path;
    backup.repository = found->kind;
    backup.stanza = stanza;
    if (!stanza.empty()) one.name = backup.backup = stanza;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace drwatch::exporter
