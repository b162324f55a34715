// The statements of a PostgreSQL dump that say how its rows are to be read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drwatch::verify {

// Where rows go.
struct CopyTarget {
  std::string table;  // as the statement names it, fit for a message
  // That each row must have. 0: not told, of a table without columns.
  std::size_t columns = 0;
};
// "COPY public.orders (id, note) FROM stdin;", as pg_dump writes it. nullopt: it is not that.
std::optional<CopyTarget> ParseCopyStatement(std::string_view statement);

// A name for a message: quoted if it would break the line, cut if it is very long.
std::string NameForMessage(std::string_view name);

// What the encoding of a dump lets anybody tell of its bytes.
enum class TextEncoding {
  kOther,        // nothing: SQL_ASCII, LATIN1, EUC_JP ...
  kUtf8,         // whether they are valid
  kEmbedsAscii,  // less: a byte of a character may look like a backslash (SJIS, GBK ...)
};
// "SET client_encoding = 'UTF8';". nullopt: it is not that.
std::optional<TextEncoding> ParseSetEncoding(std::string_view statement);

}  // namespace drwatch::verify
