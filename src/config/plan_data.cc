// Backups of which nobody says what they bring back.
#include <algorithm>

#include "base/strings.h"
#include "config/plan.h"

namespace drwatch::config {
namespace {

// Fresh uploads would stand in for a database that is lost, where something is known to hold it.
bool StandsInForOthers(const Config& config, const Probe& probe, const BackupProbe& backup) {
  return std::any_of(config.probes.begin(), config.probes.end(), [&](const Probe& other) {
    const auto* beside = std::get_if<BackupProbe>(&other.spec);
    return beside != nullptr && !beside->data_guessed && other.service == probe.service &&
           beside->backup != backup.backup && beside->data == backup.data;
  });
}

}  // namespace

void CheckGuesses(const Config& config, Problems& problems) {
  for (const Probe& probe : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&probe.spec);
    if (backup == nullptr || !backup->data_guessed || probe.service.empty()) continue;
    if (!StandsInForOthers(config, probe, *backup)) continue;
    problems.AddWarning(
        probe.position,
        "backup " + base::Quote(backup->backup) +
            " counts as a way back to the database of service " + base::Quote(probe.service) +
            ": nothing says what it holds",
        "give it a \"kind\" (dump, full, files), or \"data\" with a name of its own");
  }
}

}  // namespace drwatch::config
