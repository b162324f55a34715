#include "base/duration.h"
#include "config/receiver_reading.h"

namespace drwatch::config {
namespace {

constexpr int kMaxConcurrentProbes = 10'000;

// Alertmanager's global defaults for receivers drwatch does not have.
void RefuseForeignReceiverKeys(MapReader& reader) {
  constexpr std::string_view kPrefixes[] = {"opsgenie_",   "victorops_", "telegram_",
                                            "webex_",      "wechat_",    "jira_",
                                            "rocketchat_", "mattermost_"};
  for (const auto& [key, value] : reader.node().entries) {
    for (const std::string_view prefix : kPrefixes) {
      if (key.scalar.starts_with(prefix)) reader.Refuse(key.scalar, "is not supported yet");
    }
  }
}

}  // namespace

Global ReadGlobal(const Node* node, ReadContext& context, GlobalReceiverDefaults& defaults) {
  Global global;
  if (node == nullptr || node->kind == NodeKind::kNull) return global;
  MapReader reader(*node, context.problems, "global");
  GetPositive(reader, "probe_interval", global.probe_interval);
  GetPositive(reader, "probe_timeout", global.probe_timeout);
  GetPositive(reader, "evaluation_interval", global.evaluation_interval);
  GetAtLeast(reader, "max_concurrent_probes", 1, global.max_concurrent_probes);
  if (global.max_concurrent_probes > kMaxConcurrentProbes) {
    reader.Error(*reader.Take("max_concurrent_probes"),
                 "\"max_concurrent_probes\" must be at most 10000");
  }
  GetLabels(reader, "external_labels", {model::kAlertName}, global.external_labels);
  GetHttpUrl(reader, "external_url", global.external_url);
  while (global.external_url.ends_with('/')) global.external_url.pop_back();
  GetPositive(reader, "resolve_timeout", global.resolve_timeout);
  global.dead_man = ReadDeadMan(reader, context);
  GetSecret(reader, "slack_api_url", context, defaults.slack_api_url);
  base::Secret checked;
  if (!defaults.slack_api_url.value.empty()) GetHttpUrl(reader, "slack_api_url", checked);
  GetSecret(reader, "slack_app_token", context, defaults.slack_app_token);
  GetHttpUrl(reader, "slack_app_url", defaults.slack_app_url);
  GetHttpUrl(reader, "pagerduty_url", defaults.pagerduty_url);
  reader.Get("smtp_from", defaults.mail_from);
  CheckSender(reader, "smtp_from", defaults.mail_from);
  ReadMailServer(reader, "smtp_", context, defaults.mail);
  ReadHttpSettings(reader, context, defaults.http);
  RefuseForeignReceiverKeys(reader);
  reader.Finish();
  if (global.probe_timeout > global.probe_interval) {
    const Node* at = reader.Take("probe_timeout");
    context.problems.AddWarning(
        at != nullptr ? at->position : node->position,
        "probe_timeout " + base::FormatDuration(global.probe_timeout) +
            " is longer than probe_interval " + base::FormatDuration(global.probe_interval),
        "a target that does not answer is then probed less often than the interval says");
  }
  return global;
}

Storage ReadStorage(const Node* node, ReadContext& context) {
  Storage storage;
  if (node == nullptr || node->kind == NodeKind::kNull) return storage;
  MapReader reader(*node, context.problems, "storage");
  GetPath(reader, "path", context, storage.path);
  GetPositive(reader, "retention", storage.retention);
  int max_series = static_cast<int>(storage.max_series);
  GetAtLeast(reader, "max_series", 1, max_series);
  storage.max_series = max_series;
  reader.Finish();
  return storage;
}

}  // namespace drwatch::config
