// Alert state on disk, so that a restart neither forgets nor repeats an alert.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "db/database.h"
#include "rules/alerting_rule.h"

namespace drwatch::rules {

// The tables of this folder.
std::vector<db::Migration> Migrations();

struct StoredAlertKey {
  std::string location;  // the group: "file;name"
  std::string rule;      // name, labels and which one of equal ones
  model::Labels labels;  // of the alert
  friend bool operator<(const StoredAlertKey& a, const StoredAlertKey& b) {
    return std::tie(a.location, a.rule, a.labels) < std::tie(b.location, b.rule, b.labels);
  }
};
struct StoredAlert {
  StoredAlertKey key;
  AlertInstance instance;
};

// Errors: SQLite's.
base::Result<std::vector<StoredAlert>> LoadAlerts(db::Database& database);
// The new state of alerts; nullopt forgets one.
using AlertChanges = std::map<StoredAlertKey, std::optional<AlertInstance>>;
// In one transaction.
base::Status WriteAlerts(db::Database& database, const AlertChanges& changes);
// Puts `alerts` in the place of everything there is.
base::Status ReplaceAlerts(db::Database& database, const AlertChanges& alerts);

}  // namespace drwatch::rules
