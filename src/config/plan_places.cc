// The plan of copies: how many there can be, and places that are one and counted as two.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>
#include <variant>

#include "base/strings.h"
#include "config/plan.h"

namespace drwatch::config {
namespace {

constexpr std::string_view kScheme = "s3://";
// Keeps locks of its own, which are not seen (docs/s3.md).
constexpr std::string_view kGoogle = "storage.googleapis.com";

// What a probe of either type says of where it looks.
struct Place {
  const Probe* probe = nullptr;
  std::string path;   // of a folder in its shortest form
  std::string store;  // endpoint and bucket; empty = a folder
  bool offsite = false;
  std::string region;

  bool IsSame(const Place& other) const { return path == other.path && store == other.store; }
  bool SharesStore(const Place& other) const {
    return store.empty() ? IsSame(other) : store == other.store;
  }
};

Place PlaceOf(const Probe& probe, const PlaceAddress& address, bool offsite,
              const std::string& region) {
  Place place{&probe, address.path, {}, offsite, region};
  if (place.path.starts_with(kScheme)) {
    const std::string endpoint = address.s3 ? address.s3->endpoint : std::string();
    place.store = endpoint + " " + place.path.substr(0, place.path.find('/', kScheme.size()));
  } else {
    place.path = std::filesystem::path(place.path + "/").lexically_normal().string();
  }
  return place;
}

std::vector<Place> PlacesOf(const Config& config) {
  std::vector<Place> places;
  for (const Probe& probe : config.probes) {
    if (const auto* backup = std::get_if<BackupProbe>(&probe.spec)) {
      places.push_back(PlaceOf(probe, backup->place, backup->offsite, backup->region));
    } else if (const auto* wal = std::get_if<WalArchiveProbe>(&probe.spec)) {
      places.push_back(PlaceOf(probe, wal->place, wal->offsite, wal->region));
    }
  }
  return places;
}

// What is kept in a folder can be deleted, and so can what is expected to be.
bool MayBeImmutable(const BackupProbe& backup) {
  const bool bucket = backup.place.path.starts_with(kScheme);
  const bool google =
      backup.place.s3 && backup.place.s3->endpoint.find(kGoogle) != std::string::npos;
  return bucket && !google && backup.expect.object_lock.value_or(true);
}

struct Counted {
  int all = 0, offsite = 0, immutable = 0;
};

// How many copies the configuration can have at all.
void CheckCopies(const Config& config, const Service& service, Problems& problems) {
  std::map<std::string, Counted> counts;  // by backup
  for (const Probe& probe : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&probe.spec);
    if (backup == nullptr || probe.service != service.name) continue;
    Counted& counted = counts[backup->backup];
    ++counted.all;
    if (backup->offsite) ++counted.offsite;
    if (MayBeImmutable(*backup)) ++counted.immutable;
  }
  for (const auto& [backup, counted] : counts) {
    const auto check = [&](const std::optional<int>& wanted, int there, const std::string& what,
                           const std::string& hint) {
      if (!wanted || there >= *wanted) return;
      problems.AddWarning(service.position,
                          "service " + base::Quote(service.name) + " wants " +
                              std::to_string(*wanted) + " " + what + " of backup " +
                              base::Quote(backup) + ", and " + std::to_string(there) +
                              " are configured",
                          hint);
    };
    const std::string one_each =
        "add a probe of type backup with the same \"backup\" for each place";
    check(service.copies, counted.all, "copies", one_each);
    check(service.offsite_copies, counted.offsite, "off-site copies", one_each);
    check(service.immutable_copies, counted.immutable, "immutable copies",
          "only what lies in a bucket with object lock cannot be deleted");
  }
}

std::string BothOf(const Place& earlier, const Place& place) {
  return "probes " + base::Quote(earlier.probe->name) + " and " + base::Quote(place.probe->name);
}

// Two probes of one backup in one place: one accident takes both.
bool IsToldTwice(const Place& place, const Place& earlier, Problems& problems) {
  const auto* backup = std::get_if<BackupProbe>(&place.probe->spec);
  const auto* other = std::get_if<BackupProbe>(&earlier.probe->spec);
  if (backup == nullptr || other == nullptr) return false;
  if (place.probe->service != earlier.probe->service) return false;
  if (backup->backup == other->backup) {
    problems.AddWarning(place.probe->position,
                        BothOf(earlier, place) + " look at one " +
                            (place.IsSame(earlier) ? "place" : "bucket") +
                            " and count as two copies of backup " + base::Quote(backup->backup),
                        "give what is no copy a \"backup\" of its own, and let copies lie apart");
    return true;
  }
  const bool same = place.IsSame(earlier) && backup->data == other->data &&
                    backup->pattern == other->pattern && backup->stanza == other->stanza &&
                    backup->kind == other->kind;
  if (!same) return false;
  problems.AddWarning(place.probe->position,
                      BothOf(earlier, place) + " find the same backups and count as two ways back",
                      "leave one of them out, or tell them apart by \"pattern\"");
  return true;
}

// What is told of a copy names it by its location.
void CheckLocations(const Config& config, Problems& problems) {
  std::map<std::tuple<std::string, std::string, std::string>, const Probe*> known;
  for (const Probe& probe : config.probes) {
    const auto* backup = std::get_if<BackupProbe>(&probe.spec);
    if (backup == nullptr) continue;
    const auto [at, added] =
        known.emplace(std::tuple(probe.service, backup->backup, backup->location), &probe);
    if (added) continue;
    problems.AddWarning(
        probe.position,
        "probes " + base::Quote(at->second->name) + " and " + base::Quote(probe.name) +
            " are both at location " + base::Quote(backup->location) + " of backup " +
            base::Quote(backup->backup) + ": nothing that is told of them tells them apart",
        "give each copy its \"location\"");
  }
}

// One place cannot lie on two sites.
bool IsElsewhereToo(const Place& place, const Place& earlier, Problems& problems) {
  const bool regions = !place.region.empty() && !earlier.region.empty();
  const bool region_differs = regions && place.region != earlier.region;
  if (place.offsite == earlier.offsite && !region_differs) return false;
  problems.AddWarning(place.probe->position,
                      BothOf(earlier, place) + " look at one place, and their " +
                          base::Quote(region_differs ? "region" : "offsite") + " differs",
                      "a place survives with all that it holds or with nothing");
  return true;
}

}  // namespace

void CheckPlaces(const Config& config, Problems& problems) {
  for (const Service& service : config.services) CheckCopies(config, service, problems);
  CheckLocations(config, problems);
  const std::vector<Place> places = PlacesOf(config);
  for (auto place = places.begin(); place != places.end(); ++place) {
    const auto first = [&](auto is_told) {
      (void)std::find_if(places.begin(), place, [&](const Place& earlier) {
        return place->SharesStore(earlier) && is_told(*place, earlier, problems);
      });
    };
    first(IsToldTwice);
    first(IsElsewhereToo);
  }
}

}  // namespace drwatch::config
