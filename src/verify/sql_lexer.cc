#include "verify/sql_lexer.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace drwatch::verify {
namespace {

// Longest dollar-quote tag: an identifier.
constexpr std::size_t kMaxTagBytes = 128;

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Length of the part of `text` before the first of `stops`.
std::size_t Until(std::string_view text, const std::array<bool, 256>& stops) {
  std::size_t size = 0;
  while (size < text.size() && !stops[static_cast<unsigned char>(text[size])]) ++size;
  return size;
}
constexpr std::array<bool, 256> Stops(std::string_view characters) {
  std::array<bool, 256> stops{};
  for (const char c : characters) stops[static_cast<unsigned char>(c)] = true;
  return stops;
}
constexpr std::array<bool, 256> kPlainStops = Stops("'\"$-*");
constexpr std::array<bool, 256> kEscapedStops = Stops("'\\");
constexpr std::array<bool, 256> kBlockStops = Stops("*/");

}  // namespace

// How many of the next bytes change nothing: dumps are mostly long texts.
std::size_t SqlLexer::DullPrefix(std::string_view bytes) const {
  switch (state_) {
    case State::kPlain:
      return Until(bytes, kPlainStops);
    case State::kString:
      return std::min(bytes.find('\''), bytes.size());
    case State::kEscapedString:
      return skip_next_ ? 0 : Until(bytes, kEscapedStops);
    case State::kIdentifier:
      return std::min(bytes.find('"'), bytes.size());
    case State::kTag:
      return 0;
    case State::kDollar:
      return matched_ > 0 ? 0 : std::min(bytes.find('$'), bytes.size());
    case State::kLine:
      return std::min(bytes.find('\n'), bytes.size());
    case State::kBlock:
      return Until(bytes, kBlockStops);
  }
  std::abort();
}

void SqlLexer::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t dull = DullPrefix(bytes);
    if (dull > 0) {
      before_last_ = dull > 1 ? bytes[dull - 2] : last_;
      last_ = bytes[dull - 1];
      bytes.remove_prefix(dull);
      if (bytes.empty()) return;
    }
    Step(bytes[0]);
    bytes.remove_prefix(1);
  }
}

void SqlLexer::Step(char c) {
  switch (state_) {
    case State::kPlain:
      StepPlain(c);
      break;
    case State::kString:
      if (c == '\'') state_ = State::kPlain;
      break;
    case State::kEscapedString:
      if (skip_next_) {
        skip_next_ = false;
      } else if (c == '\\') {
        skip_next_ = true;
      } else if (c == '\'') {
        state_ = State::kPlain;
      }
      break;
    case State::kIdentifier:
      if (c == '"') state_ = State::kPlain;
      break;
    case State::kTag:
      tag_ += c;
      if (c == '$') {
        state_ = State::kDollar;
        matched_ = 0;
      } else if (!IsWordByte(c) || tag_.size() > kMaxTagBytes) {
        state_ = State::kPlain;
        StepPlain(c);
      }
      break;
    case State::kDollar:
      StepDollar(c);
      break;
    case State::kLine:
      if (c == '\n') state_ = State::kPlain;
      break;
    case State::kBlock:
      StepBlock(c);
      break;
  }
  before_last_ = last_;
  last_ = c;
}

void SqlLexer::StepPlain(char c) {
  if (c == '\'') {
    const bool escapes = (last_ == 'E' || last_ == 'e') && !IsWordByte(before_last_);
    if (last_ != '\'') {
      last_string_ = escapes || backslashes_ ? State::kEscapedString : State::kString;
    }
    state_ = last_string_;
  } else if (c == '"') {
    state_ = State::kIdentifier;
  } else if (c == '$' && !IsWordByte(last_)) {
    state_ = State::kTag;
    tag_.assign(1, '$');
  } else if (c == '-' && last_ == '-') {
    state_ = State::kLine;
  } else if (c == '*' && last_ == '/') {
    state_ = State::kBlock;
    depth_ = 1;
  }
}

void SqlLexer::StepDollar(char c) {
  if (c == tag_[matched_]) {
    if (++matched_ == tag_.size()) state_ = State::kPlain;
  } else {
    matched_ = c == '$' ? 1 : 0;
  }
}

void SqlLexer::StepBlock(char c) {
  if (c == '*' && last_ == '/') ++depth_;
  if (c == '/' && last_ == '*' && --depth_ == 0) state_ = State::kPlain;
}

}  // namespace drwatch::verify
