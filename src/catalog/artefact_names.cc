#include "catalog/artefact_names.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "catalog/folder_catalog.h"
#include "verify/decoder.h"
#include "verify/fnv.h"
#include "verify/redis_names.h"

namespace drwatch::catalog {
namespace {

// What programs append to files they have not finished, and what copies keep for themselves.
constexpr std::array<std::string_view, 11> kTemporarySuffixes = {
    ".tmp",  ".part",       ".partial", ".filepart", ".in_progress", ".inprogress", ".in-progress",
    ".temp", ".crdownload", ".swp",     "~"};

// Of logs, notes, scripts, settings, what services keep while they run, signatures of files and
// what repairs them.
constexpr std::array<std::string_view, 23> kBesideEndings = {
    ".log",     ".out",   ".err",  ".txt",  ".md",  ".sh",      ".bash", ".py",
    ".pl",      ".rb",    ".pid",  ".lock", ".lck", ".conf",    ".cfg",  ".ini",
    ".service", ".timer", ".html", ".css",  ".sig", ".minisig", ".par2"};

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789-_") == text.npos;
}

// "backup.log" of "backup.log.2.gz", "backup.log.1" and "backup.log-20260101".
std::string_view WithoutRotation(std::string_view name) {
  for (std::size_t dot = name.rfind('.'); dot != name.npos && dot > 0; dot = name.rfind('.')) {
    const std::string_view ending = name.substr(dot);
    if (!verify::CompressionOfName(ending) && !IsNumber(ending.substr(1))) break;
    name = name.substr(0, dot);
  }
  const std::size_t dash = name.rfind('-');
  const bool dated = dash != name.npos && IsNumber(name.substr(dash + 1));
  return dated ? name.substr(0, dash) : name;
}

// ".shop.dump.Xy12Zz": what mkstemp(3) makes of a file's name, six random letters and digits. Those
// of a word (".npm.backup", ".app.config") are small letters.
bool IsRsyncName(std::string_view name) {
  constexpr std::size_t kRandom = 6;
  const std::size_t dot = name.rfind('.');
  if (!name.starts_with('.') || dot < 2 || name.size() - dot - 1 != kRandom) return false;
  const std::string_view random = name.substr(dot + 1);
  const auto is = [random](auto test) { return std::find_if(random.begin(), random.end(), test); };
  const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto other = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return is(other) != random.end() &&
         is([&](char c) { return !small(c) && !other(c); }) == random.end();
}

// What the file may be called in the end; more guesses are of no use.
std::vector<std::string> FinalNames(std::string_view name) {
  std::vector<std::string> names = {std::string(name)};
  for (const std::string_view suffix : kTemporarySuffixes) {
    if (name.ends_with(suffix)) names.emplace_back(name.substr(0, name.size() - suffix.size()));
  }
  if (name.starts_with('.')) {
    names.emplace_back(name.substr(1));
    names.emplace_back(name.substr(1, name.rfind('.') - 1));
  }
  return names;
}

}  // namespace

bool IsTemporaryName(std::string_view name) {
  if (name.starts_with('.') || verify::IsRedisTemporaryName(name)) return true;
  // Asked of every entry of a folder: what is long enough for the longest suffix will do.
  constexpr std::size_t kLongest = std::string_view(".in_progress").size();
  const std::string lower = base::Lower(name.substr(name.size() - std::min(name.size(), kLongest)));
  return std::any_of(kTemporarySuffixes.begin(), kTemporarySuffixes.end(),
                     [&lower](std::string_view suffix) { return lower.ends_with(suffix); });
}

bool IsUnfinishedName(const std::string& pattern, std::string_view name) {
  const std::string_view last = std::string_view(pattern).substr(pattern.rfind('/') + 1);
  for (const std::string_view prefix : {std::string_view("."), verify::kRedisTemporaryPrefix}) {
    if (last.starts_with(prefix) && name.starts_with(prefix)) {
      return IsTemporaryName(name.substr(prefix.size()));
    }
  }
  return IsTemporaryName(name);
}

bool MatchesPattern(const std::string& pattern, const std::string& name) {
  if (pattern == "*") return true;
  const bool on_path = pattern.find('/') != std::string::npos;
  const std::size_t last = on_path ? 0 : name.rfind('/') + 1;
  return ::fnmatch(pattern.c_str(), name.c_str() + last, 0) == 0;
}

bool WillMatch(const std::string& pattern, const std::string& prefix, std::string_view name) {
  if (name.starts_with('.') && pattern == "*" && !IsRsyncName(name)) return false;
  const std::vector<std::string> names = FinalNames(name);
  return std::any_of(names.begin(), names.end(), [&](const std::string& final_name) {
    return MatchesPattern(pattern, prefix + final_name);
  });
}

bool LiesBeside(const std::string& pattern, std::string_view name) {
  const std::string lower = base::Lower(name.substr(name.rfind('/') + 1));
  if (lower.starts_with("readme") && lower.find('.') == lower.npos) return true;
  const std::string_view plain = WithoutRotation(lower);
  const auto ending =
      std::find_if(kBesideEndings.begin(), kBesideEndings.end(),
                   [plain](std::string_view each) { return plain.ends_with(each); });
  return ending != kBesideEndings.end() && base::Lower(pattern).find(*ending) == pattern.npos;
}

std::uint64_t StampOf(std::string_view text) { return text.empty() ? 0 : verify::Fnv1a(text); }

}  // namespace drwatch::catalog
