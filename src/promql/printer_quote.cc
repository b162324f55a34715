#include "promql/printer_quote.h"

#include <cstdint>

#include "base/strings.h"

namespace drwatch::promql {
namespace {

// The bytes of the character at the front; 0 if it is not UTF-8.
std::size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return bytes <= text.size() && base::IsValidUtf8(text.substr(0, bytes)) ? bytes : 0;
}

std::uint32_t CodePoint(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  std::uint32_t code = first & (0xffU >> (character.size() + 1));
  for (const char c : character.substr(1))
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
  return code;
}

// Controls, blanks other than the space, invisible marks and private use.
bool IsPrintable(std::uint32_t code) {
  struct Span {
    std::uint32_t first, last;
  };
  constexpr Span kUnprintable[] = {
      {0, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},     {0x1680, 0x1680},   {0x180e, 0x180e},
      {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},   {0xe000, 0xf8ff},
      {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff}};
  for (const Span span : kUnprintable) {
    if (code >= span.first && code <= span.last) return false;
  }
  return true;
}

void AppendHex(std::string& text, std::uint32_t code, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[code >> shift & 15];
  }
}

void AppendEscape(std::string& text, std::uint32_t code) {
  constexpr std::string_view kNamed = "abtnvfr";  // 7 to 13
  text += '\\';
  if (code >= 7 && code <= 13) {
    text += kNamed[code - 7];
  } else if (code < 0x80) {
    text += 'x';
    AppendHex(text, code, 2);
  } else if (code < 0x10000) {
    text += 'u';
    AppendHex(text, code, 4);
  } else {
    text += 'U';
    AppendHex(text, code, 8);
  }
}

}  // namespace

std::string QuoteString(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t bytes = CharacterBytes(text);
    if (bytes == 0) {
      quoted += "\\x";
      AppendHex(quoted, static_cast<unsigned char>(text[0]), 2);
      text.remove_prefix(1);
      continue;
    }
    const std::uint32_t code = CodePoint(text.substr(0, bytes));
    if (code == '"' || code == '\\') {
      quoted += {'\\', text[0]};
    } else if (IsPrintable(code)) {
      quoted += text.substr(0, bytes);
    } else {
      AppendEscape(quoted, code);
    }
    text.remove_prefix(bytes);
  }
  return quoted + "\"";
}

}  // namespace drwatch::promql
