#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <tuple>

#include "base/file.h"
#include "base/glob.h"
#include "base/strings.h"
#include "config/hint.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

constexpr std::int64_t kMaxFileBytes = 16 << 20;

std::string FolderOf(const std::string& file) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(file, error);
  return error ? "/" : absolute.parent_path().string();
}

// The files that a pattern names; `what` they are, for people.
std::vector<std::string> FilesOf(const Node& item, const std::string& what,
                                 const ReadContext& context) {
  auto paths = base::Glob(AbsolutePath(context, item.scalar));
  if (!paths) {
    context.problems.AddError(item.position, paths.error().message, paths.error().hint);
    return {};
  }
  if (paths->empty()) {
    context.problems.AddWarning(item.position,
                                "no " + what + " matches " + base::Quote(item.scalar),
                                "relative paths start at " + context.folder);
  }
  return *std::move(paths);
}

std::vector<std::string> ReadRuleFiles(MapReader& reader, const ReadContext& context) {
  std::vector<std::string> files;
  std::vector<std::string> patterns;
  reader.Get("rule_files", patterns);
  const Node* node = reader.Take("rule_files");
  if (node == nullptr) return files;
  std::set<std::string> seen;
  for (const Node& item : node->items) {
    if (item.kind != NodeKind::kScalar) continue;
    for (const std::string& path : FilesOf(item, "rule file", context)) {
      if (seen.insert(path).second) files.push_back(path);
    }
  }
  return files;
}

constexpr std::int64_t kMaxTemplateBytes = 1 << 20;

std::vector<TemplateFile> ReadTemplates(MapReader& reader, const ReadContext& context) {
  std::vector<TemplateFile> files;
  for (const Node& item : GetItems(reader, "templates")) {
    for (const std::string& path : FilesOf(item, "template", context)) {
      base::Result<std::string> text = base::ReadFile(path, kMaxTemplateBytes);
      if (text) {
        files.push_back({path, std::move(*text), item.position});
      } else {
        context.problems.AddError(item.position, text.error().message);
      }
    }
  }
  return files;
}

void ReadSeverityMap(MapReader& reader, std::map<std::string, std::string>& out) {
  const Node* node = reader.Take("severity_map");
  std::vector<std::pair<std::string, std::string>> words;
  reader.Get("severity_map", words);
  if (node == nullptr || node->kind != NodeKind::kMap) return;
  MapReader map(*node, reader.problems(), "severity_map");
  for (const auto& [word, meaning] : words) {
    GetChoice(map, word, {"critical", "error", "warning", "info"}, out[word]);
  }
}

// As the root, but for when and what it mutes or escalates.
std::optional<Route> OwnRoute(const Config& config) {
  if (config.fallback_receiver.empty()) return std::nullopt;
  Route route;
  route.receiver = config.fallback_receiver;
  route.group_by = config.route.group_by;
  route.group_by_all = config.route.group_by_all;
  route.group_wait = config.route.group_wait;
  route.group_interval = config.route.group_interval;
  route.repeat_interval = config.route.repeat_interval;
  return route;
}

void RefuseForeignSections(MapReader& reader) {
  reader.Refuse("remote_write", "is not supported yet");
  reader.Refuse("scrape_configs", "is not supported", "use \"probes\" of type scrape");
}

// Of how long their archives let WAL wait.
void TellPrimaries(std::vector<Probe>& probes) {
  std::map<std::string, base::Duration> longest;
  for (const Probe& probe : probes) {
    const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec);
    if (wal == nullptr || wal->primary.empty()) continue;
    base::Duration& limit = longest[wal->primary];
    limit = std::max(limit, wal->max_lag);
  }
  for (Probe& probe : probes) {
    auto* postgres = std::get_if<PostgresProbe>(&probe.spec);
    const auto found = longest.find(probe.name);
    if (postgres != nullptr && found != longest.end()) postgres->archive_max_lag = found->second;
  }
}

Config ReadConfig(const Node& root, const std::string& file, ReadContext& context) {
  Config config;
  config.file = file;
  MapReader reader(root, context.problems, "the config");
  GlobalReceiverDefaults defaults;
  config.global = ReadGlobal(reader.Take("global"), context, defaults);
  config.storage = ReadStorage(reader.Take("storage"), context);
  config.audit_copy = ReadAudit(reader, context);
  const Levels levels = ReadLevels(reader);
  for (const Node& item : GetItems(reader, "services")) {
    config.services.push_back(ReadService(item, levels, context));
  }
  for (const Node& item : GetItems(reader, "probes")) {
    config.probes.push_back(ReadProbe(item, config.global, context));
  }
  TellPrimaries(config.probes);
  config.rule_files = ReadRuleFiles(reader, context);
  reader.Get("builtin_rules", config.builtin_rules);
  config.time_intervals = ReadTimeIntervals(reader, context);
  config.inhibit_rules = ReadInhibitRules(reader, context);
  const Node* route = reader.Take("route");
  if (route != nullptr) config.route = ReadRootRoute(*route, context);
  for (const Node& item : GetItems(reader, "receivers")) {
    config.receivers.push_back(ReadReceiver(item, defaults, context));
  }
  config.templates = ReadTemplates(reader, context);
  if (route == nullptr && !config.receivers.empty()) {
    config.route.receiver = config.receivers.front().name;
  }
  config.escalation_policies = ReadEscalationPolicies(reader, context);
  GetReference(reader, "fallback_receiver", Reference::Kind::kReceiver, context,
               config.fallback_receiver);
  config.own_route = OwnRoute(config);
  config.alertmanagers = ReadAlerting(reader, context);
  ReadSeverityMap(reader, config.severity_map);
  RefuseForeignSections(reader);
  reader.Finish();
  return config;
}

// A person reads a file from top to bottom; what concerns the whole file comes first. Nothing more
// is said of a value whose variable is not set: the first `unset` problems are about those.
void AppendSorted(const Problems& found, std::size_t unset, const Variables& used, Problems& out) {
  std::vector<Problem> sorted;
  std::set<std::pair<int, int>> settled;
  for (std::size_t i = 0; i < found.all().size(); ++i) {
    const Problem& problem = found.all()[i];
    const std::pair<int, int> place(problem.position.line, problem.position.column);
    if (i < unset) {
      settled.insert(place);
    } else if (settled.contains(place)) {
      continue;
    }
    sorted.push_back(problem);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.position.line, a.position.column) <
           std::tie(b.position.line, b.position.column);
  });
  for (const Problem& problem : sorted) {
    std::string message = WithNames(problem.message, used);
    std::string hint = WithNames(problem.hint, used);
    if (problem.kind == Problem::Kind::kError) {
      out.AddError(problem.position, std::move(message), std::move(hint));
    } else {
      out.AddWarning(problem.position, std::move(message), std::move(hint));
    }
  }
}

struct Source {
  std::string_view text;
  std::string file;
  bool world_readable = false;
};

std::optional<Config> Parse(const Source& source, Problems& problems, const LoadOptions& options) {
  Problems found;
  std::size_t unset = 0;
  Variables used;
  std::optional<Config> config;
  std::optional<Node> root = ParseYaml(source.text, source.file, found);
  if (root && root->kind == NodeKind::kNull) {
    found.AddError({source.file, 0, 0}, "the config is empty",
                   "drwatch init prints a file to start from");
  } else if (root) {
    ExpandEnvironment(*root, options, found, used);
    unset = found.all().size();
    ReadContext context{found, FolderOf(source.file), {}, {}};
    config = ReadConfig(*root, source.file, context);
    CheckWhole(*config, context);
    CheckPlan(*config, context.problems);
    if (options.rule_files != nullptr) *options.rule_files = config->rule_files;
    if (context.inline_secret && source.world_readable) {
      found.AddWarning(*context.inline_secret,
                       "a secret stands in a file that every user of this machine can read",
                       "chmod o-r " + source.file + ", or use the key's _file form");
    }
  }
  const bool failed = found.HasErrors();
  AppendSorted(found, unset, used, problems);
  if (failed) return std::nullopt;
  return config;
}

}  // namespace

std::optional<Config> ParseConfig(std::string_view text, const std::string& file,
                                  Problems& problems, const LoadOptions& options) {
  return Parse({text, file}, problems, options);
}

std::optional<Config> LoadConfig(const std::string& path, Problems& problems,
                                 const LoadOptions& options) {
  const base::Result<std::string> text = base::ReadFile(path, kMaxFileBytes);
  if (!text) {
    problems.AddError({}, text.error().message, "drwatch init prints a file to start from");
    return std::nullopt;
  }
  struct stat info {};
  const bool world_readable = ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
  return Parse({*text, path, world_readable}, problems, options);
}

}  // namespace drwatch::config
