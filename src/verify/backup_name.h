// What a file's name says of its content. Pure.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::verify {

// "a tar archive", "a Redis RDB file", "a WAL segment": what a name without a compression's ending
// promises. Empty: nothing.
std::string_view PromisedBy(std::string_view name);

// True for a name that only backups carry: one of a dump, an archive, a snapshot or a file of a WAL
// archive, packed, encrypted, dated or kept as a copy ("shop.sql.gz", "shop.dump.20261130",
// "shop.bak"). Not for what lies about in every tree of files (.json, .html, .log, no ending at
// all), nor for copies of that ("index.html.bak", "error.log.1.gz").
bool NamesBackup(std::string_view name);

// Names of web pages.
bool PromisesHtml(std::string_view name);

}  // namespace drwatch::verify
