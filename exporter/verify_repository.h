// `drwatch verify PATH` where PATH is a repository of a backup program.
#pragma once

#include <functional>
#include <string>

#include "exporter/verify_paths.h"

namespace drwatch::exporter {

// Nothing if the path is no repository, see FindRepository(). Else it calls `done` for each stanza
// (or server), for each of its backups from the oldest on, and for each of its WAL archives.
// Several files at a time, `jobs`; a file that backups share is read once.
void VerifyRepository(const std::string& path, int jobs,
                      const std::function<void(const VerifiedPath&)>& done);

}  // namespace drwatch::exporter
