// What a file's name says of its content. Pure.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::verify {

// "a tar archive", "a Redis RDB file", "a WAL segment": what a name without a compression's ending
// promises. Empty: nothing.
std::string_view PromisedBy(std::string_view name);

enum class NameClaim {
  // What lies about in every tree of files: .json, .html, .log, no ending at all. Copies of that,
  // too: "index.html.bak", "error.log.1.gz".
  kNone,
  // Kept by somebody, packed or as a copy, who does not say what: "shop.gz", "shop.bak",
  // "syslog.1.gz".
  kKept,
  // One that only backups carry, of a dump, an archive, a snapshot or a file of a WAL archive, also
  // packed, dated or as a copy: "shop.sql.gz", "shop.dump.20261130".
  kBackup,
};
NameClaim ClaimOfName(std::string_view name);

// True for names of dumps and snapshots of databases, also packed, dated or as a copy: those of
// kBackup that are no archive of anything, not encrypted and no WAL.
bool NamesDump(std::string_view name);

// Names of web pages.
bool PromisesHtml(std::string_view name);

}  // namespace drwatch::verify
