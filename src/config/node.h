// YAML as a tree that knows where each part stands, and a reader that turns it into typed values.
//
// The only place that knows yaml-cpp is node.cc. Trees are values; any thread may read one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "config/problem.h"

namespace drwatch::config {

enum class NodeKind { kNull, kScalar, kSequence, kMap };

struct MapEntry;

struct Node {
  NodeKind kind = NodeKind::kNull;
  Position position;
  std::string scalar;  // text of a scalar as YAML gives it
  bool plain = false;  // a scalar without quotes: only such a one is a number, a boolean or null
  // Part of the scalar came from the environment: it may be a secret, and a number even in quotes.
  bool expanded = false;
  std::vector<Node> items;
  std::vector<MapEntry> entries;  // a map's, in the order of the file; keys are scalars

  // The value of `key` in a map, or nullptr.
  const Node* Find(std::string_view key) const;
};

struct MapEntry {
  Node key;
  Node value;
};

struct YamlLimits {
  // Both count what aliases repeat, so that a bomb stays small.
  std::size_t max_bytes = 16 << 20;  // of the text, and of all scalars
  std::size_t max_nodes = 1'000'000;
  int max_depth = 64;
};

// Parses the first document. Adds an error for bad YAML, bytes that are no text, a duplicate key,
// an alias loop, a key that is no scalar, or a limit, and then returns nullopt. A second document
// is a warning. An empty file is a null node. Merge keys ("<<: *base") are merged; tags beyond
// YAML's own are errors.
std::optional<Node> ParseYaml(std::string_view text, const std::string& file, Problems& problems,
                              const YamlLimits& limits = {});

// Reads one map key by key. Each getter adds an error where the value has the wrong type and then
// leaves `out` alone; a missing key leaves it alone, too. Finish() adds an error for every key
// nobody asked for, with the nearest known name as the hint. Usage: MapReader reader(node,
// problems, "probe"); reader.Get("url", probe.url); reader.Finish();
class MapReader {
 public:
  // `what` names the thing in messages ("probe", "route"). A node that is not a map is an error,
  // and every getter then finds nothing.
  MapReader(const Node& node, Problems& problems, std::string what);

  bool Has(std::string_view key);
  // Marks the key as known and returns its node, or nullptr.
  const Node* Take(std::string_view key);
  // As Take; a missing key is an error.
  const Node* Require(std::string_view key);

  // An error if the key is there; it is not among the known ones in hints.
  void Refuse(std::string_view key, std::string reason, std::string hint = {});

  void Get(std::string_view key, std::string& out);
  void Get(std::string_view key, bool& out);
  void Get(std::string_view key, int& out);
  void Get(std::string_view key, double& out);
  void GetDuration(std::string_view key, base::Duration& out);
  void GetDuration(std::string_view key, std::optional<base::Duration>& out);
  void GetSize(std::string_view key, std::int64_t& out);
  void Get(std::string_view key, std::vector<std::string>& out);  // a list of scalars
  void Get(std::string_view key,
           std::vector<std::pair<std::string, std::string>>& out);  // a map of scalars

  // The problem list and the place, for checks of the caller's own.
  void Error(const Node& at, std::string message, std::string hint = {});
  const Position& position() const { return node_.position; }
  const Node& node() const { return node_; }
  Problems& problems() const { return problems_; }
  void Finish();

 private:
  const Node* TakeScalar(std::string_view key, std::string_view wanted);
  void WrongValue(std::string_view key, const Node& node, std::string_view wanted,
                  std::string hint);

  const Node& node_;
  Problems& problems_;
  std::string what_;
  std::vector<std::string> known_;
  std::vector<std::string> refused_;
};

}  // namespace drwatch::config
