// "repository" and "stanza" of probes of backups and WAL archives. Internal to this folder.
#pragma once

#include <string>
#include <string_view>

#include "config/node.h"
#include "config/probe_config.h"
#include "config/sections.h"

namespace drwatch::config {

void GetRepository(MapReader& reader, Repository& repository, std::string& stanza);

// What both say of the copy that they look at: whose it is, where it lies, who wrote it.
template <typename Probe>
void GetCopy(MapReader& reader, const std::string& name, ReadContext& context, Probe& probe) {
  probe.backup = name;
  GetName(reader, "backup", probe.backup);
  GetName(reader, "location", probe.location);
  reader.Get("offsite", probe.offsite);
  GetName(reader, "region", probe.region);
  GetName(reader, "data", probe.data);
  GetPlace(reader, context, probe.place);
  // Only Amazon's regions are places: other servers take what a request is signed for ("auto",
  // "us-east-1") from wherever they are.
  const bool amazon = probe.place.s3 && probe.place.s3->endpoint.empty();
  if (probe.region.empty() && amazon) probe.region = probe.place.s3->region;
  GetRepository(reader, probe.repository, probe.stanza);
}
// "pgbackrest", "wal-g", "barman"; empty for kNone.
std::string_view RepositoryName(Repository repository);
// After all keys of a backup probe: those that mean nothing of backups in a repository are errors.
void CheckRepositoryKeys(MapReader& reader, const BackupProbe& probe);

}  // namespace drwatch::config
