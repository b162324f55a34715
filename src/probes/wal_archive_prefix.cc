// Where backup programs keep WAL in their repositories.
#include <algorithm>

#include "base/strings.h"
#include "probes/wal_archive_probe.h"

namespace drwatch::probes {
namespace {

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
      auto server = Choose(place, "", spec.stanza, context);
      if (!server) return server;
      return *server + "wals/";
    }
  }
  return "";
}

}  // namespace drwatch::probes
