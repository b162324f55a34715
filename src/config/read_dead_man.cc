#include "config/sections.h"

namespace drwatch::config {

DeadMan ReadDeadMan(MapReader& global, ReadContext& context) {
  DeadMan dead_man;
  const Node* node = global.Take("deadman");
  if (node == nullptr || node->kind == NodeKind::kNull) return dead_man;
  MapReader reader(*node, context.problems, "deadman");
  GetSecret(reader, "url", context, dead_man.url);
  base::Secret checked;
  if (!dead_man.url.value.empty()) GetHttpUrl(reader, "url", checked);
  if (dead_man.url.empty() && node->kind == NodeKind::kMap) {
    reader.Error(*node, "\"url\" or \"url_file\" is missing");
  }
  GetChoice(reader, "method", {"GET", "HEAD", "POST"}, dead_man.method);
  GetPositive(reader, "interval", dead_man.interval);
  GetPositive(reader, "timeout", dead_man.timeout);
  reader.Finish();
  return dead_man;
}

}  // namespace drwatch::config
