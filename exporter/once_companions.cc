#include "exporter/once_companions.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <variant>

namespace drwatch::exporter {
namespace {

// Whether an archive's base backups are looked for by a backup probe; as probes/archive_notes.h
// matches them.
bool Serves(const config::Probe& archive, const config::Probe& backup) {
  const auto* wal = std::get_if<config::WalArchiveProbe>(&archive.spec);
  const auto* bases = std::get_if<config::BackupProbe>(&backup.spec);
  if (wal == nullptr || bases == nullptr) return false;
  const std::vector<std::string>& named = wal->base_backups;
  if (named.empty()) return archive.service == backup.service && wal->data == bases->data;
  return std::find(named.begin(), named.end(), backup.name) != named.end();
}

const std::string& PrimaryOf(const config::Probe& probe) {
  static const std::string kNone;
  if (const auto* wal = std::get_if<config::WalArchiveProbe>(&probe.spec)) return wal->primary;
  if (const auto* server = std::get_if<config::PostgresProbe>(&probe.spec)) return server->primary;
  return kNone;
}

}  // namespace

std::vector<config::Probe> FindCompanions(const std::vector<config::Probe>& selected,
                                          const std::vector<config::Probe>& configured) {
  std::set<std::string> wanted;
  for (const config::Probe& probe : selected) {
    wanted.insert(PrimaryOf(probe));
    for (const config::Probe& other : configured) {
      if (Serves(probe, other)) wanted.insert(other.name);
      if (!Serves(other, probe)) continue;
      wanted.insert(other.name);
      wanted.insert(PrimaryOf(other));
    }
  }
  for (const config::Probe& probe : selected) wanted.erase(probe.name);
  std::vector<config::Probe> companions;
  std::copy_if(configured.begin(), configured.end(), std::back_inserter(companions),
               [&wanted](const config::Probe& probe) { return wanted.contains(probe.name); });
  return companions;
}

}  // namespace drwatch::exporter
