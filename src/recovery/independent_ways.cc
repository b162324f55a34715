#include "recovery/independent_ways.h"

#include <map>
#include <set>

namespace drwatch::recovery {
namespace {

using Partners = std::map<std::string, std::set<std::string>>;

// Finds a partner for `place` that is free, or that its present one can be moved away from.
bool FindPartner(const std::string& place, const Partners& partners, std::set<std::string>& asked,
                 std::map<std::string, std::string>& taken) {
  for (const std::string& partner : partners.at(place)) {
    if (!asked.insert(partner).second) continue;
    const auto other = taken.find(partner);
    if (other != taken.end() && !FindPartner(other->second, partners, asked, taken)) continue;
    taken[partner] = place;
    return true;
  }
  return false;
}

}  // namespace

// A way that needs one place alone costs the others nothing that a longer one would not: those
// first. What is left are pairs.
std::int64_t CountIndependentWays(const std::vector<NeededPlaces>& ways) {
  std::set<std::string> alone;
  for (const NeededPlaces& way : ways) {
    if (way.second.empty() || way.second == way.first) alone.insert(way.first);
  }
  Partners partners;
  for (const NeededPlaces& way : ways) {
    if (alone.contains(way.first) || alone.contains(way.second)) continue;
    // The same two places the other way round are the same pair.
    const auto known = partners.find(way.second);
    const bool turned = known != partners.end() && known->second.contains(way.first);
    if (!turned) partners[way.first].insert(way.second);
  }
  std::int64_t pairs = 0;
  std::map<std::string, std::string> taken;
  for (const auto& [place, all] : partners) {
    std::set<std::string> asked;
    if (FindPartner(place, partners, asked, taken)) ++pairs;
  }
  return static_cast<std::int64_t>(alone.size()) + pairs;
}

}  // namespace drwatch::recovery
