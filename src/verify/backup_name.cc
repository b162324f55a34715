#include "verify/backup_name.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/wal_name.h"

namespace drwatch::verify {
namespace {

// Of dumps and snapshots, and of archives and what is encrypted: never meant to be empty.
constexpr std::array<std::string_view, 6> kDumpEndings = {".sql", ".dump", ".dmp",
                                                          ".aof", ".rdb",  ".bson"};
constexpr std::array<std::string_view, 12> kBackupEndings = {".tar", ".tgz",  ".tzst", ".txz",
                                                             ".tbz", ".tbz2", ".zip",  ".7z",
                                                             ".rar", ".age",  ".gpg",  ".enc"};
// Put behind the name of whatever was copied.
constexpr std::array<std::string_view, 3> kCopyEndings = {".bak", ".backup", ".bkp"};

template <std::size_t kSize>
bool IsOneOf(const std::array<std::string_view, kSize>& endings, std::string_view ending) {
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

// A date, or the number of a rotated file.
bool IsNumber(std::string_view ending) {
  return ending.find_first_not_of("0123456789-_", 1) == ending.npos;
}

// Other programs name files with 24 digits, too (an ObjectId).
bool NamesWal(std::string_view name) {
  // 4 GiB hold so many segments of the smallest size: the last part of a name counts no further.
  constexpr std::uint32_t kMaxSegmentsPerId = 1 << 12;
  const auto parsed = ParseWalFileName(name);
  return parsed && !parsed->sealed && parsed->low < kMaxSegmentsPerId;
}

// The ending of a name that says what its file is.
struct Telling {
  std::string_view ending;  // empty: none is left
  bool kept = false;        // behind it others say that it was packed or copied
};
Telling FindTelling(std::string_view lower) {
  Telling telling;
  for (std::size_t dot = lower.rfind('.'); dot != lower.npos && dot > 0; dot = lower.rfind('.')) {
    const std::string_view ending = lower.substr(dot);
    const bool packed = CompressionOfName(ending) || IsOneOf(kCopyEndings, ending);
    if (IsOneOf(kBackupEndings, ending) || (!packed && !IsNumber(ending))) {
      telling.ending = ending;
      return telling;
    }
    telling.kept = telling.kept || packed;
    lower = lower.substr(0, dot);
  }
  return telling;
}

}  // namespace

std::string_view PromisedBy(std::string_view name) {
  const std::string lower = base::Lower(name);
  if (lower.ends_with(".tar")) return "a tar archive";
  if (lower.ends_with(".rdb")) return "a Redis RDB file";
  const auto wal = ParseWalFileName(name);
  if (wal && !wal->sealed && NamesWal(name)) return "a WAL segment";
  return {};
}

NameClaim ClaimOfName(std::string_view name) {
  if (NamesWal(name)) return NameClaim::kBackup;
  const std::string lower = base::Lower(name);
  const Telling telling = FindTelling(lower);
  const std::string_view ending = telling.ending;
  if (IsOneOf(kDumpEndings, ending) || IsOneOf(kBackupEndings, ending)) return NameClaim::kBackup;
  return ending.empty() && telling.kept ? NameClaim::kKept : NameClaim::kNone;
}

bool NamesDump(std::string_view name) {
  return IsOneOf(kDumpEndings, FindTelling(base::Lower(name)).ending);
}

bool PromisesHtml(std::string_view name) {
  const std::string lower = base::Lower(name);
  return lower.ends_with(".html") || lower.ends_with(".htm") || lower.ends_with(".xhtml");
}

}  // namespace drwatch::verify
