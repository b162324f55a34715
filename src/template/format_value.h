// Values under the verbs of Go's fmt.
#pragma once

#include <string>

#include "template/value.h"

namespace drwatch::tmpl {

// What stands between % and its letter, and the letter.
struct Verb {
  bool minus = false, plus = false, sharp = false, space = false, zero = false;
  bool names = false;  // %+v: with the names of fields
  int width = 0;
  int precision = -1;
  char32_t letter = 'v';
};

std::string FormatValue(const Value& value, const Verb& verb);
// What shows up when the value does not know the verb: %!d(string=hi).
std::string BadVerb(char32_t letter, const Value& value);

}  // namespace drwatch::tmpl
