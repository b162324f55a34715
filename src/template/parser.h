// Template text to a tree.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "template/ast.h"
#include "template/functions.h"

namespace drwatch::tmpl {

inline constexpr int kMaxNestingDepth = 200;

struct SyntaxError {
  int offset = 0;  // bytes into the text
  std::string message;
};

// `functions` are the names the text may call beside Go's own.
tl::expected<Tree, SyntaxError> ParseTemplate(std::string_view text,
                                              const FunctionTable& functions);

}  // namespace drwatch::tmpl
