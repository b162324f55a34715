#include "config/sections.h"

namespace drwatch::config {

AuditCopyTarget ReadAudit(MapReader& root, ReadContext& context) {
  AuditCopyTarget target;
  const Node* node = root.Take("audit");
  if (node == nullptr || node->kind == NodeKind::kNull) return target;
  MapReader audit(*node, context.problems, "audit");
  const Node* postgres = audit.Take("postgres");
  if (postgres != nullptr && postgres->kind != NodeKind::kNull) {
    MapReader reader(*postgres, context.problems, "postgres");
    GetDsn(reader, context, target.dsn);
    GetSecret(reader, "password", context, target.password);
    GetTls(reader, context, target.tls);
    reader.Finish();
  }
  audit.Finish();
  return target;
}

}  // namespace drwatch::config
