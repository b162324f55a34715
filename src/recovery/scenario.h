// The disasters that recovery is told for: recovery_points.h says which copies survive which.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace drwatch::recovery {

enum class Scenario { kDatabaseCorrupted, kServerLost, kSiteLost, kRegionLost };
inline constexpr std::array kScenarios = {Scenario::kDatabaseCorrupted, Scenario::kServerLost,
                                          Scenario::kSiteLost, Scenario::kRegionLost};
// "database_corrupted", ...: the label `scenario`.
std::string_view ScenarioName(Scenario scenario);
// By that name; nullopt: there is none.
std::optional<Scenario> ParseScenario(std::string_view name);

}  // namespace drwatch::recovery
