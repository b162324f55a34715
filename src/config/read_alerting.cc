#include <algorithm>
#include <set>

#include "base/strings.h"
#include "config/receiver_reading.h"
#include "config/url.h"

namespace drwatch::config {
namespace {

constexpr std::size_t kMaxPeers = 64;  // each has a thread

// Ways to find Alertmanagers that Prometheus has and drwatch has not.
void RefuseDiscovery(MapReader& reader) {
  for (const MapEntry& entry : reader.node().entries) {
    if (!entry.key.scalar.ends_with("_sd_configs")) continue;
    reader.Refuse(entry.key.scalar, "is not supported",
                  "list the Alertmanagers in \"static_configs\"");
  }
}

void ReadTargets(MapReader& group, const Alertmanagers& out, std::vector<std::string>& targets) {
  group.Get("targets", targets);
  const Node* node = group.Require("targets");
  if (node == nullptr) return;
  for (const Node& item : node->items) {
    if (item.kind != NodeKind::kScalar) continue;
    const base::Result<Url> url = ParseUrl(out.scheme + "://" + item.scalar);
    if (url && url->user.empty() && !url->password && url->rest.empty() &&
        item.scalar.find('@') == std::string::npos) {
      continue;
    }
    group.Error(item, "a target of \"alertmanagers\" must be host:port",
                "scheme and path have the keys \"scheme\" and \"path_prefix\"");
  }
}

void ReadStaticConfigs(MapReader& reader, Alertmanagers& out) {
  reader.Require("static_configs");
  for (const Node& item : GetItems(reader, "static_configs")) {
    MapReader group(item, reader.problems(), "static_configs");
    std::vector<std::string> targets;
    ReadTargets(group, out, targets);
    // As in Prometheus they are there for relabelling only, which drwatch has not.
    model::Labels labels;
    GetLabels(group, "labels", {}, labels);
    group.Finish();
    out.targets.insert(out.targets.end(), targets.begin(), targets.end());
  }
}

void ReadPathPrefix(MapReader& reader, std::string& out) {
  std::string prefix;
  reader.Get("path_prefix", prefix);
  const Node* node = reader.Take("path_prefix");
  if (node == nullptr) return;
  const bool odd = std::any_of(prefix.begin(), prefix.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '?' || c == '#';
  });
  if (odd) {
    reader.Error(*node, "\"path_prefix\" must be a path", "such as /alertmanager");
    return;
  }
  out = "/" + prefix.substr(std::min(prefix.find_first_not_of('/'), prefix.size()));
}

void ReadApiVersion(MapReader& reader) {
  std::string version = "v2";
  reader.Get("api_version", version);
  if (version == "v2") return;
  reader.Error(*reader.Take("api_version"), "\"api_version\" must be v2",
               "Alertmanager has had it since 0.16");
}

Alertmanagers ReadAlertmanagers(const Node& node, ReadContext& context) {
  Alertmanagers out;
  MapReader reader(node, context.problems, "alertmanagers");
  GetChoice(reader, "scheme", {"http", "https"}, out.scheme);
  ReadPathPrefix(reader, out.path_prefix);
  GetPositive(reader, "timeout", out.timeout);
  ReadApiVersion(reader);
  ReadHttpKeys(reader, context, out.http);
  ReadStaticConfigs(reader, out);
  RefuseDiscovery(reader);
  RefuseAll(reader, {"relabel_configs", "alert_relabel_configs", "sigv4"});
  reader.Finish();
  return out;
}

// A target that is named again would be told everything twice.
void DropRepeated(const Node& node, Alertmanagers& item, std::set<std::string>& seen,
                  Problems& problems) {
  std::erase_if(item.targets, [&](const std::string& target) {
    if (seen.insert(item.Url(target, "")).second) return false;
    problems.AddWarning(node.position, "the Alertmanager " + base::Quote(target) +
                                           " is named more than once; it is told once");
    return true;
  });
}

}  // namespace

std::string Alertmanagers::Url(const std::string& target, std::string_view path) const {
  std::string prefix = path_prefix;
  while (prefix.ends_with('/')) prefix.pop_back();
  return scheme + "://" + target + prefix + std::string(path);
}

std::vector<Alertmanagers> ReadAlerting(MapReader& root, ReadContext& context) {
  std::vector<Alertmanagers> all;
  const Node* node = root.Take("alerting");
  if (node == nullptr || node->kind == NodeKind::kNull) return all;
  MapReader reader(*node, context.problems, "alerting");
  std::set<std::string> seen;
  for (const Node& item : GetItems(reader, "alertmanagers")) {
    all.push_back(ReadAlertmanagers(item, context));
    DropRepeated(item, all.back(), seen, context.problems);
  }
  if (seen.size() > kMaxPeers) {
    reader.Error(*node, "more than " + std::to_string(kMaxPeers) + " Alertmanagers");
  }
  reader.Refuse("alert_relabel_configs", "is not supported",
                "labels of alerts come from their rules and \"external_labels\"");
  reader.Finish();
  return all;
}

}  // namespace drwatch::config
