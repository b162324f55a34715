#include "verify/redis_names.h"

#include <algorithm>
#include <cstddef>

namespace drwatch::verify {
namespace {

// Takes `part` off the front of `text`, if it is there.
bool Skip(std::string_view& text, std::string_view part) {
  if (!text.starts_with(part)) return false;
  text.remove_prefix(part.size());
  return true;
}

bool IsShortNumber(std::string_view text, std::size_t digits) {
  return !text.empty() && text.size() <= digits &&
         text.find_first_not_of("0123456789") == text.npos;
}

// "4711", "1764660000.4711" or "4711-2". A process's number has seven digits at most: a longer one
// is a date.
bool IsProcess(std::string_view text) {
  constexpr std::size_t kProcessDigits = 7;
  constexpr std::size_t kSecondsDigits = 10;
  if (const std::size_t dot = text.find('.'); dot != text.npos) {
    return IsShortNumber(text.substr(0, dot), kSecondsDigits) &&
           IsShortNumber(text.substr(dot + 1), kProcessDigits);
  }
  const std::size_t dash = std::min(text.find('-'), text.size());
  return IsShortNumber(text.substr(0, dash), kProcessDigits) &&
         (dash == text.size() || IsShortNumber(text.substr(dash + 1), kProcessDigits));
}

// Of the folder of append-only files: "appendonly.aof.incr" and "appendonly.aof.manifest", where
// `appendfilename` stands for all but the ending.
bool IsPartOfLog(std::string_view name) {
  for (const std::string_view ending : {".incr", ".manifest"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) return true;
  }
  return false;
}

}  // namespace

bool IsRedisTemporaryName(std::string_view name) {
  if (!Skip(name, kRedisTemporaryPrefix)) return false;
  if (IsPartOfLog(name)) return true;
  const bool log = Skip(name, "rewriteaof-");
  if (log) Skip(name, "bg-");
  const std::string_view ending = log ? ".aof" : ".rdb";
  return name.ends_with(ending) && IsProcess(name.substr(0, name.size() - ending.size()));
}

}  // namespace drwatch::verify
