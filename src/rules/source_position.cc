#include "rules/source_position.h"

#include <algorithm>
#include <optional>

namespace drwatch::rules {
namespace {

// Counted from 1; nullopt behind the end.
std::optional<std::string_view> LineOf(std::string_view text, int number) {
  for (; number > 1; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The nth line of a scalar's text.
std::string_view ScalarLine(std::string_view scalar, int line) {
  return LineOf(scalar, line).value_or(std::string_view());
}

// Finds the scalar's line in the lines of the file from `first` on: at `first` + line - 1 in a
// literal block, somewhere below in a folded one.
std::optional<config::Position> FindLine(std::string_view file_text, config::Position at,
                                         std::string_view wanted, int first, int last, int column) {
  for (int number = first; number <= last; ++number) {
    const auto source = LineOf(file_text, number);
    if (!source) return std::nullopt;
    const std::size_t found = source->find(wanted);
    if (found == std::string_view::npos) continue;
    at.line = number;
    at.column = static_cast<int>(found) + column;
    return at;
  }
  return std::nullopt;
}

}  // namespace

config::Position PositionInScalar(std::string_view file_text, const config::Node& scalar, int line,
                                  int column) {
  config::Position at = scalar.position;
  const auto source = LineOf(file_text, at.line);
  if (!source || at.column < 1 || static_cast<std::size_t>(at.column) > source->size() + 1) {
    return at;
  }
  const std::string_view rest = source->substr(static_cast<std::size_t>(at.column) - 1);
  const bool block = rest.starts_with('|') || rest.starts_with('>');
  if (!block) {
    const bool quoted = rest.starts_with('"') || rest.starts_with('\'');
    const std::string_view first_line = ScalarLine(scalar.scalar, 1);
    // Escapes move what follows them, so only text that stands in the file as it is can be found.
    if (line == 1 && !first_line.empty() && rest.substr(quoted ? 1 : 0).starts_with(first_line)) {
      at.column += column - 1 + (quoted ? 1 : 0);
    }
    return at;
  }
  const std::string_view wanted = ScalarLine(scalar.scalar, line);
  if (wanted.empty()) return at;
  const int exact = at.line + line;
  if (const auto found = FindLine(file_text, at, wanted, exact, exact, column)) return *found;
  // A folded block: the character's own line is the one its column falls into.
  int left = column;
  for (int number = at.line + 1; number <= at.line + 1000; ++number) {
    const auto text = LineOf(file_text, number);
    if (!text) break;
    const std::size_t indent = std::min(text->find_first_not_of(' '), text->size());
    const int length = static_cast<int>(text->size() - indent);
    if (left <= length + 1) {
      at.line = number;
      at.column = static_cast<int>(indent) + left;
      return at;
    }
    left -= length + 1;
  }
  return at;
}

}  // namespace drwatch::rules
