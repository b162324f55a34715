#include "catalog/barman_names.h"

#include <utility>

#include "base/strings.h"
#include "catalog/repository_trees.h"
#include "verify/decoder.h"

namespace drwatch::catalog {
namespace {

constexpr std::string_view kData = "data/";
constexpr std::string_view kOldData = "pgdata/";  // before Barman 1.3

// A note of Barman's own: somebody deletes the backup just now.
constexpr std::string_view kDeleteNote = "delete_this";

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// ".tar", ".tar.gz" ...; an encrypted one has ".gpg" behind it.
bool IsTarEnding(std::string_view ending) {
  if (ending.ends_with(".gpg")) ending.remove_suffix(4);
  if (!ending.starts_with(".tar")) return false;
  const std::string_view packing = ending.substr(4);
  return packing.empty() || verify::CompressionOfName(packing).has_value();
}

}  // namespace

std::string LastPartOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string LastFolderOf(const std::string& folder) {
  return LastPartOf(folder.substr(0, folder.size() - 1));
}

std::uint64_t LookAtBarman(std::string_view name) {
  constexpr std::string_view kNotes = "annotations/";
  if (name.starts_with(kNotes)) {
    return name.substr(kNotes.size()) == kDeleteNote ? kBarmanDeleted | kLeftOut : kLeftOut;
  }
  if (name == "backup.info") return kBarmanInfo;
  if (name.starts_with("data.tar")) return kBarmanCloudTar;
  if (!name.starts_with(kData) && !name.starts_with(kOldData)) return 0;
  const std::string_view inner = name.substr(name.find('/') + 1);
  if (inner == "PG_VERSION") return kBarmanPlain;
  if (inner == "global/pg_control") return kBarmanControl;
  return inner.starts_with("base.tar") ? kBarmanBaseTar : 0;
}

std::optional<BarmanMetaName> ParseBarmanMeta(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == name.npos || dash == 0 || name.starts_with('.')) return std::nullopt;
  BarmanMetaName parsed{std::string(name.substr(0, dash)), 0};
  const std::string_view what = name.substr(dash + 1);
  if (what == "backup.info") parsed.marks = kBarmanInfo;
  if (what == kDeleteNote) parsed.marks = kBarmanDeleted;
  return parsed.marks == 0 ? std::nullopt : std::optional(std::move(parsed));
}

std::optional<CloudTarName> ParseCloudTar(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == name.npos || !IsTarEnding(name.substr(dot))) return std::nullopt;
  CloudTarName parsed;
  std::string_view stem = name.substr(0, dot);
  if (const std::size_t line = stem.find('_'); line != stem.npos) {
    const auto number = base::ParseInt(stem.substr(line + 1));
    if (!IsNumber(stem.substr(line + 1)) || !number || *number < 1 || *number > 1'000'000) {
      return std::nullopt;
    }
    parsed.number = static_cast<int>(*number);
    stem = stem.substr(0, line);
  }
  if (stem != "data" && !IsNumber(stem)) return std::nullopt;
  parsed.stem = stem;
  return parsed;
}

std::string NameInDataFolder(std::string_view name) {
  for (const std::string_view folder : {kData, kOldData}) {
    if (name.starts_with(folder)) return std::string(name.substr(folder.size()));
  }
  const std::size_t slash = name.find('/');
  const bool tablespace = slash != name.npos && IsNumber(name.substr(0, slash));
  return tablespace ? "pg_tblspc/" + std::string(name) : std::string();
}

}  // namespace drwatch::catalog
