#include "verify/backup_name.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/wal_name.h"

namespace drwatch::verify {
namespace {

// Of dumps, snapshots, archives and what is encrypted: never meant to be empty.
constexpr std::array<std::string_view, 18> kBackupEndings = {
    ".sql", ".dump", ".dmp", ".aof", ".rdb", ".tar", ".tgz", ".tzst", ".txz",
    ".tbz", ".tbz2", ".zip", ".7z",  ".rar", ".age", ".gpg", ".enc",  ".bson"};
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
  std::string_view rest = lower;
  bool kept = false;
  for (std::size_t dot = rest.rfind('.'); dot != rest.npos && dot > 0; dot = rest.rfind('.')) {
    const std::string_view ending = rest.substr(dot);
    if (IsOneOf(kBackupEndings, ending)) return NameClaim::kBackup;
    if (CompressionOfName(ending) || IsOneOf(kCopyEndings, ending)) {
      kept = true;
    } else if (!IsNumber(ending)) {
      return NameClaim::kNone;
    }
    rest = rest.substr(0, dot);
  }
  return kept ? NameClaim::kKept : NameClaim::kNone;
}

bool PromisesHtml(std::string_view name) {
  const std::string lower = base::Lower(name);
  return lower.ends_with(".html") || lower.ends_with(".htm") || lower.ends_with(".xhtml");
}

}  // namespace drwatch::verify
