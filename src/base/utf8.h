// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. PostgreSQL
// means the same.
#pragma once

#include <cstddef>
#include <string_view>

namespace drwatch::base {

// A text that arrives in pieces of any size.
class Utf8Stream {
 public:
  static constexpr std::size_t kNone = std::string_view::npos;

  // Where the first byte stands that cannot follow what came before it; kNone if there is none.
  // Nothing may follow such a byte.
  std::size_t Take(std::string_view bytes);
  // False in the middle of a character.
  bool whole() const { return missing_ == 0; }

 private:
  bool Step(unsigned char byte);

  // Of the character that is not whole yet: bytes that are missing, and what the next one may be.
  int missing_ = 0;
  unsigned char lowest_ = 0;
  unsigned char highest_ = 0;
};

}  // namespace drwatch::base
