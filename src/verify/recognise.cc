#include "verify/recognise.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

using std::string_view_literals::operator""sv;

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What programs that dump say on standard error: in front of a dump it makes psql or mysql fail.
constexpr std::array<std::string_view, 5> kDumpPrograms = {
    "pg_dump: ", "pg_dumpall: ", "pg_basebackup: ", "mysqldump: ", "mariadb-dump: "};

// What programs write to standard output or standard error in place of a dump: with this it begins,
constexpr auto kMessages = std::to_array<std::string_view>({"psql: ",
                                                            "pg_restore: ",
                                                            "redis-cli: ",
                                                            "barman: ",
                                                            "mongodump: ",
                                                            "docker: ",
                                                            "curl: (",
                                                            "ssh: ",
                                                            "sudo: ",
                                                            "error: ",
                                                            "fatal: ",
                                                            "bash: ",
                                                            "sh: ",
                                                            "-bash: ",
                                                            "/bin/sh: ",
                                                            "/bin/bash: ",
                                                            "error response from daemon: ",
                                                            "unable to connect to the server: ",
                                                            "error 1044 (",
                                                            "error 1045 (",
                                                            "error 1049 (",
                                                            "error 2002 (",
                                                            "error 2003 (",
                                                            "error from server (",
                                                            "an error occurred (",
                                                            "oci runtime exec failed: ",
                                                            "traceback (most recent call last)",
                                                            "could not connect to redis at ",
                                                            "noauth ",
                                                            "(error) ",
                                                            "warning: permanently added ",
                                                            "upstream connect error ",
                                                            "access denied",
                                                            "forbidden",
                                                            "unauthorized",
                                                            "not found",
                                                            "400 bad request",
                                                            "401 unauthorized",
                                                            "403 forbidden",
                                                            "404 not found",
                                                            "404 page not found",
                                                            "500 internal server error",
                                                            "502 bad gateway",
                                                            "503 service unavailable",
                                                            "504 gateway time"});
// and with this the first line ends.
constexpr auto kMessageEnds = std::to_array<std::string_view>(
    {": not found", "command not found", "no such file or directory", "permission denied",
     "permission denied, please try again.", "connection refused", "connection timed out",
     "no route to host", "name or service not known", "host key verification failed.",
     "the input device is not a tty", "is not running", "killed"});

bool IsMessage(std::string_view text) {
  const auto begins = [text](std::string_view message) { return text.starts_with(message); };
  if (std::any_of(kDumpPrograms.begin(), kDumpPrograms.end(), begins)) return true;
  if (std::any_of(kMessages.begin(), kMessages.end(), begins)) return true;
  const std::string_view line = base::Trim(text.substr(0, text.find('\n')));
  return std::any_of(kMessageEnds.begin(), kMessageEnds.end(),
                     [line](std::string_view end) { return line.ends_with(end); });
}

// A page, or a part of one, behind comments and what says that it is XML.
bool IsHtml(std::string_view text) {
  while (text.starts_with("<!--") || text.starts_with("<?xml")) {
    const std::string_view close = text.starts_with("<?") ? "?>" : "-->";
    const std::size_t end = text.find(close);
    if (end == text.npos) return false;
    text = base::Trim(text.substr(end + close.size()));
  }
  constexpr std::array<std::string_view, 4> kStarts = {"<!doctype html", "<html", "<head>",
                                                       "<body>"};
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [text](std::string_view start) { return text.starts_with(start); });
}

// The name of the first element, without its namespace's prefix. Empty: this is no XML.
std::string_view XmlRoot(std::string_view text) {
  while (text.starts_with("<?") || text.starts_with("<!")) {
    const bool comment = text.starts_with("<!--");
    const std::string_view close = comment ? "-->" : ">";
    const std::size_t end = text.find(close);
    if (end == text.npos) return {};
    text = base::Trim(text.substr(end + close.size()));
  }
  if (!text.starts_with('<')) return {};
  const std::string_view name = text.substr(1, text.find_first_of(" \t\r\n/>") - 1);
  return name.substr(name.rfind(':') + 1);  // npos + 1 = 0
}

// Of object stores, web services (SOAP, AWS), WebDAV. What else speaks of errors may be data.
bool IsXmlError(std::string_view text) {
  const std::string_view root = XmlRoot(text);
  if (root == "envelope") return Contains(text, ":fault") || Contains(text, "<fault");
  if (root == "response") return Contains(text, "<error");
  return root == "error" || root == "errors" || root == "errorresponse" || root == "fault" ||
         root == "exception";
}

// Whether something stands under the key. What went well is often said with an empty one:
// "error": null, "errors": [].
bool HasValue(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == text.npos) return false;
  text = base::Trim(text.substr(at + key.size()));
  if (!text.starts_with(':')) return HasValue(text, key);
  std::string value;
  for (const char c : text.substr(1, 64)) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') value += c;
  }
  constexpr std::array<std::string_view, 6> kNothing = {"null", "false", "0", "\"\"", "[]", "{}"};
  const bool nothing = std::any_of(kNothing.begin(), kNothing.end(), [&value](const auto& empty) {
    return value.starts_with(empty) && (value.size() == empty.size() ||
                                        value[empty.size()] == ',' || value[empty.size()] == '}');
  });
  return !nothing || HasValue(text, key);
}

bool IsJsonError(std::string_view text) {
  if (!text.starts_with('{')) return false;
  for (const std::string_view key : {"\"error\"", "\"errors\"", "\"error_description\"",
                                     "\"errorcode\"", "\"fault\"", "\"__type\""}) {
    if (HasValue(text, key)) return true;
  }
  if (Contains(text, "\"message\"") &&
      (Contains(text, "\"code\"") || Contains(text, "\"status\""))) {
    return true;
  }
  // That and little else.
  constexpr std::size_t kMaxBytes = 512;
  constexpr std::array<std::string_view, 4> kKeys = {"\"message\"", "\"detail\"", "\"code\"",
                                                     "\"reason\""};
  const std::string_view inner = base::Trim(text.substr(1));
  return text.size() <= kMaxBytes && text.ends_with('}') &&
         std::any_of(kKeys.begin(), kKeys.end(),
                     [inner](std::string_view key) { return inner.starts_with(key); });
}

// RFC 4880, 4.2: a new- or old-format packet of a kind an encrypted message begins with.
bool IsOpenPgp(std::string_view head) {
  if (head.size() < 3) return false;
  const auto first = static_cast<unsigned char>(head[0]);
  const auto third = static_cast<unsigned char>(head[2]);
  // Public-key (1) or symmetric-key (3) encrypted session key; their version byte is 3 or 4, with
  // AEAD 5, and 6 since RFC 9580.
  if (first == 0x84 || first == 0x8c) return third >= 3 && third <= 6;
  if (first == 0x85) return head.size() > 3 && static_cast<unsigned char>(head[3]) == 3;
  if (first == 0xc1 || first == 0xc3) {
    const auto second = static_cast<unsigned char>(head[1]);
    const std::size_t version_at = second < 192 ? 2 : 3;
    if (head.size() <= version_at) return false;
    const auto version = static_cast<unsigned char>(head[version_at]);
    return version >= 3 && version <= 6;
  }
  return false;
}

}  // namespace

std::string_view RecogniseErrorBody(std::string_view head, BodySize size) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const std::string text = base::Lower(base::Trim(head.substr(0, kHeadBytes)));
  if (IsHtml(text)) return "an HTML page";
  if (size == BodySize::kLarge) {
    const bool mixed =
        std::any_of(kDumpPrograms.begin(), kDumpPrograms.end(),
                    [&text](const auto& program) { return text.starts_with(program); });
    return mixed ? "what a program says on standard error" : "";
  }
  if (IsXmlError(text)) return "an XML error document";
  if (IsJsonError(text)) return "a JSON error document";
  return IsMessage(text) ? "an error message" : "";
}

bool IsNamedByChance(std::string_view head) {
  if (head.starts_with("auto\n/") || head.starts_with("manual\n/")) return true;
  // R: four bytes of length, then what compress() made, or the letter of another compression and
  // its data (bzip2, LZMA2 from its first chunk on).
  if (head.size() < 8) return false;
  const std::string_view packed = head.substr(4);
  return packed.starts_with("\x78\x9c") || packed.starts_with("2BZh") ||
         packed.starts_with("Z\xe0");
}

std::string_view RecognisePacker(std::string_view head) {
  struct Row {
    std::string_view magic;
    std::string_view program;
  };
  constexpr std::array<Row, 7> kRows = {{{"\x89LZO\0\r\n\x1a\n"sv, "lzop"},
                                         {"LZIP\x01"sv, "lzip"},
                                         {"PK\x03\x04"sv, "zip"},
                                         {"7z\xbc\xaf\x27\x1c"sv, "7-Zip"},
                                         {"Rar!\x1a\x07"sv, "RAR"},
                                         {"LRZI"sv, "lrzip"},
                                         {"\x1f\x9d"sv, "compress"}}};
  for (const Row& row : kRows) {
    if (head.starts_with(row.magic)) return row.program;
  }
  return {};
}

std::string_view RecogniseEncryption(std::string_view head) {
  if (head.starts_with("Salted__")) return "OpenSSL or pgBackRest";
  if (head.starts_with("U2FsdGVkX1")) return "OpenSSL";  // the same in base64
  if (head.starts_with("age-encryption.org/v1")) return "age";
  if (head.starts_with("-----BEGIN AGE ENCRYPTED FILE")) return "age";
  if (head.starts_with("-----BEGIN PGP MESSAGE")) return "OpenPGP";
  if (head.starts_with("-----BEGIN CMS") || head.starts_with("-----BEGIN PKCS7")) return "CMS";
  if (IsOpenPgp(head)) return "OpenPGP";
  return {};
}

bool IsEncryptedNothing(std::string_view content) {
  // One block, which is padding for the most part; the same in base64, with a line's end or
  // without.
  if (content.starts_with("Salted__")) return content.size() == 32;
  if (content.starts_with("U2FsdGVkX1")) return base::Trim(content).size() == 44;
  if (content.starts_with("age-encryption.org/v1")) {
    // A header, which ends with the line of its MAC; a nonce, and a block that is its tag alone.
    const std::size_t mac = content.find("\n---");
    const std::size_t end = mac == content.npos ? mac : content.find('\n', mac + 1);
    return end != content.npos && content.size() - end - 1 == 32;
  }
  // A session key's packet of 15 bytes; 2 + 1 + 18 bytes and the digest's 22 around an empty
  // literal of 12.
  constexpr std::size_t kEmptyMessage = 70;
  const bool symmetric = content.starts_with('\x8c') || content.starts_with('\xc3');
  return symmetric && IsOpenPgp(content) && content.size() == kEmptyMessage;
}

}  // namespace drwatch::verify
