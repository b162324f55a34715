// Some objects of a place as one set of files: those below a folder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/place.h"
#include "verify/file_set.h"

namespace drwatch::catalog {

// Does not own the objects, which are in the order of names and all begin with `folder` ("", "a/").
class PlaceFiles final : public verify::FileSet {
 public:
  PlaceFiles(Place& place, std::span<const PlaceObject> objects, std::string folder)
      : place_(place), objects_(objects), folder_(std::move(folder)) {}

  bool Has(const std::string& name) const override;
  std::vector<std::string> TopNames() const override;
  verify::Walked<void> Each(const verify::TakeTreeFile& take) const override;
  verify::Walked<verify::OpenedFile> Open(const std::string& name, verify::ReadBudget& budget,
                                          verify::DigestTee* tee) const override;

  // nullptr: there is none of that name.
  const PlaceObject* Find(const std::string& name) const;
  // The newest change of those whose names begin so. nullopt: there are none.
  std::optional<base::Timestamp> Newest(const std::string& prefix) const;
  // Of all of them.
  std::uint64_t Fingerprint() const;

 private:
  Place& place_;
  std::span<const PlaceObject> objects_;
  const std::string folder_;
};

// Changes when the object's name or content does.
std::uint64_t FingerprintOf(const PlaceObject& object);

}  // namespace drwatch::catalog
