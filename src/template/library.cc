#include "template/library.h"

#include "template/parser.h"

namespace drwatch::tmpl {

tl::expected<void, ParseError> Library::Add(const std::string& name, std::string_view text,
                                            const FunctionTable& functions) {
  auto parsed = ParseTemplate(text, functions);
  if (!parsed)
    return tl::unexpected(LocateError(text, parsed.error().offset, parsed.error().message));
  const auto tree = std::make_shared<const Tree>(std::move(*parsed));
  entries_[name] = {tree, tree->root.get(), name};
  for (const auto& [defined, body] : tree->defined) entries_[defined] = {tree, body.get(), name};
  return {};
}

const Library::Entry* Library::Find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace drwatch::tmpl
