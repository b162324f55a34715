#include "config/matcher_parser.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"

namespace drwatch::config {
namespace {

using Matchers = std::vector<model::Matcher>;

struct Operator {
  std::string_view text;
  model::MatchType type;
};
// The two-character ones first.
constexpr Operator kOperators[] = {{"=~", model::MatchType::kRegex},
                                   {"!~", model::MatchType::kNotRegex},
                                   {"!=", model::MatchType::kNotEqual},
                                   {"=", model::MatchType::kEqual}};

const Operator* OperatorAt(std::string_view text) {
  for (const Operator& candidate : kOperators) {
    if (text.starts_with(candidate.text)) return &candidate;
  }
  return nullptr;
}

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameCharacter(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

tl::unexpected<base::Error> BadFormat(std::string_view text) {
  return base::Fail("bad matcher " + base::Quote(text),
                    "write it like severity=\"critical\" or team=~\"dba|infra\"");
}

// \n, \" and \\ are escapes; any other backslash stands for itself.
base::Result<std::string> ClassicValue(std::string_view raw) {
  const std::string_view whole = raw;
  const bool quoted = raw.starts_with('"');
  if (quoted) raw.remove_prefix(1);
  bool closed = !quoted;
  std::string value;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool last = i + 1 == raw.size();
    if (raw[i] == '\\' && !last) {
      const char next = raw[++i];
      if (next == 'n') {
        value += '\n';
      } else {
        if (next != '"' && next != '\\') value += '\\';
        value += next;
      }
    } else if (raw[i] == '"') {
      if (!quoted || !last) closed = false;
      if (!quoted || !last) break;
      closed = true;
    } else {
      value += raw[i];
    }
  }
  if (!closed) return base::Fail("unescaped double quote in matcher value " + base::Quote(whole));
  return value;
}

base::Result<model::Matcher> ClassicMatcher(std::string_view text) {
  const std::string_view trimmed = TrimSpace(text);
  std::size_t at = 0;
  while (at < trimmed.size() && IsNameCharacter(trimmed[at])) ++at;
  const std::string_view name = trimmed.substr(0, at);
  const std::string_view rest = TrimSpace(trimmed.substr(at));
  const Operator* op = OperatorAt(rest);
  if (name.empty() || !IsNameStart(name.front()) || op == nullptr) return BadFormat(text);
  base::Result<std::string> value = ClassicValue(TrimSpace(rest.substr(op->text.size())));
  if (!value) return base::Fail(value.error());
  return model::Matcher::Make(op->type, std::string(name), std::move(*value));
}

// Parts between commas that stand outside quotes.
std::vector<std::string_view> SplitClassic(std::string_view text) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  bool escaped = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',' && !quoted) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
    if (text[i] == '"' && !escaped) quoted = !quoted;
    escaped = text[i] == '\\' && !escaped;
  }
  // A comma at the end is allowed.
  if (!TrimSpace(text.substr(begin)).empty()) parts.push_back(text.substr(begin));
  return parts;
}

void AppendUtf8(std::uint32_t rune, std::string& out) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
    return;
  }
  const int extra = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
  constexpr std::uint32_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  out += static_cast<char>(kLead[extra] | (rune >> (6 * extra)));
  for (int i = extra - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((rune >> (6 * i)) & 0x3f));
}

// Go's strconv.Unquote for a text in double quotes, given without them (go.dev/ref/spec).
std::optional<std::string> UnquoteGo(std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv\\\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (const std::size_t found = kLetters.find(text[i]); found != std::string_view::npos) {
      out += kMeanings[found];
      continue;
    }
    const bool octal = text[i] >= '0' && text[i] <= '7';
    const std::size_t digits = octal            ? 3
                               : text[i] == 'x' ? 2
                               : text[i] == 'u' ? 4
                               : text[i] == 'U' ? 8
                                                : 0;
    const std::size_t begin = octal ? i : i + 1;
    if (digits == 0 || begin + digits > text.size()) return std::nullopt;
    std::uint32_t number = 0;
    for (const char digit : text.substr(begin, digits)) {
      const std::size_t value = std::string_view("0123456789abcdef").find(base::Lower({&digit, 1}));
      if (value >= (octal ? 8u : 16u)) return std::nullopt;
      number = number * (octal ? 8 : 16) + static_cast<std::uint32_t>(value);
    }
    i = begin + digits - 1;
    if (digits < 4) {
      if (number > 0xff) return std::nullopt;
      out += static_cast<char>(number);
    } else {
      if (number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) return std::nullopt;
      AppendUtf8(number, out);
    }
  }
  if (!base::IsValidUtf8(out)) return std::nullopt;
  return out;
}

// The present grammar, left to right.
class Utf8Parser {
 public:
  explicit Utf8Parser(std::string_view text) : text_(text) {}

  base::Result<Matchers> Parse() {
    Matchers matchers;
    const bool braces = Skip('{');
    while (!AtEnd() && Peek() != '}') {
      base::Result<model::Matcher> matcher = ParseOne();
      if (!matcher) return base::Fail(matcher.error());
      matchers.push_back(std::move(*matcher));
      if (Skip(',')) continue;
      if (!AtEnd() && Peek() != '}') return Unexpected("a comma");
    }
    if (Skip('}') != braces) return Unexpected(braces ? "a closing brace" : "no closing brace");
    if (!AtEnd()) return Unexpected("the end");
    return matchers;
  }

 private:
  base::Result<model::Matcher> ParseOne() {
    base::Result<std::string> name = ParseWord("a label name");
    if (!name) return base::Fail(name.error());
    SkipSpace();
    const Operator* op = OperatorAt(text_.substr(at_));
    if (op == nullptr) return Unexpected("one of = != =~ !~");
    at_ += op->text.size();
    base::Result<std::string> value = ParseWord("a value");
    if (!value) return base::Fail(value.error());
    if (name->empty()) return BadFormat(text_);
    return model::Matcher::Make(op->type, std::move(*name), std::move(*value));
  }

  base::Result<std::string> ParseWord(std::string_view wanted) {
    SkipSpace();
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      if (at_ >= text_.size()) return base::Fail("missing closing quote in " + base::Quote(text_));
      ++at_;
      std::optional<std::string> value = UnquoteGo(text_.substr(begin + 1, at_ - begin - 2));
      if (!value)
        return base::Fail("bad escape in " + base::Quote(text_.substr(begin, at_ - begin)));
      return std::move(*value);
    }
    constexpr std::string_view kReserved = "{}!=~,\\\"'`";
    while (at_ < text_.size() && !IsSpace(text_[at_]) &&
           kReserved.find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    if (at_ == begin) return Unexpected(wanted);
    return std::string(text_.substr(begin, at_ - begin));
  }

  tl::unexpected<base::Error> Unexpected(std::string_view wanted) {
    return base::Fail("bad matcher " + base::Quote(text_) + ": expected " + std::string(wanted) +
                      " at character " + std::to_string(at_ + 1));
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool AtEnd() {
    SkipSpace();
    return at_ >= text_.size();
  }
  char Peek() const { return text_[at_]; }
  bool Skip(char wanted) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

base::Result<Matchers> ParseClassicMatchers(std::string_view text) {
  std::string_view inner = text;
  if (inner.starts_with('{')) inner.remove_prefix(1);
  if (inner.ends_with('}')) inner.remove_suffix(1);
  Matchers matchers;
  for (const std::string_view part : SplitClassic(inner)) {
    base::Result<model::Matcher> matcher = ClassicMatcher(part);
    if (!matcher) return base::Fail(matcher.error());
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

base::Result<Matchers> ParseUtf8Matchers(std::string_view text) {
  if (!base::IsValidUtf8(text)) return BadFormat(text);
  return Utf8Parser(text).Parse();
}

base::Result<Matchers> ParseMatchers(std::string_view text) {
  base::Result<Matchers> present = ParseUtf8Matchers(text);
  base::Result<Matchers> classic = ParseClassicMatchers(text);
  if (classic && (!present || *present != *classic)) return classic;
  return present;
}

base::Result<model::Matcher> ParseMatcher(std::string_view text) {
  base::Result<Matchers> matchers = ParseMatchers(text);
  if (!matchers) return base::Fail(matchers.error());
  if (matchers->size() != 1) {
    return base::Fail("expected one matcher instead of " + std::to_string(matchers->size()) +
                      " in " + base::Quote(text));
  }
  return std::move(matchers->front());
}

}  // namespace drwatch::config
