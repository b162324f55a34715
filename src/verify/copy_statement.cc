#include "verify/copy_statement.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

constexpr std::size_t kMaxNameBytes = 256;

// pg_conversion.h and encnames.c: encodings of clients alone, for this very reason.
constexpr std::array<std::string_view, 7> kEmbedAscii = {"SJIS",    "BIG5",  "GBK",           "UHC",
                                                         "GB18030", "JOHAB", "SHIFT_JIS_2004"};

// Where the first of `stops` stands outside of quoted identifiers; npos if nowhere. A doubled quote
// inside of one ends it and begins it again.
std::size_t FindPlain(std::string_view text, std::string_view stops) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (!quoted && stops.find(text[i]) != stops.npos) return i;
  }
  return std::string_view::npos;
}

// Removes `start` if the text begins with it.
bool Eat(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// Eats "(a, "b,c")" up to its end and counts what is in it; 0 if it does not end.
std::size_t EatColumns(std::string_view& text) {
  std::size_t columns = 1;
  while (true) {
    const std::size_t at = FindPlain(text, ",)");
    if (at == text.npos) return 0;
    const bool last = text[at] == ')';
    text.remove_prefix(at + 1);
    if (last) return columns;
    ++columns;
  }
}

}  // namespace

std::optional<CopyTarget> ParseCopyStatement(std::string_view statement) {
  constexpr std::string_view kEnd = "FROM stdin;";
  statement = base::Trim(statement);
  if (!Eat(statement, "COPY ") || !statement.ends_with(kEnd)) return std::nullopt;
  const std::size_t end = FindPlain(statement, " ");
  if (end == statement.npos) return std::nullopt;
  CopyTarget target;
  target.table = NameForMessage(statement.substr(0, end));
  statement.remove_prefix(end + 1);
  std::size_t columns = statement.starts_with('(') ? EatColumns(statement) : 0;
  // Before version 12: the number of a row stands before its columns.
  if (Eat(statement, " WITH OIDS") && columns > 0) ++columns;
  Eat(statement, " ");
  if (statement == kEnd) target.columns = columns;
  return target;
}

std::string NameForMessage(std::string_view name) {
  const bool breaks = std::any_of(name.begin(), name.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  const std::string whole =
      breaks || !base::IsValidUtf8(name) ? base::Quote(name) : std::string(name);
  return base::Truncate(whole, kMaxNameBytes);
}

std::optional<TextEncoding> ParseSetEncoding(std::string_view statement) {
  statement = base::Trim(statement);
  if (!Eat(statement, "SET client_encoding")) return std::nullopt;
  if (statement == " = 'UTF8';") return TextEncoding::kUtf8;
  const bool embeds = std::any_of(kEmbedAscii.begin(), kEmbedAscii.end(), [&](const auto& name) {
    return statement.find("'" + std::string(name) + "'") != statement.npos;
  });
  return embeds ? TextEncoding::kEmbedsAscii : TextEncoding::kOther;
}

}  // namespace drwatch::verify
