#include "recovery/scenario.h"

#include <cstdlib>

namespace drwatch::recovery {

std::string_view ScenarioName(Scenario scenario) {
  switch (scenario) {
    case Scenario::kDatabaseCorrupted:
      return "database_corrupted";
    case Scenario::kServerLost:
      return "server_lost";
    case Scenario::kSiteLost:
      return "site_lost";
    case Scenario::kRegionLost:
      return "region_lost";
  }
  std::abort();
}

std::optional<Scenario> ParseScenario(std::string_view name) {
  for (const Scenario scenario : kScenarios) {
    if (ScenarioName(scenario) == name) return scenario;
  }
  return std::nullopt;
}

}  // namespace drwatch::recovery
