#include "catalog/pgbackrest_info_file.h"

#include <utility>

#include "base/strings.h"
#include "catalog/place_files.h"
#include "verify/pgbackrest_ini.h"
#include "verify/source.h"

namespace drwatch::catalog {
namespace {

using model::Reason;

constexpr std::size_t kFullLabel = 16;
constexpr std::size_t kLongLabel = 2 * kFullLabel + 1;

bool IsTimeAndKind(std::string_view text, std::string_view kinds) {
  if (text.size() != kFullLabel || text[8] != '-' || kinds.find(text[15]) == kinds.npos) {
    return false;
  }
  return text.substr(0, 8).find_first_not_of("0123456789") == text.npos &&
         text.substr(9, 6).find_first_not_of("0123456789") == text.npos;
}

}  // namespace

bool IsPgBackRestLabel(std::string_view text) {
  if (text.size() == kFullLabel) return IsTimeAndKind(text, "F");
  return text.size() == kLongLabel && text[kFullLabel] == '_' &&
         IsTimeAndKind(text.substr(0, kFullLabel), "F") &&
         IsTimeAndKind(text.substr(kFullLabel + 1), "DI");
}

std::string FullLabelOf(const std::string& label) { return label.substr(0, kFullLabel); }

// The first problem counts.
void PgBackRestInfoFile::Note(Reason reason, const std::string& name, const std::string& message) {
  if (!problem) problem = Finding{reason, base::Quote(name) + ": " + message};
}

void PgBackRestInfoFile::ReadOne(Place& place, const PlaceObject& object,
                                 const PlaceContext& context) {
  const auto text = place.Read(object.name, verify::kMaxInfoBytes, context);
  if (!text) {
    Note(text.error().reason, object.name, text.error().message);
    fingerprint = 0;
    return;
  }
  if (verify::IsPgBackRestEncrypted(*text)) {
    encrypted = true;
    return;
  }
  verify::MemorySource source(*text);
  verify::Reader reader(source);
  auto read = verify::ReadPgBackRestInfo(reader);
  if (!read) {
    // Cut off is damaged as well: nothing of it is on its way.
    const bool cut = read.error().reason == Reason::kIncomplete;
    Note(cut ? Reason::kCorrupt : read.error().reason, object.name, read.error().message);
  } else if (!content) {
    content = std::move(*read);
  }
}

void PgBackRestInfoFile::Read(Place& place, const PlaceObject* file, const PlaceObject* copy,
                              const PlaceContext& context) {
  std::uint64_t now = 1;
  for (const PlaceObject* one : {file, copy}) {
    if (one != nullptr) now += FingerprintOf(*one);
  }
  if (fingerprint == now && content) return;
  *this = PgBackRestInfoFile();
  fingerprint = now;
  for (const PlaceObject* one : {file, copy}) {
    if (one != nullptr) ReadOne(place, *one, context);
    if (encrypted) return;
  }
  if (!content) return;
  if (file == nullptr) Note(Reason::kIncomplete, copy->name, "only the copy is left");
  if (copy == nullptr) Note(Reason::kIncomplete, file->name, "its copy is missing");
}

}  // namespace drwatch::catalog
