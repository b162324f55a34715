#include "verify/sql_lexer.h"

namespace drwatch::verify {
namespace {

// Longest dollar-quote tag: an identifier.
constexpr std::size_t kMaxTagBytes = 128;

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

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
    tag_ = "$";
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
