// Where backup programs keep WAL in their repositories.
#include <algorithm>

#include "base/strings.h"
#include "probes/wal_archive_probe.h"

namespace drwatch::probes {
namespace {

// A Barman home has fewer.
constexpr std::size_t kMaxServers = 100;

using Prefix = tl::expected<std::string, catalog::Finding>;

tl::unexpected<catalog::Finding> NotThere(const std::string& message) {
  return tl::unexpected(catalog::Finding{model::Reason::kNotFound, message});
}

tl::expected<std::vector<std::string>, catalog::Finding> FoldersIn(
    catalog::Place& place, const std::string& prefix, const catalog::PlaceContext& context) {
  catalog::ListOptions options;
  options.prefix = prefix;
  options.one_level = true;
  auto listing = place.List(options, context);
  if (!listing) return tl::unexpected(std::move(listing.error()));
  return std::move(listing->folders);
}

// The named folder below `prefix`, or the only one.
Prefix Choose(catalog::Place& place, const std::string& prefix, const std::string& name,
              const catalog::PlaceContext& context) {
  if (!name.empty()) return prefix + name + "/";
  auto folders = FoldersIn(place, prefix, context);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  if (folders->size() == 1) return folders->front();
  return NotThere(base::Quote(place.Describe() + "/" + prefix) + " holds " +
                  std::to_string(folders->size()) + " stanzas: name one in \"stanza\"");
}

// Those of `folders` that hold a folder of that name, without hidden ones (.ssh).
tl::expected<std::vector<std::string>, catalog::Finding> Holding(
    catalog::Place& place, const std::vector<std::string>& folders, const std::string& name,
    const catalog::PlaceContext& context) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < std::min(folders.size(), kMaxServers); ++i) {
    if (folders[i].starts_with('.')) continue;
    const auto inside = FoldersIn(place, folders[i], context);
    if (!inside) return tl::unexpected(inside.error());
    const bool holds =
        std::find(inside->begin(), inside->end(), folders[i] + name) != inside->end();
    if (holds) found.push_back(folders[i]);
  }
  return found;
}

// As the catalog of its backups chooses: Barman's home may be its user's, with whatever else. A
// server of which only WAL is kept counts where none has backups.
Prefix ChooseServer(catalog::Place& place, const std::string& name,
                    const catalog::PlaceContext& context) {
  if (!name.empty()) return name + "/";
  const auto folders = FoldersIn(place, "", context);
  if (!folders) return tl::unexpected(folders.error());
  auto servers = Holding(place, *folders, "base/", context);
  if (servers && servers->empty()) servers = Holding(place, *folders, "wals/", context);
  if (!servers) return tl::unexpected(std::move(servers.error()));
  if (servers->size() == 1) return servers->front();
  if (servers->empty()) {
    return NotThere("no server of Barman has a folder \"base\" or \"wals\" in " +
                    base::Quote(place.Describe()));
  }
  return tl::unexpected(
      catalog::Finding{model::Reason::kConfig, base::Quote(place.Describe()) + " holds " +
                                                   std::to_string(servers->size()) +
                                                   " servers: name one in \"stanza\""});
}

// "archive/main/15-1/": the id behind the dash grows with each upgrade.
Prefix PgBackRest(catalog::Place& place, const std::string& stanza,
                  const catalog::PlaceContext& context) {
  auto main = Choose(place, "archive/", stanza, context);
  if (!main) return main;
  auto folders = FoldersIn(place, *main, context);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  const auto id = [](const std::string& folder) {
    const std::string_view name = std::string_view(folder).substr(0, folder.size() - 1);
    return base::ParseInt(name.substr(name.rfind('-') + 1)).value_or(-1);
  };
  const auto newest =
      std::max_element(folders->begin(), folders->end(),
                       [&](const std::string& a, const std::string& b) { return id(a) < id(b); });
  if (newest == folders->end() || id(*newest) < 0) {
    return NotThere("no archive in " + base::Quote(place.Describe() + "/" + *main));
  }
  return *newest;
}

}  // namespace

Prefix FindWalPrefix(catalog::Place& place, const config::WalArchiveProbe& spec,
                     const catalog::PlaceContext& context) {
  switch (spec.repository) {
    case config::Repository::kNone:
      return "";
    case config::Repository::kPgBackRest:
      return PgBackRest(place, spec.stanza, context);
    case config::Repository::kWalG:
      return "wal_005/";
    case config::Repository::kBarman: {
      auto server = ChooseServer(place, spec.stanza, context);
      if (!server) return server;
      return *server + "wals/";
    }
  }
  return "";
}

}  // namespace drwatch::probes
