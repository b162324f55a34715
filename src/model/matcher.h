// One label condition of a selector: job="x", code=~"5..", !=, !~.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace drwatch::model {

enum class MatchType { kEqual, kNotEqual, kRegex, kNotRegex };

// "=", "!=", "=~", "!~".
std::string_view MatchOperator(MatchType type);

// Immutable; copies share the compiled expression. Any thread may use it.
class Matcher {
 public:
  // Largest memory of one compiled regular expression; a longer one is an error.
  static constexpr std::int64_t kMaxRegexBytes = 2 << 20;

  // Regular expressions are RE2's, anchored at both ends. Errors: one that does not compile.
  static base::Result<Matcher> Make(MatchType type, std::string name, std::string value);
  static Matcher Equal(std::string name, std::string value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  // A missing label counts as "".
  bool Matches(std::string_view label_value) const;
  bool MatchesEmpty() const { return Matches({}); }
  // job=~"a|b"
  std::string ToString() const;
  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  Matcher(MatchType type, std::string name, std::string value)
      : type_(type), name_(std::move(name)), value_(std::move(value)) {}
  MatchType type_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
};

// Whether RE2 takes `pattern` as it stands, unanchored. Errors: why not.
base::Status CheckRegex(std::string_view pattern);

}  // namespace drwatch::model
