#include "template/value.h"

#include <algorithm>

namespace drwatch::tmpl {
namespace {

template <typename T>
const T* Shared(const Value& value) {
  const auto* held = std::get_if<std::shared_ptr<const T>>(&value.data);
  return held == nullptr ? nullptr : held->get();
}

struct NameOfType {
  std::string operator()(std::monostate) const { return "nil"; }
  std::string operator()(bool) const { return "bool"; }
  std::string operator()(std::int64_t) const { return "int"; }
  std::string operator()(std::uint64_t) const { return "uint64"; }
  std::string operator()(double) const { return "float64"; }
  std::string operator()(const std::string&) const { return "string"; }
  std::string operator()(const std::shared_ptr<const List>& list) const { return list->type; }
  std::string operator()(const std::shared_ptr<const Map>& map) const {
    return map->missing == Map::Missing::kEmptyString ? "map[string]string"
                                                      : "map[string]interface {}";
  }
  std::string operator()(const std::shared_ptr<const Struct>& value) const { return value->type; }
  std::string operator()(Time) const { return "time.Time"; }
  std::string operator()(Duration) const { return "time.Duration"; }
};

struct Truth {
  bool operator()(std::monostate) const { return false; }
  bool operator()(bool value) const { return value; }
  bool operator()(std::int64_t value) const { return value != 0; }
  bool operator()(std::uint64_t value) const { return value != 0; }
  bool operator()(double value) const { return value != 0; }
  bool operator()(const std::string& value) const { return !value.empty(); }
  bool operator()(const std::shared_ptr<const List>& list) const { return !list->items.empty(); }
  bool operator()(const std::shared_ptr<const Map>& map) const { return !map->entries.empty(); }
  bool operator()(const std::shared_ptr<const Struct>&) const { return true; }
  bool operator()(Time) const { return true; }
  bool operator()(Duration value) const { return value.nanos != 0; }
};

// Sums stay below 2^64: each summand is at most the limit or the size of a real string.
void Include(Extent& extent, std::size_t name_bytes, const Value& part) {
  const Extent inner = part.extent();
  extent.bytes = std::min(extent.bytes + name_bytes + inner.bytes + 1, 2 * kMaxValueBytes);
  extent.depth = std::max(extent.depth, inner.depth + 1);
}

struct Measure {
  Extent operator()(const std::string& text) const { return {text.size(), 0}; }
  Extent operator()(const std::shared_ptr<const List>& list) const { return list->extent; }
  Extent operator()(const std::shared_ptr<const Map>& map) const { return map->extent; }
  Extent operator()(const std::shared_ptr<const Struct>& value) const { return value->extent; }
  template <typename T>
  Extent operator()(const T&) const {
    return {sizeof(T), 0};
  }
};

}  // namespace

Value Value::Of(List list) {
  list.extent = {1, 1};
  for (const Value& item : list.items) Include(list.extent, 0, item);
  return {Data(std::make_shared<const List>(std::move(list)))};
}

Value Value::Of(Map map) {
  map.extent = {1, 1};
  for (const auto& [name, entry] : map.entries) Include(map.extent, name.size(), entry);
  return {Data(std::make_shared<const Map>(std::move(map)))};
}

Value Value::Of(Struct structure) {
  structure.extent = {1, 1};
  for (const auto& [name, field] : structure.fields) Include(structure.extent, name.size(), field);
  return {Data(std::make_shared<const Struct>(std::move(structure)))};
}

Extent Value::extent() const { return std::visit(Measure(), data); }
Value Value::Of(base::Timestamp time) { return Of(Time{base::ToUnixMillis(time) * 1'000'000}); }

const List* Value::AsList() const { return Shared<List>(*this); }
const Map* Value::AsMap() const { return Shared<Map>(*this); }
const Struct* Value::AsStruct() const { return Shared<Struct>(*this); }

std::string Value::TypeName() const { return std::visit(NameOfType(), data); }
bool Value::IsTrue() const { return std::visit(Truth(), data); }

}  // namespace drwatch::tmpl
