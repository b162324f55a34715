#include "base/duration.h"
#include "base/strings.h"
#include "config/hint.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

const std::vector<std::string>& ProbeTypes() {
  static const std::vector<std::string> kTypes = {"postgres", "redis",  "http",       "tcp",
                                                  "scrape",   "backup", "wal_archive"};
  return kTypes;
}

// False if nothing can be made of the type.
bool ReadSpec(MapReader& reader, Probe& probe, ReadContext& context) {
  if (probe.type == "postgres") {
    probe.spec = ReadPostgresProbe(reader, context);
  } else if (probe.type == "redis") {
    probe.spec = ReadRedisProbe(reader, context);
  } else if (probe.type == "http") {
    probe.spec = ReadHttpProbe(reader, context);
  } else if (probe.type == "tcp") {
    probe.spec = ReadTcpProbe(reader, context);
  } else if (probe.type == "scrape") {
    probe.spec = ReadScrapeProbe(reader, probe.name, context);
  } else if (probe.type == "backup") {
    probe.spec = ReadBackupProbe(reader, probe.name, context);
  } else if (probe.type == "wal_archive") {
    probe.spec = ReadWalArchiveProbe(reader, probe.name, context);
  } else {
    return false;
  }
  return true;
}

void UnknownType(MapReader& reader, const Node& node) {
  if (node.scalar == "dns") {
    reader.Error(node, "probes of type " + base::Quote(node.scalar) + " are not supported yet");
    return;
  }
  // Cut, a value from the environment would not be recognised and hidden.
  const std::string shown =
      node.expanded ? "from the environment" : base::Quote(base::Truncate(node.scalar, 80));
  reader.Error(node, "unknown probe type " + shown, NameHint(node.scalar, ProbeTypes(), "types"));
}

}  // namespace

Probe ReadProbe(const Node& node, const Global& global, ReadContext& context) {
  Probe probe;
  probe.position = node.position;
  MapReader reader(node, context.problems, "probe");
  reader.Require("name");
  GetName(reader, "name", probe.name);
  const Node* type = reader.Require("type");
  reader.Get("type", probe.type);
  GetReference(reader, "service", Reference::Kind::kService, context, probe.service);
  probe.interval = global.probe_interval;
  probe.timeout = global.probe_timeout;
  GetPositive(reader, "interval", probe.interval);
  GetPositive(reader, "timeout", probe.timeout);
  GetLabels(reader, "labels", {"probe", "service", "backup", "location", "job", "instance"},
            probe.labels);
  const bool own = reader.Has("interval") || reader.Has("timeout");
  if (own && probe.timeout > probe.interval) {
    context.problems.AddWarning(
        node.position,
        "the timeout " + base::FormatDuration(probe.timeout) + " is longer than the interval " +
            base::FormatDuration(probe.interval),
        "a target that does not answer is then probed less often than the interval says");
  }
  if (ReadSpec(reader, probe, context)) {
    reader.Finish();
  } else if (type != nullptr && type->kind == NodeKind::kScalar) {
    UnknownType(reader, *type);
  }
  return probe;
}

}  // namespace drwatch::config
