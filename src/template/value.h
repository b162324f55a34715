// What a template calculates with: Go's basic kinds, lists, maps, structures, times and durations.
//
// Values are immutable and cheap to copy (lists, maps and structures are shared); any thread may
// read one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace date {
class time_zone;
}

namespace drwatch::tmpl {

struct Function;  // functions.h
using FunctionTable = std::map<std::string, Function, std::less<>>;

struct Value;
using Values = std::vector<Value>;

// Nanoseconds, as Go's time package counts.
struct Time {
  std::int64_t nanos = 0;                 // since 1970-01-01 UTC
  const date::time_zone* zone = nullptr;  // where it is shown; nullptr: UTC
};
struct Duration {
  std::int64_t nanos = 0;
};

// Limits that keep printing and destroying a value cheap, however a template nested it.
inline constexpr std::size_t kMaxValueBytes = 16 << 20;  // counted as often as it would be printed
inline constexpr int kMaxValueDepth = 100;

struct Extent {
  std::size_t bytes = 0;
  int depth = 0;
};

struct List {
  Values items;
  std::string type = "[]interface {}";     // for messages
  const FunctionTable* methods = nullptr;  // called with the list as their first argument
  Extent extent{};                         // set by Value::Of
};
struct Map {
  std::map<std::string, Value> entries;
  enum class Missing { kNoValue, kEmptyString };  // what a key that is not there yields
  Missing missing = Missing::kNoValue;
  const FunctionTable* methods = nullptr;
  Extent extent{};
};
// Named fields in order; a field that does not exist is an error of the template.
struct Struct {
  std::string type;  // for messages
  std::vector<std::pair<std::string, Value>> fields;
  const FunctionTable* methods = nullptr;
  Extent extent{};
};

struct Value {
  using Data = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                            std::shared_ptr<const List>, std::shared_ptr<const Map>,
                            std::shared_ptr<const Struct>, Time, Duration>;
  Data data;  // monostate: no value

  static Value Bool(bool value) { return {Data(value)}; }
  static Value Int(std::int64_t value) { return {Data(value)}; }
  static Value Uint(std::uint64_t value) { return {Data(value)}; }
  static Value Float(double value) { return {Data(value)}; }
  static Value String(std::string value) { return {Data(std::move(value))}; }
  static Value Of(List list);
  static Value Of(Map map);
  static Value Of(Struct structure);
  static Value Of(Time time) { return {Data(time)}; }
  static Value Of(Duration duration) { return {Data(duration)}; }
  static Value Of(base::Timestamp time);
  // A map[string]string, whose missing keys read as "".
  template <typename Pairs>
  static Value StringMap(const Pairs& pairs) {
    Map map;
    map.missing = Map::Missing::kEmptyString;
    for (const auto& [name, value] : pairs) {
      map.entries.emplace(std::string(name), String(std::string(value)));
    }
    return Of(std::move(map));
  }

  bool has_value() const { return !std::holds_alternative<std::monostate>(data); }
  // nullptr if it is of another kind.
  const std::string* AsString() const { return std::get_if<std::string>(&data); }
  const List* AsList() const;
  const Map* AsMap() const;
  const Struct* AsStruct() const;

  Extent extent() const;
  // Go's name of the type: "float64", "map[string]string", "*template.sample".
  std::string TypeName() const;
  // What `if` sees: false, 0, "", an empty list or map and no value are false.
  bool IsTrue() const;
};

}  // namespace drwatch::tmpl
