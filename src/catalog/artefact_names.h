// What names say of artefacts. Pure. Used within this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drwatch::catalog {

// Where fsck puts what it finds, at the root of ext file systems; only root may look into it. Never
// a backup, and no reason to be blind.
inline constexpr std::string_view kLostAndFound = "lost+found";

// fnmatch(3), on the last part of `name`, or on all of it if the pattern holds a '/'.
bool MatchesPattern(const std::string& pattern, const std::string& name);

// IsTemporaryName(), but for names that begin with a dot, or with "temp-", where the pattern's own
// name does, too: then it is them that are asked for.
bool IsUnfinishedName(const std::string& pattern, std::string_view name);

// True if a file that is not finished (IsUnfinishedName) will be one that the pattern matches:
// under its own name, or under "shop.dump" for "shop.dump.part" and ".shop.dump.Xy12Zz" (rsync). A
// dotfile that only "*" matches is anything, but for rsync's: .gitignore, .lock, .snapshot.
bool WillMatch(const std::string& pattern, const std::string& prefix, std::string_view name);

// True for what jobs leave beside their backups (logs, also rotated ones, notes, scripts,
// settings): no backup, unless the pattern asks for just that ending.
bool LiesBeside(const std::string& pattern, std::string_view name);

// Hash of what checksum files say; 0 if they say nothing.
std::uint64_t StampOf(std::string_view text);

}  // namespace drwatch::catalog
