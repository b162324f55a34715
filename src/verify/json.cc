#include "verify/json.h"

#include <array>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kMaxDepth = 100'000;
constexpr std::size_t kMaxWordBytes = 400;  // a number or a literal

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
         c == '-' || c == '.';
}

// A number as JSON has it: no leading zeros, a digit on both sides of the point.
bool IsNumber(std::string_view word) {
  const auto digits = [&word] {
    std::size_t count = 0;
    while (count < word.size() && word[count] >= '0' && word[count] <= '9') ++count;
    word.remove_prefix(count);
    return count;
  };
  if (word.starts_with('-')) word.remove_prefix(1);
  const bool zero = word.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (word.starts_with('.')) {
    word.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (word.starts_with('e') || word.starts_with('E')) {
    word.remove_prefix(1);
    if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return word.empty();
}

bool IsWord(std::string_view word) {
  constexpr std::array<std::string_view, 6> kLiterals = {"true", "false",    "null",
                                                         "NaN",  "Infinity", "-Infinity"};
  for (const std::string_view literal : kLiterals) {
    if (word == literal) return true;
  }
  return IsNumber(word);
}

// Takes the text byte by byte. Step() returns false at a byte that cannot stand there.
class JsonMachine {
 public:
  bool Step(char c);
  // True if the text may end here.
  bool Complete();
  bool too_deep() const { return stack_.size() > kMaxDepth; }
  bool in_text() const { return state_ == State::kText && utf8_left_ == 0; }
  std::int64_t values() const { return values_; }

 private:
  enum class State { kBetween, kText, kEscape, kUnicode, kWord, kSlash, kLine, kBlock, kStar };
  // What may come next between values.
  enum class Next { kValue, kValueOrEnd, kKeyOrEnd, kColon, kCommaOrEnd };

  bool Between(char c);
  bool Text(unsigned char c);
  bool Open(char c);
  bool Close(char c);
  bool BeginValue();
  void EndValue();
  bool EndWord();

  State state_ = State::kBetween;
  Next next_ = Next::kValueOrEnd;
  std::string stack_;  // of '{' and '['
  std::string word_;
  bool is_key_ = false;
  int hex_left_ = 0;
  int utf8_left_ = 0;
  std::int64_t values_ = 0;  // at the top
};

void JsonMachine::EndValue() {
  if (stack_.empty()) {
    ++values_;
    next_ = Next::kValueOrEnd;
  } else {
    next_ = Next::kCommaOrEnd;
  }
}

bool JsonMachine::BeginValue() { return next_ == Next::kValue || next_ == Next::kValueOrEnd; }

bool JsonMachine::Open(char c) {
  if (!BeginValue()) return false;
  stack_ += c;
  next_ = c == '{' ? Next::kKeyOrEnd : Next::kValueOrEnd;
  return true;
}

bool JsonMachine::Close(char c) {
  if (stack_.empty() || stack_.back() != (c == '}' ? '{' : '[')) return false;
  if (next_ == Next::kColon || next_ == Next::kValue) return false;
  stack_.pop_back();
  EndValue();
  return true;
}

bool JsonMachine::Between(char c) {
  switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
      return true;
    case '{':
    case '[':
      return Open(c);
    case '}':
    case ']':
      return Close(c);
    case ',':
      if (next_ != Next::kCommaOrEnd) return false;
      next_ = stack_.back() == '{' ? Next::kKeyOrEnd : Next::kValueOrEnd;
      return true;
    case ':':
      if (next_ != Next::kColon) return false;
      next_ = Next::kValue;
      return true;
    case '"':
      is_key_ = next_ == Next::kKeyOrEnd;
      if (!is_key_ && !BeginValue()) return false;
      state_ = State::kText;
      return true;
    case '/':
      state_ = State::kSlash;
      return true;
    default:
      if (!BeginValue() || !IsWordByte(c)) return false;
      state_ = State::kWord;
      word_.assign(1, c);
      return true;
  }
}

// Inside of quotes: UTF-8 without control characters.
bool JsonMachine::Text(unsigned char c) {
  if (utf8_left_ > 0) {
    --utf8_left_;
    return (c & 0xc0) == 0x80;
  }
  if (c == '"') {
    state_ = State::kBetween;
    if (is_key_) {
      next_ = Next::kColon;
    } else {
      EndValue();
    }
  } else if (c == '\\') {
    state_ = State::kEscape;
  } else if (c >= 0x80) {
    if (c < 0xc2 || c > 0xf4) return false;
    utf8_left_ = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  }
  return c >= 0x20;
}

bool JsonMachine::EndWord() {
  state_ = State::kBetween;
  EndValue();
  return IsWord(word_);
}

bool JsonMachine::Step(char c) {
  switch (state_) {
    case State::kBetween:
      return Between(c);
    case State::kText:
      return Text(static_cast<unsigned char>(c));
    case State::kEscape:
      state_ = c == 'u' ? State::kUnicode : State::kText;
      hex_left_ = 4;
      return std::string_view("\"\\/bfnrtu").find(c) != std::string_view::npos;
    case State::kUnicode:
      if (--hex_left_ == 0) state_ = State::kText;
      return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos;
    case State::kWord:
      if (!IsWordByte(c)) return EndWord() && Between(c);
      word_ += c;
      return word_.size() <= kMaxWordBytes;
    case State::kSlash:
      state_ = c == '*' ? State::kBlock : State::kLine;
      return c == '*' || c == '/';
    case State::kLine:
      if (c == '\n') state_ = State::kBetween;
      return true;
    case State::kBlock:
      if (c == '*') state_ = State::kStar;
      return true;
    case State::kStar:
      if (c != '*') state_ = c == '/' ? State::kBetween : State::kBlock;
      return true;
  }
  return false;
}

bool JsonMachine::Complete() {
  if (state_ == State::kWord && !EndWord()) return false;
  return (state_ == State::kBetween || state_ == State::kLine) && stack_.empty() && values_ > 0;
}

// Bytes at the start of `text` that say nothing inside of quotes.
std::size_t DullPrefix(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && text[size] != '"' && text[size] != '\\' &&
         static_cast<unsigned char>(text[size] - 0x20) < 0x60) {
    ++size;
  }
  return size;
}

}  // namespace

bool PromisesJson(std::string_view name) {
  const std::string lower = base::Lower(name);
  return lower.ends_with(".json") || lower.ends_with(".jsonl") || lower.ends_with(".ndjson");
}

Walked<Walk> WalkJson(Reader& reader) {
  JsonMachine machine;
  auto mark = reader.Peek(3);
  if (!mark) return tl::unexpected(std::move(mark.error()));
  if (*mark == "\xef\xbb\xbf") reader.Consume(3);
  while (true) {
    const std::int64_t begin = reader.offset();
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    for (std::size_t at = 0; at < bytes->size(); ++at) {
      if (machine.in_text()) at += DullPrefix(bytes->substr(at));
      if (at == bytes->size()) break;
      if (!machine.Step((*bytes)[at])) {
        return Broken(Reason::kCorrupt, begin + static_cast<std::int64_t>(at),
                      "not JSON, as its name promises");
      }
      if (machine.too_deep()) return Unjudged(Reason::kLimit, "JSON nested too deeply");
    }
  }
  if (!machine.Complete()) return Broken(Reason::kIncomplete, reader.offset(), "ends in JSON");
  Walk walk;
  walk.format = "JSON";
  if (machine.values() > 1) {
    walk.details.push_back(std::to_string(machine.values()) + " values");
  }
  return walk;
}

}  // namespace drwatch::verify
