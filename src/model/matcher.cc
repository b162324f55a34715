#include "model/matcher.h"

#include <re2/re2.h>

#include <cstdlib>

#include "base/strings.h"
#include "model/labels.h"
#include "model/regex.h"

namespace drwatch::model {

std::string_view MatchOperator(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegex:
      return "=~";
    case MatchType::kNotRegex:
      return "!~";
  }
  std::abort();
}

base::Result<Matcher> Matcher::Make(MatchType type, std::string name, std::string value) {
  Matcher matcher(type, std::move(name), std::move(value));
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    // As it stands first: a parenthesis too many would close the ones below.
    if (const base::Status alone = CheckRegex(matcher.value_); !alone) {
      return base::Fail(alone.error());
    }
    RE2::Options options(RE2::Quiet);
    options.set_dot_nl(true);
    options.set_max_mem(kMaxRegexBytes);
    auto regex = std::make_shared<RE2>("^(?s:" + matcher.value_ + ")$", options);
    if (!regex->ok()) {
      return base::Fail("invalid regular expression " + base::Quote(matcher.value_) + ": " +
                        RegexProblem(*regex));
    }
    matcher.regex_ = std::move(regex);
  }
  return matcher;
}

Matcher Matcher::Equal(std::string name, std::string value) {
  return Matcher(MatchType::kEqual, std::move(name), std::move(value));
}

bool Matcher::Matches(std::string_view label_value) const {
  switch (type_) {
    case MatchType::kEqual:
      return label_value == value_;
    case MatchType::kNotEqual:
      return label_value != value_;
    case MatchType::kRegex:
      return RE2::FullMatch(re2::StringPiece(label_value.data(), label_value.size()), *regex_);
    case MatchType::kNotRegex:
      return !RE2::FullMatch(re2::StringPiece(label_value.data(), label_value.size()), *regex_);
  }
  std::abort();
}

std::string Matcher::ToString() const {
  const std::string shown = IsValidLabelName(name_) ? name_ : QuoteLabelValue(name_);
  return shown + std::string(MatchOperator(type_)) + QuoteLabelValue(value_);
}

base::Status CheckRegex(std::string_view pattern) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(Matcher::kMaxRegexBytes);
  const RE2 regex(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (regex.ok()) return {};
  return base::Fail("invalid regular expression " + base::Quote(pattern) + ": " +
                    RegexProblem(regex));
}

}  // namespace drwatch::model
