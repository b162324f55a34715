// Named templates that many texts use: the {{define}}s of files, as Alertmanager's `templates`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "template/template.h"

namespace drwatch::tmpl {

struct Node;

// A value; built by one thread, then read by any.
class Library {
 public:
  // Adds what `text` defines, and the text itself under `name` (a file's name without its folder).
  // A name that is there already means the newer one. `functions` as for Template::Parse.
  tl::expected<void, ParseError> Add(const std::string& name, std::string_view text,
                                     const FunctionTable& functions);

  struct Entry {
    std::shared_ptr<const Tree> tree;  // owns `body`
    const Node* body = nullptr;
    std::string source;  // the name given to Add(), for messages
  };
  // nullptr if nobody defined it.
  const Entry* Find(std::string_view name) const;

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace drwatch::tmpl
