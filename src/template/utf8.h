// Code points of UTF-8 text; a byte that is none decodes as U+FFFD, as in Go.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::tmpl {

inline constexpr char32_t kBadUtf8 = 0xfffd;

// The code point at `at`, which must be inside the text; moves `at` behind it.
char32_t DecodeUtf8(std::string_view text, std::size_t& at);
std::string EncodeUtf8(char32_t c);
std::size_t CodePoints(std::string_view text);
std::string_view FirstCodePoints(std::string_view text, std::size_t count);

// Simple letters and digits of the scripts in common use: enough for identifiers and title().
bool IsLetter(char32_t c);
// Of ASCII, Latin, Greek and Cyrillic letters; others stay as they are.
char32_t ToUpper(char32_t c);
char32_t ToLower(char32_t c);

}  // namespace drwatch::tmpl
