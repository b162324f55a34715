#include "config/describe.h"

#include "base/strings.h"

namespace drwatch::config {
namespace {

void WriteLabels(YamlWriter& out, std::string_view key, const model::Labels& labels) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const model::LabelView label : labels) pairs.emplace_back(label.name, label.value);
  out.TextMap(key, pairs);
}

void WriteProbe(YamlWriter& out, const Probe& probe) {
  out.BeginItem();
  out.Text("name", probe.name);
  out.Text("type", probe.type);
  out.TextUnlessEmpty("service", probe.service);
  out.Time("interval", probe.interval);
  out.Time("timeout", probe.timeout);
  WriteLabels(out, "labels", probe.labels);
  WriteProbeSpec(out, probe.spec);
  out.End();
}

void WriteRoute(YamlWriter& out, const Route& route) {
  out.Text("receiver", route.receiver);
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : route.matchers) matchers.push_back(matcher.ToString());
  if (!matchers.empty()) out.Texts("matchers", matchers);
  out.Texts("group_by", route.group_by_all ? std::vector<std::string>{"..."} : route.group_by);
  out.Time("group_wait", route.group_wait);
  out.Time("group_interval", route.group_interval);
  out.Time("repeat_interval", route.repeat_interval);
  out.TextUnlessEmpty("escalation", route.escalation);
  if (route.continue_matching) out.Flag("continue", true);
  if (!route.mute_time_intervals.empty()) {
    out.Texts("mute_time_intervals", route.mute_time_intervals);
  }
  if (!route.active_time_intervals.empty()) {
    out.Texts("active_time_intervals", route.active_time_intervals);
  }
  if (route.routes.empty()) return;
  out.List("routes");
  for (const Route& child : route.routes) {
    out.BeginItem();
    WriteRoute(out, child);
    out.End();
  }
}

void WriteDeadMan(YamlWriter& out, const DeadMan& dead_man) {
  if (dead_man.url.empty()) return;
  out.BeginMap("deadman");
  WriteSecret(out, "url", dead_man.url);
  out.Text("method", dead_man.method);
  out.Time("interval", dead_man.interval);
  out.Time("timeout", dead_man.timeout);
  out.End();
}

void WriteGlobal(YamlWriter& out, const Config& config) {
  out.BeginMap("global");
  out.Time("probe_interval", config.global.probe_interval);
  out.Time("probe_timeout", config.global.probe_timeout);
  out.Time("evaluation_interval", config.global.evaluation_interval);
  out.Number("max_concurrent_probes", config.global.max_concurrent_probes);
  WriteLabels(out, "external_labels", config.global.external_labels);
  out.TextUnlessEmpty("external_url", config.global.external_url);
  out.Time("resolve_timeout", config.global.resolve_timeout);
  WriteDeadMan(out, config.global.dead_man);
  out.End();
  out.BeginMap("storage");
  out.Text("path", config.storage.path);
  out.Time("retention", config.storage.retention);
  out.Number("max_series", static_cast<double>(config.storage.max_series));
  out.End();
}

void WriteAudit(YamlWriter& out, const AuditCopyTarget& copy) {
  if (copy.dsn.empty()) return;
  out.BeginMap("audit");
  out.BeginMap("postgres");
  WriteDsn(out, copy.dsn);
  WriteSecret(out, "password", copy.password);
  WriteTls(out, "tls", copy.tls);
  out.End();
  out.End();
}

void WriteServices(YamlWriter& out, const Config& config) {
  out.List("services");
  for (const Service& service : config.services) {
    out.BeginItem();
    out.Text("name", service.name);
    out.TextUnlessEmpty("level", service.level);
    if (service.rpo) out.Time("rpo", *service.rpo);
    if (service.rto) out.Time("rto", *service.rto);
    out.TextUnlessEmpty("region", service.region);
    if (service.copies) out.Number("copies", *service.copies);
    if (service.offsite_copies) out.Number("offsite_copies", *service.offsite_copies);
    if (service.immutable_copies) out.Number("immutable_copies", *service.immutable_copies);
    if (!service.depends_on.empty()) out.Texts("depends_on", service.depends_on);
    out.End();
  }
}

void LeaveOutEscalation(Route& route) {
  route.escalation.clear();
  for (Route& child : route.routes) LeaveOutEscalation(child);
}

void WriteAlerting(YamlWriter& out, const Config& config) {
  if (!config.route.receiver.empty()) {
    out.BeginMap("route");
    WriteRoute(out, config.route);
    out.End();
  }
  WriteReceivers(out, config.receivers);
  if (!config.templates.empty()) {
    std::vector<std::string> paths;
    for (const TemplateFile& file : config.templates) paths.push_back(file.path);
    out.Texts("templates", paths);
  }
  WriteInhibitRules(out, config.inhibit_rules);
  WriteTimeIntervals(out, config.time_intervals);
  WriteEscalationPolicies(out, config.escalation_policies);
}

}  // namespace

void WriteSecret(YamlWriter& out, const std::string& key, const SecretSource& source) {
  if (!source.file.empty()) {
    out.Text(key + "_file", source.file);
  } else if (!source.empty()) {
    out.Text(key, base::kRedacted);
  }
}

std::string DescribeAlerting(const Config& config) {
  // amtool reads it as strictly as Alertmanager does, and neither knows of escalation.
  Config known = config;
  known.escalation_policies.clear();
  LeaveOutEscalation(known.route);
  for (Receiver& receiver : known.receivers) {
    std::erase_if(receiver.integrations, [](const Integration& integration) {
      return std::holds_alternative<StatuspageReceiver>(integration);
    });
  }
  YamlWriter out;
  WriteAlerting(out, known);
  return out.Take();
}

std::string DescribeConfig(const Config& config) {
  YamlWriter out;
  WriteGlobal(out, config);
  WriteAudit(out, config.audit_copy);
  WriteServices(out, config);
  out.List("probes");
  for (const Probe& probe : config.probes) WriteProbe(out, probe);
  out.Texts("rule_files", config.rule_files);
  out.Flag("builtin_rules", config.builtin_rules);
  WriteAlertmanagers(out, config.alertmanagers);
  WriteAlerting(out, config);
  out.TextUnlessEmpty("fallback_receiver", config.fallback_receiver);
  out.TextMap("severity_map", {config.severity_map.begin(), config.severity_map.end()});
  return out.Take();
}

}  // namespace drwatch::config
