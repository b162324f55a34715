// Tells where a statement may begin in a PostgreSQL script: outside of quotes, dollar quotes and
// comments. A function's body may hold lines that look like "COPY t FROM stdin;".
#pragma once

#include <string>
#include <string_view>

namespace drwatch::verify {

// Feed() the script in pieces of any size. Lexical structure: PostgreSQL manual, 4.1.
class SqlLexer {
 public:
  void Feed(std::string_view bytes);
  // True outside of everything quoted or commented.
  bool plain() const { return state_ == State::kPlain; }
  // SET standard_conforming_strings = off: backslashes escape in every string.
  void UseBackslashes(bool use) { backslashes_ = use; }
  bool backslashes() const { return backslashes_; }

 private:
  enum class State { kPlain, kString, kEscapedString, kIdentifier, kTag, kDollar, kLine, kBlock };
  std::size_t DullPrefix(std::string_view bytes) const;
  void Step(char c);
  void StepPlain(char c);
  void StepDollar(char c);
  void StepBlock(char c);

  State state_ = State::kPlain;
  State last_string_ = State::kString;  // kind of the last one: '' inside continues it
  bool backslashes_ = false;
  bool skip_next_ = false;  // after a backslash
  char last_ = '\n';
  char before_last_ = '\n';
  std::string tag_;          // "$body$"
  std::size_t matched_ = 0;  // bytes of the closing tag seen
  int depth_ = 0;            // of block comments
};

}  // namespace drwatch::verify
