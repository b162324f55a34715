#include <algorithm>
#include <limits>

#include "base/duration.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "config/hint.h"
#include "config/node.h"

namespace drwatch::config {
namespace {

// How much of a wrong value a message repeats.
constexpr std::size_t kMaxQuotedBytes = 80;

std::string_view KindName(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull:
      return "nothing";
    case NodeKind::kScalar:
      return "a single value";
    case NodeKind::kSequence:
      return "a list";
    case NodeKind::kMap:
      return "a map";
  }
  return "";
}

std::string Quoted(const Node& node) {
  if (node.expanded) return "a value from the environment";
  return base::Quote(base::Truncate(node.scalar, kMaxQuotedBytes));
}

// Inside { } and [ ] a ${NAME} needs quotes, so what comes from the environment may be a number in
// quotes.
bool IsTyped(const Node& node) { return node.plain || node.expanded; }

// Only words that cannot be anything else (YAML 1.2's core schema): "yes", "no", "on" and "off" are
// refused instead of being guessed.
std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

}  // namespace

MapReader::MapReader(const Node& node, Problems& problems, std::string what)
    : node_(node), problems_(problems), what_(std::move(what)) {
  if (node.kind != NodeKind::kMap) {
    Error(node, what_ + " must be a map of keys and values, not " + std::string(KindName(node)));
  }
}

bool MapReader::Has(std::string_view key) { return Take(key) != nullptr; }

const Node* MapReader::Take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return node_.Find(key);
}

const Node* MapReader::Require(std::string_view key) {
  const Node* node = Take(key);
  if (node == nullptr && node_.kind == NodeKind::kMap) {
    Error(node_, what_ + " needs the key " + base::Quote(key));
  }
  return node;
}

void MapReader::Refuse(std::string_view key, std::string reason, std::string hint) {
  const auto found = std::find_if(node_.entries.begin(), node_.entries.end(),
                                  [key](const auto& entry) { return entry.key.scalar == key; });
  if (found == node_.entries.end()) return;
  refused_.emplace_back(key);
  Error(found->key, base::Quote(key) + " in " + what_ + " " + std::move(reason), std::move(hint));
}

const Node* MapReader::TakeScalar(std::string_view key, std::string_view wanted) {
  const Node* node = Take(key);
  if (node == nullptr || node->kind == NodeKind::kScalar) return node;
  Error(*node, base::Quote(key) + " must be " + std::string(wanted) + ", not " +
                   std::string(KindName(*node)));
  return nullptr;
}

void MapReader::WrongValue(std::string_view key, const Node& node, std::string_view wanted,
                           std::string hint) {
  Error(node, base::Quote(key) + " must be " + std::string(wanted) + ", not " + Quoted(node),
        std::move(hint));
}

void MapReader::Get(std::string_view key, std::string& out) {
  if (const Node* node = TakeScalar(key, "text")) out = node->scalar;
}

void MapReader::Get(std::string_view key, bool& out) {
  const Node* node = TakeScalar(key, "true or false");
  if (node == nullptr) return;
  const std::optional<bool> value = ParseBool(node->scalar);
  if (value && IsTyped(*node)) {
    out = *value;
  } else {
    WrongValue(key, *node, "true or false", value ? "write it without quotes" : "");
  }
}

void MapReader::Get(std::string_view key, int& out) {
  const Node* node = TakeScalar(key, "a whole number");
  if (node == nullptr) return;
  const std::optional<std::int64_t> value = base::ParseInt(node->scalar);
  if (!value || !IsTyped(*node) || *value < std::numeric_limits<int>::min() ||
      *value > std::numeric_limits<int>::max()) {
    WrongValue(key, *node, "a whole number",
               value && !IsTyped(*node) ? "write it without quotes" : "");
    return;
  }
  out = static_cast<int>(*value);
}

void MapReader::Get(std::string_view key, double& out) {
  const Node* node = TakeScalar(key, "a number");
  if (node == nullptr) return;
  const std::optional<double> value = base::ParseDouble(node->scalar);
  if (!value || !IsTyped(*node)) {
    WrongValue(key, *node, "a number", value ? "write it without quotes" : "");
    return;
  }
  out = *value;
}

void MapReader::GetDuration(std::string_view key, base::Duration& out) {
  std::optional<base::Duration> value;
  GetDuration(key, value);
  if (value) out = *value;
}

void MapReader::GetDuration(std::string_view key, std::optional<base::Duration>& out) {
  const Node* node = TakeScalar(key, "a duration");
  if (node == nullptr) return;
  if (const base::Result<base::Duration> value = base::ParseDuration(node->scalar)) {
    out = *value;
  } else {
    WrongValue(key, *node, "a duration", "such as 30s, 15m, 1h30m or 7d");
  }
}

void MapReader::GetSize(std::string_view key, std::int64_t& out) {
  const Node* node = TakeScalar(key, "a size");
  if (node == nullptr) return;
  if (const base::Result<std::int64_t> value = base::ParseSize(node->scalar)) {
    out = *value;
  } else {
    WrongValue(key, *node, "a size", "such as 512, 64KiB, 1MiB or 10GB");
  }
}

void MapReader::Get(std::string_view key, std::vector<std::string>& out) {
  const Node* node = Take(key);
  if (node == nullptr || node->kind == NodeKind::kNull) return;
  if (node->kind != NodeKind::kSequence) {
    Error(*node, base::Quote(key) + " must be a list, not " + std::string(KindName(*node)),
          "write [a, b], or one item a line after \"- \"");
    return;
  }
  std::vector<std::string> values;
  for (const Node& item : node->items) {
    if (item.kind == NodeKind::kScalar) {
      values.push_back(item.scalar);
    } else {
      Error(item,
            "an item of " + base::Quote(key) + " must be text, not " + std::string(KindName(item)));
    }
  }
  out = std::move(values);
}

void MapReader::Get(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) {
  const Node* node = Take(key);
  if (node == nullptr || node->kind == NodeKind::kNull) return;
  if (node->kind != NodeKind::kMap) {
    Error(*node, base::Quote(key) + " must be a map, not " + std::string(KindName(*node)));
    return;
  }
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& [name, value] : node->entries) {
    if (value.kind == NodeKind::kScalar) {
      values.emplace_back(name.scalar, value.scalar);
    } else {
      Error(value, base::Quote(name.scalar) + " in " + base::Quote(key) + " must be text, not " +
                       std::string(KindName(value)));
    }
  }
  out = std::move(values);
}

void MapReader::Error(const Node& at, std::string message, std::string hint) {
  problems_.AddError(at.position, std::move(message), std::move(hint));
}

void MapReader::Finish() {
  for (const auto& [key, value] : node_.entries) {
    if (std::find(known_.begin(), known_.end(), key.scalar) != known_.end()) continue;
    if (std::find(refused_.begin(), refused_.end(), key.scalar) != refused_.end()) continue;
    Error(
        key,
        "unknown key " + base::Quote(base::Truncate(key.scalar, kMaxQuotedBytes)) + " in " + what_,
        NameHint(key.scalar, known_, "keys"));
  }
}

}  // namespace drwatch::config
