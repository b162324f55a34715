#include "catalog/place_files.h"

#include <algorithm>

#include "catalog/artefact_names.h"

namespace drwatch::catalog {
namespace {

auto LowerBound(std::span<const PlaceObject> objects, const std::string& name) {
  return std::lower_bound(
      objects.begin(), objects.end(), name,
      [](const PlaceObject& object, const std::string& value) { return object.name < value; });
}

}  // namespace

const PlaceObject* PlaceFiles::Find(const std::string& name) const {
  const std::string whole = folder_ + name;
  const auto found = LowerBound(objects_, whole);
  return found != objects_.end() && found->name == whole ? &*found : nullptr;
}

bool PlaceFiles::Has(const std::string& name) const {
  if (Find(name) != nullptr) return true;
  const std::string below = folder_ + name + "/";
  const auto found = LowerBound(objects_, below);
  return found != objects_.end() && found->name.starts_with(below);
}

std::vector<std::string> PlaceFiles::TopNames() const {
  std::vector<std::string> names;
  for (const PlaceObject& object : objects_) {
    const std::size_t slash = object.name.find('/', folder_.size());
    std::string name = object.name.substr(folder_.size(), slash - folder_.size());
    const bool known = slash != std::string::npos && !names.empty() && names.back() == name;
    if (!known && !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

verify::Walked<void> PlaceFiles::Each(const verify::TakeTreeFile& take) const {
  for (const PlaceObject& object : objects_) {
    const verify::TreeFile file{object.name.substr(folder_.size()), object.size_bytes,
                                FingerprintOf(object)};
    if (!take(file)) break;
  }
  return {};
}

verify::Walked<verify::OpenedFile> PlaceFiles::Open(const std::string& name,
                                                    verify::ReadBudget& budget,
                                                    verify::DigestTee* tee) const {
  const PlaceObject* const object = Find(name);
  if (object == nullptr) return verify::Unjudged(model::Reason::kNotFound, "it is not there");
  auto source = place_.Open(object->name, budget, tee);
  if (!source) return tl::unexpected(std::move(source.error()));
  return verify::OpenedFile{*std::move(source), object->size_bytes};
}

std::optional<base::Timestamp> PlaceFiles::Newest(const std::string& prefix) const {
  std::optional<base::Timestamp> newest;
  for (const PlaceObject& object : objects_) {
    const bool meant = std::string_view(object.name).substr(folder_.size()).starts_with(prefix);
    if (meant) newest = std::max(newest, std::optional(object.modified));
  }
  return newest;
}

std::uint64_t PlaceFiles::Fingerprint() const {
  std::uint64_t sum = 0;
  for (const PlaceObject& object : objects_) sum += FingerprintOf(object);
  return sum;
}

std::uint64_t FingerprintOf(const PlaceObject& object) {
  return StampOf(object.name + "\n" + std::to_string(object.fingerprint));
}

}  // namespace drwatch::catalog
