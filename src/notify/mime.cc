#include "notify/mime.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

constexpr std::size_t kLineCharacters = 76;
constexpr std::size_t kEncodedCharacters = 50;  // of one encoded word, without =?utf-8?q? and ?=
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string HexByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {'=', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return std::string(base::Trim(line));
}

// Words that may stand in a header as they are.
bool IsPlain(std::string_view text) {
  std::size_t word = 0;
  for (const char c : text) {
    if (c == ' ') {
      word = 0;
    } else if (static_cast<unsigned char>(c) > 0x7e || ++word > kLineCharacters - 16) {
      return false;
    }
  }
  return text.find("=?") == std::string_view::npos;
}

// Encoded words (RFC 2047, "Q"), each whole in its characters.
std::vector<std::string> EncodedWords(std::string_view text) {
  std::vector<std::string> words;
  std::string current;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (at + length < text.size() && length < 4 &&
           (static_cast<unsigned char>(text[at + length]) & 0xc0) == 0x80) {
      ++length;
    }
    std::string piece;
    for (const char c : text.substr(at, length)) {
      const bool safe = IsAlphanumeric(c) || std::string_view("!*+-/").find(c) != std::string::npos;
      piece += c == ' ' ? "_" : safe ? std::string(1, c) : HexByte(c);
    }
    if (current.size() + piece.size() > kEncodedCharacters) {
      words.push_back("=?utf-8?q?" + std::exchange(current, {}) + "?=");
    }
    current += piece;
    at += length;
  }
  if (!current.empty()) words.push_back("=?utf-8?q?" + current + "?=");
  return words;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : base::Split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

// "Name: word word", broken before words that would make a line too long.
std::string Fold(std::string_view name, const std::vector<std::string>& words) {
  std::string out = std::string(name) + ":";
  std::size_t column = out.size();
  for (const std::string& word : words) {
    // Not right behind the name: some programs would read the fold as a part of the text.
    if (column + 1 + word.size() > kLineCharacters && &word != &words.front()) {
      out += "\r\n";
      column = 0;
    }
    out += " " + word;
    column += 1 + word.size();
  }
  return out + "\r\n";
}

std::vector<std::string> PhraseWords(std::string_view name) {
  const std::string line = OneLine(name);
  const bool atoms = std::all_of(line.begin(), line.end(), [](char c) {
    return IsAlphanumeric(c) || c == ' ' || c == '-' || c == '_';
  });
  return atoms && IsPlain(line) ? Words(line) : EncodedWords(line);
}

}  // namespace

std::string HeaderLine(std::string_view name, std::string_view text) {
  const std::string line = OneLine(text);
  return Fold(name, IsPlain(line) ? Words(line) : EncodedWords(line));
}

std::string AddressLine(std::string_view name, const std::vector<config::MailAddress>& addresses) {
  std::vector<std::string> words;
  for (const config::MailAddress& address : addresses) {
    if (!words.empty()) words.back() += ',';
    if (address.name.empty()) {
      words.push_back(address.address);
      continue;
    }
    for (std::string& word : PhraseWords(address.name)) words.push_back(std::move(word));
    words.push_back("<" + address.address + ">");
  }
  return Fold(name, words);
}

std::string MailDate(base::Timestamp time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d +0000",
                kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string QuotedPrintable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' || c == '\n') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool blank = (c == ' ' || c == '\t') && !ends_line;
    const bool safe = blank || (c > 0x20 && c < 0x7f && c != '=');
    const std::string piece = safe ? std::string(1, c) : HexByte(c);
    if (column + piece.size() > kLineCharacters - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  if (column > 0) out += "\r\n";
  return out;
}

std::string MailBody(std::string_view text, std::string_view html, const std::string& boundary) {
  const auto part = [](std::string_view type, std::string_view body) {
    return "Content-Type: text/" + std::string(type) +
           "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
           QuotedPrintable(body);
  };
  if (html.empty()) return part("plain", text);
  if (text.empty()) return part("html", html);
  return "Content-Type: multipart/alternative;\r\n boundary=\"" + boundary + "\"\r\n\r\n--" +
         boundary + "\r\n" + part("plain", text) + "--" + boundary + "\r\n" + part("html", html) +
         "--" + boundary + "--\r\n";
}

}  // namespace drwatch::notify
