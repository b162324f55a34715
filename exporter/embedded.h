// Files of the source tree that the program carries with it: the built-in rules and the runbooks.
#pragma once

#include <span>
#include <string_view>

namespace drwatch::exporter {

struct EmbeddedFile {
  std::string_view name;  // "database.yml", "DatabaseDown.md"
  std::string_view contents;
};

std::span<const EmbeddedFile> BuiltinRuleFiles();
std::span<const EmbeddedFile> Runbooks();

}  // namespace drwatch::exporter
