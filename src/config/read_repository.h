// "repository" and "stanza" of probes of backups and WAL archives. Internal to this folder.
#pragma once

#include <string>
#include <string_view>

#include "config/node.h"
#include "config/probe_config.h"

namespace drwatch::config {

void GetRepository(MapReader& reader, Repository& repository, std::string& stanza);
// "pgbackrest", "wal-g", "barman"; empty for kNone.
std::string_view RepositoryName(Repository repository);
// After all keys of a backup probe: those that mean nothing of backups in a repository are errors.
void CheckRepositoryKeys(MapReader& reader, const BackupProbe& probe);

}  // namespace drwatch::config
