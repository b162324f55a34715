#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/strings.h"
#include "config/sections.h"

namespace drwatch::config {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::optional<std::string> Lookup(const std::string& name, const LoadOptions& options) {
  if (options.environment != nullptr) {
    const auto found = options.environment->find(name);
    if (found == options.environment->end()) return std::nullopt;
    return found->second;
  }
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// Anything shorter stands in many messages by chance, and is not much of a secret.
constexpr std::size_t kMinHiddenBytes = 6;

void ReplaceAll(std::string& text, std::string_view from, const std::string& to) {
  if (from.size() < kMinHiddenBytes) return;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

void ExpandScalar(Node& node, const LoadOptions& options, Problems& problems, Variables& used) {
  const std::string_view text = node.scalar;
  if (text.find('$') == std::string_view::npos) return;
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    out += text.substr(at, dollar - at);
    at = dollar;
    if (text.substr(at, 2) == "$$") {
      out += '$';
      at += 2;
    } else if (text.substr(at, 2) == "${") {
      std::size_t end = at + 2;
      while (end < text.size() && IsNameCharacter(text[end])) ++end;
      const std::string name(text.substr(at + 2, end - at - 2));
      if (end >= text.size() || text[end] != '}' || name.empty()) {
        problems.AddError(node.position, "\"${\" without a variable name and \"}\"",
                          "write $${ for a literal ${");
        return;
      }
      const std::optional<std::string> value = Lookup(name, options);
      if (!value) {
        problems.AddError(node.position,
                          "environment variable " + base::Quote(name) + " is not set",
                          "set it, or write $${ for a literal ${");
        return;
      }
      out += *value;
      used.emplace(name, *value);
      node.expanded = true;
      at = end + 1;
    } else if (at < text.size()) {
      out += text[at++];
    }
  }
  node.scalar = std::move(out);
}

}  // namespace

void ExpandEnvironment(Node& node, const LoadOptions& options, Problems& problems,
                       Variables& used) {
  if (node.kind == NodeKind::kScalar) ExpandScalar(node, options, problems, used);
  for (Node& item : node.items) ExpandEnvironment(item, options, problems, used);
  for (auto& [key, value] : node.entries) ExpandEnvironment(value, options, problems, used);
}

std::string WithNames(std::string message, const Variables& used) {
  std::vector<std::pair<std::string, std::string>> longest_first(used.begin(), used.end());
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  for (const auto& [name, value] : longest_first) {
    const std::string shown = "${" + name + "}";
    const std::string quoted = base::Quote(value);
    ReplaceAll(message, value, shown);
    ReplaceAll(message, std::string_view(quoted).substr(1, quoted.size() - 2), shown);
  }
  return message;
}

}  // namespace drwatch::config
