#include "config/read_repository.h"

#include <array>
#include <cstdlib>

#include "base/strings.h"
#include "config/reading.h"

namespace drwatch::config {

std::string_view RepositoryName(Repository repository) {
  switch (repository) {
    case Repository::kNone:
      return {};
    case Repository::kPgBackRest:
      return "pgbackrest";
    case Repository::kWalG:
      return "wal-g";
    case Repository::kBarman:
      return "barman";
  }
  std::abort();
}

void GetRepository(MapReader& reader, Repository& repository, std::string& stanza) {
  constexpr std::array kAll = {Repository::kPgBackRest, Repository::kWalG, Repository::kBarman};
  std::vector<std::string> names;
  for (const Repository one : kAll) names.emplace_back(RepositoryName(one));
  std::string name;
  GetChoice(reader, "repository", names, name);
  for (const Repository one : kAll) {
    if (RepositoryName(one) == name) repository = one;
  }
  GetName(reader, "stanza", stanza);
  if (stanza.empty() || repository == Repository::kPgBackRest ||
      repository == Repository::kBarman) {
    return;
  }
  const bool none = repository == Repository::kNone;
  reader.Error(*reader.Take("stanza"),
               none
                   ? "\"stanza\" without a \"repository\" means nothing"
                   : "\"stanza\" means nothing of a WAL-G repository: each has a prefix of its own",
               none ? "pgbackrest or barman" : "name the prefix in \"path\"");
}

void CheckRepositoryKeys(MapReader& reader, const BackupProbe& probe) {
  if (probe.repository == Repository::kNone) return;
  for (const std::string_view key : {"pattern", "recursive", "quiet_time", "require_checksum"}) {
    const Node* node = reader.Take(key);
    if (node == nullptr) continue;
    reader.Error(*node, base::Quote(key) + " means nothing with a \"repository\"",
                 "its program says which backups there are, when they are finished and what they "
                 "hash to");
  }
  const bool known = probe.kind.empty() || probe.kind == "full" || probe.kind == "differential" ||
                     probe.kind == "incremental";
  if (!known) {
    reader.Error(*reader.Take("kind"),
                 "\"kind\" with a \"repository\" is full, differential or incremental");
  }
}

}  // namespace drwatch::config
