#include "verify/recognise.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"

namespace drwatch::verify {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What programs write to standard output or standard error in place of a dump.
constexpr std::array<std::string_view, 9> kMessages = {
    "pg_dump: ", "pg_dumpall: ", "pg_basebackup: ", "mysqldump: ", "mariadb-dump: ",
    "error: ",   "fatal: ",      "bash: ",          "sh: "};

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
  return Contains(text, "\"message\"") &&
         (Contains(text, "\"code\"") || Contains(text, "\"status\""));
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
  if (text.starts_with("<!doctype html") || text.starts_with("<html")) return "an HTML page";
  if (size == BodySize::kLarge) return {};
  if (IsXmlError(text)) return "an XML error document";
  if (IsJsonError(text)) return "a JSON error document";
  for (const std::string_view message : kMessages) {
    if (text.starts_with(message)) return "an error message";
  }
  return {};
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

}  // namespace drwatch::verify
