#include "base/strings.h"
#include "config/hint.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

// What a level means where the file says nothing: a common division of services, from those that
// stop the business to those that hardly matter.
Levels DefaultLevels() {
  return {{"L1", {15min, 1h}}, {"L2", {30min, 2h}}, {"L3", {1h, 4h}}, {"L4", {4h, 8h}}};
}

void WarnOfUnknownLevel(const Service& service, const Levels& levels, Problems& problems) {
  std::vector<std::string> known;
  for (const auto& [name, objectives] : levels) known.push_back(name);
  problems.AddWarning(service.position,
                      "service " + base::Quote(service.name) + " has no rpo: there is no level " +
                          base::Quote(service.level),
                      NameHint(service.level, known, "levels"));
}

}  // namespace

Levels ReadLevels(MapReader& reader) {
  Levels levels = DefaultLevels();
  const Node* node = reader.Take("levels");
  if (node == nullptr || node->kind == NodeKind::kNull) return levels;
  MapReader all(*node, reader.problems(), "levels");
  for (const MapEntry& entry : node->entries) {
    const Node* value = all.Take(entry.key.scalar);
    MapReader level(*value, reader.problems(), "level");
    Objectives& objectives = levels[entry.key.scalar];
    GetPositive(level, "rpo", objectives.rpo);
    GetPositive(level, "rto", objectives.rto);
    level.Finish();
  }
  all.Finish();
  return levels;
}

Service ReadService(const Node& node, const Levels& levels, ReadContext& context) {
  Service service;
  service.position = node.position;
  MapReader reader(node, context.problems, "service");
  reader.Require("name");
  GetName(reader, "name", service.name);
  GetName(reader, "level", service.level);
  const auto level = levels.find(service.level);
  if (level != levels.end()) {
    service.rpo = level->second.rpo;
    service.rto = level->second.rto;
  }
  GetPositive(reader, "rpo", service.rpo);
  GetPositive(reader, "rto", service.rto);
  // A name that promises nothing is fine as long as something else does.
  if (!service.level.empty() && level == levels.end() && !service.rpo) {
    WarnOfUnknownLevel(service, levels, context.problems);
  }
  GetName(reader, "region", service.region);
  GetAtLeast(reader, "copies", 1, service.copies);
  GetAtLeast(reader, "offsite_copies", 0, service.offsite_copies);
  GetAtLeast(reader, "immutable_copies", 0, service.immutable_copies);
  reader.Get("depends_on", service.depends_on);
  const Node* depends_on = reader.Take("depends_on");
  if (depends_on != nullptr) {
    for (const Node& item : depends_on->items) {
      context.references.push_back({Reference::Kind::kService, item.scalar, item.position});
    }
  }
  reader.Finish();
  return service;
}

}  // namespace drwatch::config
