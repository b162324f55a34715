// Where copies of the audit log go.
#pragma once

#include "base/secret.h"
#include "config/secret_source.h"

namespace drwatch::config {

// A PostgreSQL database that gets every row; none without a dsn.
struct AuditCopyTarget {
  base::Secret dsn;  // may hold a password
  SecretSource password;
  Tls tls;
  bool operator==(const AuditCopyTarget&) const = default;
};

}  // namespace drwatch::config
