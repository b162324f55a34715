#include "catalog/repository.h"

#include <algorithm>
#include <cstdlib>

#include "catalog/barman_names.h"

namespace drwatch::catalog {
namespace {

using config::Repository;

// Folders of a place that are looked into; a Barman home or a pgBackRest repository has fewer.
constexpr std::size_t kMaxFolders = 100;

// What lies directly in a folder ("" = the place). What is not there holds nothing.
tl::expected<PlaceListing, Finding> Level(Place& place, const std::string& folder,
                                          const PlaceContext& context) {
  ListOptions options;
  options.prefix = folder;
  options.one_level = true;
  auto listing = place.List(options, context);
  if (!listing && listing.error().reason == model::Reason::kNotFound && !folder.empty()) {
    return PlaceListing();
  }
  return listing;
}

bool Has(const std::vector<std::string>& folders, const std::string& folder) {
  return std::find(folders.begin(), folders.end(), folder) != folders.end();
}

// "backup/main/" of "backup/" -> "main".
std::string LastPart(const std::string& folder, const std::string& above) {
  return folder.substr(above.size(), folder.size() - above.size() - 1);
}

// True if a folder that was listed holds pgBackRest's list of a stanza's backups.
bool HasBackupInfo(const PlaceListing& inside, const std::string& folder) {
  return std::any_of(inside.objects.begin(), inside.objects.end(), [&](const PlaceObject& object) {
    return object.name == folder + "backup.info" || object.name == folder + "backup.info.copy";
  });
}

tl::expected<std::vector<std::string>, Finding> PgBackRestStanzas(Place& place,
                                                                  const PlaceContext& context) {
  const std::string above = "backup/";
  std::vector<std::string> stanzas;
  const auto folders = Level(place, above, context);
  if (!folders) return tl::unexpected(folders.error());
  for (std::size_t i = 0; i < std::min(folders->folders.size(), kMaxFolders); ++i) {
    const std::string& folder = folders->folders[i];
    const auto inside = Level(place, folder, context);
    if (!inside) return tl::unexpected(inside.error());
    if (HasBackupInfo(*inside, folder)) stanzas.push_back(LastPart(folder, above));
  }
  return stanzas;
}

// True if Barman wrote about one of the backups whose folders are given.
tl::expected<bool, Finding> HasBarmanInfo(Place& place, const std::string& server,
                                          const std::vector<std::string>& backups,
                                          const PlaceContext& context) {
  const std::string meta = server + "meta/";
  const auto notes = Level(place, meta, context);
  if (!notes) return tl::unexpected(notes.error());
  for (const PlaceObject& object : notes->objects) {
    const auto name = ParseBarmanMeta(std::string_view(object.name).substr(meta.size()));
    if (name && name->marks == kBarmanInfo) return true;
  }
  // Where it lay before Barman 3.13.2. The newest ones' names are the last.
  const auto inside = Level(place, backups.back(), context);
  if (!inside) return tl::unexpected(inside.error());
  return std::any_of(
      inside->objects.begin(), inside->objects.end(),
      [&](const PlaceObject& object) { return object.name == backups.back() + "backup.info"; });
}

// True if it is the folder of one of Barman's servers, with at least one backup.
tl::expected<bool, Finding> IsBarmanServer(Place& place, const std::string& folder,
                                           const PlaceContext& context) {
  const auto backups = Level(place, folder + "base/", context);
  if (!backups) return tl::unexpected(backups.error());
  if (backups->folders.empty()) return false;
  return HasBarmanInfo(place, folder, backups->folders, context);
}

// Servers with at least one backup.
tl::expected<std::vector<std::string>, Finding> BarmanServers(
    Place& place, const std::vector<std::string>& folders, const PlaceContext& context) {
  std::vector<std::string> servers;
  for (std::size_t i = 0; i < std::min(folders.size(), kMaxFolders); ++i) {
    if (folders[i].starts_with('.')) continue;
    const auto found = IsBarmanServer(place, folders[i], context);
    if (!found) return tl::unexpected(found.error());
    if (*found) servers.push_back(LastPart(folders[i], ""));
  }
  return servers;
}

// The folder of one stanza, looked at by itself.
tl::expected<RecognisedRepository, Finding> RecogniseStanza(Place& place, const PlaceListing& top,
                                                            const PlaceContext& context) {
  if (HasBackupInfo(top, "") && Has(top.folders, "backup.history/")) {
    return RecognisedRepository{Repository::kPgBackRest, {}, 2};
  }
  if (!Has(top.folders, "base/")) return RecognisedRepository();
  const auto server = IsBarmanServer(place, "", context);
  if (!server) return tl::unexpected(server.error());
  return *server ? RecognisedRepository{Repository::kBarman, {}, 1} : RecognisedRepository();
}

}  // namespace

std::unique_ptr<ArtefactCatalog> MakeRepositoryCatalog(Repository kind, Place& place,
                                                       const RepositoryOptions& options) {
  switch (kind) {
    case Repository::kPgBackRest:
      return MakePgBackRestCatalog(place, options);
    case Repository::kWalG:
      return MakeWalGCatalog(place, options);
    case Repository::kBarman:
      return MakeBarmanCatalog(place, options);
    case Repository::kNone:
      break;
  }
  std::abort();
}

tl::expected<RecognisedRepository, Finding> RecogniseRepository(Place& place,
                                                                const PlaceContext& context) {
  const auto top = Level(place, "", context);
  if (!top) return tl::unexpected(top.error());
  if (Has(top->folders, "basebackups_005/")) {
    return RecognisedRepository{Repository::kWalG, {""}};
  }
  if (Has(top->folders, "backup/")) {
    auto stanzas = PgBackRestStanzas(place, context);
    if (!stanzas) return tl::unexpected(std::move(stanzas.error()));
    if (!stanzas->empty())
      return RecognisedRepository{Repository::kPgBackRest, *std::move(stanzas)};
  }
  auto servers = BarmanServers(place, top->folders, context);
  if (!servers) return tl::unexpected(std::move(servers.error()));
  if (!servers->empty()) return RecognisedRepository{Repository::kBarman, *std::move(servers)};
  return RecogniseStanza(place, *top, context);
}

}  // namespace drwatch::catalog
