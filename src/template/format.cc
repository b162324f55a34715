#include "template/format.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "template/format_value.h"
#include "template/utf8.h"

namespace drwatch::tmpl {
namespace {

// Go's fmt refuses wider fields and longer precisions.
constexpr int kMaxWidth = 1'000'000;

// One run of fmt.Sprintf.
class Printer {
 public:
  Printer(std::string_view format, const Values& values) : format_(format), values_(values) {}

  std::string Run() {
    while (at_ < format_.size() && output_.size() <= kMaxValueBytes) {
      const std::size_t percent = format_.find('%', at_);
      output_ += format_.substr(at_, percent - at_);
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      Directive();
    }
    if (!reordered_ && next_ < values_.size()) Extra();
    return std::move(output_);
  }

 private:
  void Directive() {
    Verb verb;
    Flags(verb);
    Index();
    if (!Star(verb.width)) {
      verb.width = Number();
    } else if (verb.width < 0) {
      verb.minus = true;
      verb.zero = false;
      verb.width = -verb.width;
    }
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      Index();
      if (!Star(verb.precision)) verb.precision = Number();
      if (verb.precision < 0) verb.precision = -1;
    }
    Index();
    if (at_ >= format_.size()) {
      output_ += "%!(NOVERB)";
      return;
    }
    verb.letter = DecodeUtf8(format_, at_);
    if (verb.letter == 'v') verb.names = std::exchange(verb.plus, false);
    if (verb.letter == '%') {
      output_ += '%';
    } else if (bad_index_) {
      output_ += "%!" + EncodeUtf8(verb.letter) + "(BADINDEX)";
    } else if (next_ >= values_.size()) {
      output_ += "%!" + EncodeUtf8(verb.letter) + "(MISSING)";
    } else {
      output_ += FormatValue(values_[next_++], verb);
    }
  }

  void Flags(Verb& verb) {
    bad_index_ = false;
    for (; at_ < format_.size(); ++at_) {
      const char c = format_[at_];
      if (c == '-') {
        verb.minus = true;
        verb.zero = false;
      } else if (c == '+') {
        verb.plus = true;
      } else if (c == '#') {
        verb.sharp = true;
      } else if (c == ' ') {
        verb.space = true;
      } else if (c == '0') {
        verb.zero = !verb.minus;
      } else {
        return;
      }
    }
  }

  int Number() {
    int number = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      number = std::min(number * 10 + (format_[at_] - '0'), kMaxWidth);
    }
    return number;
  }

  // A width or precision taken from an argument.
  bool Star(int& out) {
    if (at_ >= format_.size() || format_[at_] != '*') return false;
    ++at_;
    const auto* const number =
        next_ < values_.size() ? std::get_if<std::int64_t>(&values_[next_].data) : nullptr;
    if (next_ < values_.size()) ++next_;
    if (number == nullptr || std::abs(*number) > kMaxWidth) {
      output_ += "%!(BADWIDTH)";
      out = 0;
    } else {
      out = static_cast<int>(*number);
    }
    return true;
  }

  // [n]: the argument to take next, counted from 1.
  void Index() {
    if (at_ >= format_.size() || format_[at_] != '[') return;
    const std::size_t close = format_.find(']', at_);
    const std::size_t begin = at_ + 1;
    if (close == std::string_view::npos) {
      bad_index_ = true;
      at_ = format_.size() - 1;
      return;
    }
    at_ = begin;
    const int number = Number();
    reordered_ = true;
    bad_index_ = at_ != close || number < 1 || static_cast<std::size_t>(number) > values_.size();
    if (!bad_index_) next_ = static_cast<std::size_t>(number) - 1;
    at_ = close + 1;
  }

  void Extra() {
    output_ += "%!(EXTRA ";
    for (std::size_t i = next_; i < values_.size(); ++i) {
      if (i > next_) output_ += ", ";
      output_ += values_[i].has_value()
                     ? values_[i].TypeName() + "=" + FormatValue(values_[i], Verb())
                     : "<nil>";
    }
    output_ += ")";
  }

  std::string_view format_;
  const Values& values_;
  std::string output_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  bool reordered_ = false;
  bool bad_index_ = false;
};

}  // namespace

std::string Sprint(const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && values[i].AsString() == nullptr && values[i - 1].AsString() == nullptr) {
      text += ' ';
    }
    text += FormatValue(values[i], Verb());
  }
  return text;
}

std::string Sprintln(const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ' ';
    text += FormatValue(values[i], Verb());
  }
  return text + "\n";
}

std::string Sprintf(std::string_view format, const Values& values) {
  return Printer(format, values).Run();
}

std::string Print(const Value& value) {
  if (!value.has_value()) return "<no value>";
  return FormatValue(value, Verb());
}

}  // namespace drwatch::tmpl
