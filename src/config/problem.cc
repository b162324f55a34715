#include "config/problem.h"

#include <algorithm>
#include <utility>

namespace drwatch::config {

std::string Position::ToString() const {
  if (line == 0) return file;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string Problem::ToString() const {
  std::string text = position.ToString();
  if (!text.empty()) text += ": ";
  if (kind == Kind::kWarning) text += "warning: ";
  text += message;
  if (!hint.empty()) text += "\n  hint: " + hint;
  return text;
}

void Problems::AddError(Position position, std::string message, std::string hint) {
  all_.push_back({Problem::Kind::kError, std::move(position), std::move(message), std::move(hint)});
}

void Problems::AddWarning(Position position, std::string message, std::string hint) {
  all_.push_back(
      {Problem::Kind::kWarning, std::move(position), std::move(message), std::move(hint)});
}

bool Problems::HasErrors() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Problem& problem) { return problem.kind == Problem::Kind::kError; });
}

}  // namespace drwatch::config
