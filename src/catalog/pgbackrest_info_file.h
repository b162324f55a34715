// backup.info or archive.info of a pgBackRest stanza with its copy, and the labels of backups. Used
// by pgbackrest_*.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/place.h"
#include "verify/pgbackrest_info.h"

namespace drwatch::catalog {

// What the file says, or its copy where it cannot be used.
struct PgBackRestInfoFile {
  std::uint64_t fingerprint = 0;  // of the file and its copy
  bool encrypted = false;
  std::optional<verify::PgBackRestInfo> content;
  std::optional<Finding> problem;  // of either

  // nullptr: it is not there. What was read is kept while neither changes.
  void Read(Place& place, const PlaceObject* file, const PlaceObject* copy,
            const PlaceContext& context);

 private:
  void ReadOne(Place& place, const PlaceObject& object, const PlaceContext& context);
  void Note(model::Reason reason, const std::string& name, const std::string& message);
};

// "20260101-020000F", and what is made upon it: "20260101-020000F_20260102-020000I".
bool IsPgBackRestLabel(std::string_view text);
// The label of the full backup that it begins with, itself of a full one.
std::string FullLabelOf(const std::string& label);

}  // namespace drwatch::catalog
