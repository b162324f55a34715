// Go's literals: numbers, characters and quoted strings.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "template/value.h"

namespace drwatch::tmpl {

// 1, -0x1F, 0b101, 0o17, 1_000, 1.5e3, 0x1p4: an int, or a float64 where it is written as one.
// Errors: bad syntax, or an integer beyond 64 bits.
base::Result<Value> ParseNumber(const std::string& text);
// 'a': its code point as an int.
base::Result<Value> ParseCharacter(std::string_view text);
// Strips the quotes and resolves escapes; backquoted text stays as it is.
base::Result<std::string> Unquote(std::string_view text);

}  // namespace drwatch::tmpl
