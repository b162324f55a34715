#include "verify/recognise.h"

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

bool IsXmlError(std::string_view text) {
  const bool xml = text.starts_with("<?xml") || text.starts_with("<error");
  return xml && (Contains(text, "<error") || Contains(text, "<code>") || Contains(text, "fault"));
}

bool IsJsonError(std::string_view text) {
  if (!text.starts_with('{')) return false;
  for (const std::string_view key : {"\"error\"", "\"errors\"", "\"error_description\"",
                                     "\"errorcode\"", "\"fault\"", "\"__type\""}) {
    if (Contains(text, key)) return true;
  }
  return Contains(text, "\"message\"") &&
         (Contains(text, "\"code\"") || Contains(text, "\"status\""));
}

// RFC 4880, 4.2: a new- or old-format packet of a kind an encrypted message begins with.
bool IsOpenPgp(std::string_view head) {
  if (head.size() < 3) return false;
  const auto first = static_cast<unsigned char>(head[0]);
  const auto third = static_cast<unsigned char>(head[2]);
  // Public-key (1) or symmetric-key (3) encrypted session key; their version byte is 3 or 4.
  if (first == 0x84 || first == 0x8c) return third == 3 || third == 4;
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

std::string_view RecogniseEncryption(std::string_view head) {
  if (head.starts_with("Salted__")) return "OpenSSL or pgBackRest";
  if (head.starts_with("age-encryption.org/v1")) return "age";
  if (head.starts_with("-----BEGIN AGE ENCRYPTED FILE")) return "age";
  if (head.starts_with("-----BEGIN PGP MESSAGE")) return "OpenPGP";
  if (head.starts_with("-----BEGIN CMS") || head.starts_with("-----BEGIN PKCS7")) return "CMS";
  if (IsOpenPgp(head)) return "OpenPGP";
  return {};
}

}  // namespace drwatch::verify
