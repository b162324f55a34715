// /api/dr/backups and /api/dr/recovery: the evidence behind the recovery metrics, for people and
// scripts on the worst day. Pure; times are RFC 3339.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "recovery/copies.h"
#include "recovery/recovery_points.h"

namespace drwatch::web {

// {"status":"success","data":{"generated_at":...,"backups":[...]}}: each backup with its newest
// good copy, its places and what each of them holds.
std::string BackupsJson(const std::vector<recovery::BackupReport>& reports, base::Timestamp now);

// The same with "services": each scenario with the newest point, the loss it means, how long coming
// back would take at the least, and every path with what is read on it.
std::string RecoveryJson(const std::vector<recovery::ServiceReport>& reports, base::Timestamp now);

}  // namespace drwatch::web
