#include "model/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace drwatch::model {
namespace {

std::string_view Words(RE2::ErrorCode code) {
  switch (code) {
    case RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case RE2::ErrorBadCharClass:
      return "invalid character class";
    case RE2::ErrorBadCharRange:
      return "invalid character class range";
    case RE2::ErrorMissingBracket:
      return "missing closing ]";
    case RE2::ErrorMissingParen:
      return "missing closing )";
    case RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case RE2::ErrorTrailingBackslash:
      return "trailing backslash";
    case RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
      return "too large when compiled";
    case RE2::NoError:
    case RE2::ErrorInternal:
      break;
  }
  return "cannot be compiled";
}

// Whether a longer expression with the same start could be right.
bool IsUnfinished(RE2::ErrorCode code) {
  return code == RE2::NoError || code == RE2::ErrorMissingParen ||
         code == RE2::ErrorMissingBracket || code == RE2::ErrorTrailingBackslash;
}

// Whether RE2, which reads from left to right, finds nothing wrong before byte `at`: then it
// complains about what is put there, an escape that does not exist.
bool IsFineBefore(std::size_t at, const RE2& refused) {
  const std::string bad = refused.error_arg() == "\\y" ? "\\j" : "\\y";
  RE2::Options options;
  options.Copy(refused.options());
  const RE2 probe(refused.pattern().substr(0, at) + bad, options);
  return IsUnfinished(probe.error_code()) || probe.error_arg() == bad;
}

// RE2 says what is wrong, not where: of the places where that stands, the last one with nothing
// wrong before it.
std::optional<std::size_t> Find(std::string_view wrong, const RE2& refused) {
  std::vector<std::size_t> places;
  if (wrong.empty()) return std::nullopt;
  const std::string_view pattern = refused.pattern();
  for (std::size_t at = pattern.find(wrong); at != std::string_view::npos;
       at = pattern.find(wrong, at + 1)) {
    places.push_back(at);
  }
  const auto after = std::partition_point(places.begin(), places.end(), [&refused](std::size_t at) {
    return IsFineBefore(at, refused);
  });
  if (after == places.begin()) return std::nullopt;
  return *(after - 1);
}

std::optional<std::size_t> PlaceOf(const RE2& refused) {
  const std::size_t size = refused.pattern().size();
  switch (refused.error_code()) {
    case RE2::ErrorMissingParen:
      return size;
    case RE2::ErrorTrailingBackslash:
      return size - 1;
    case RE2::ErrorMissingBracket:  // told with all that follows the bracket
      return size - std::min(size, refused.error_arg().size());
    case RE2::ErrorUnexpectedParen:
      return Find(")", refused);
    default:
      return Find(refused.error_arg(), refused);
  }
}

// From 1, of the byte at `at`.
std::size_t CharacterAt(std::string_view text, std::size_t at, const RE2::Options& options) {
  if (options.encoding() == RE2::Options::EncodingLatin1) return at + 1;
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
  return static_cast<std::size_t>(std::count_if(text.begin(), end, starts)) + 1;
}

}  // namespace

std::string RegexProblem(const RE2& refused) {
  const RE2::ErrorCode code = refused.error_code();
  std::string text(Words(code));
  if (code == RE2::ErrorPatternTooLarge) return text;
  const std::string& wrong = refused.error_arg();
  // Where it is the rest or all of the expression, that would be said twice.
  const bool whole = IsUnfinished(code) || code == RE2::ErrorUnexpectedParen;
  if (!whole && !wrong.empty()) text += " `" + wrong + "`";
  const auto place = PlaceOf(refused);
  if (!place) return text;
  return text + " at character " +
         std::to_string(CharacterAt(refused.pattern(), *place, refused.options()));
}

}  // namespace drwatch::model
