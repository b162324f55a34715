// Which backup program's repository a folder given on the command line is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/backup_probe_config.h"

namespace drwatch::exporter {

struct FoundRepository {
  std::string path;  // of the repository: above the folder that was given if that is one stanza's
  config::Repository kind = config::Repository::kNone;
  std::vector<std::string> stanzas;  // pgBackRest's stanzas, Barman's servers; of WAL-G one, ""
  std::string label;  // the folder is that of this backup of pgBackRest; "" = of none
};

// By the names in it. nullopt also if it cannot be looked at.
std::optional<FoundRepository> FindRepository(const std::string& path);

// What lies directly in the folder, without empty folders (pgBackRest's spool), if repositories do;
// else the path itself.
std::vector<std::string> SplitAtRepositories(const std::string& path);

}  // namespace drwatch::exporter
