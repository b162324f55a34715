#include "config/sections.h"

namespace drwatch::config {
namespace {

// What a level means where the file says nothing: a common division of services, from those that
// stop the business to those that hardly matter.
Levels DefaultLevels() {
  return {{"L1", {15min, 1h}}, {"L2", {30min, 2h}}, {"L3", {1h, 4h}}, {"L4", {4h, 8h}}};
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
  if (const auto level = levels.find(service.level); level != levels.end()) {
    service.rpo = level->second.rpo;
    service.rto = level->second.rto;
  }
  GetPositive(reader, "rpo", service.rpo);
  GetPositive(reader, "rto", service.rto);
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
