#include "template/template.h"

#include <algorithm>

#include "template/executor.h"
#include "template/parser.h"

namespace drwatch::tmpl {

std::string ParseError::ToString() const {
  return std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

ParseError LocateError(std::string_view text, int offset, std::string message) {
  const std::string_view before = text.substr(0, static_cast<std::size_t>(std::max(offset, 0)));
  const auto line = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(line) + 1, static_cast<int>(before.size() - line_begin) + 1,
          std::move(message)};
}

tl::expected<Template, ParseError> Template::Parse(std::string name, std::string_view text,
                                                   const FunctionTable& functions,
                                                   std::string_view prefix) {
  auto tree = ParseTemplate(std::string(prefix) + std::string(text), functions);
  if (!tree) {
    return tl::unexpected(LocateError(text, tree.error().offset - static_cast<int>(prefix.size()),
                                      tree.error().message));
  }
  return Template(std::move(name), functions, std::make_shared<const Tree>(std::move(*tree)));
}

base::Result<std::string> Template::Execute(const Value& data, const Environment& environment,
                                            MissingKey missing_key) const {
  return Executor({name_, *tree_, *functions_, environment, missing_key}).Run(data);
}

}  // namespace drwatch::tmpl
