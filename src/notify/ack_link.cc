#include "notify/ack_link.h"

#include <filesystem>
#include <vector>

#include "base/digest.h"
#include "base/file.h"
#include "base/strings.h"

namespace drwatch::notify {
namespace {

constexpr std::size_t kScopeDigits = 16;
constexpr std::size_t kNonceDigits = 16;
constexpr std::size_t kMacDigits = 32;
constexpr std::size_t kMaxTokenBytes = 200;
constexpr std::size_t kKeyBytes = 32;

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string Mac(const base::Secret& key, std::string_view text) {
  return base::Hex(base::HmacSha256(key.Reveal(), text)).substr(0, kMacDigits);
}

// Takes as long for a wrong first digit as for a wrong last one.
bool SameText(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

std::string GroupScope(std::string_view group_key) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, group_key))
      .substr(0, kScopeDigits);
}

std::string MakeToken(const base::Secret& key, const AckLink& link) {
  const std::string text = std::string("v1.") + (link.kind == AckLink::Kind::kGroup ? "g" : "a") +
                           link.scope + "." + std::to_string(base::ToUnixMillis(link.issued)) +
                           "." + std::to_string(base::ToUnixMillis(link.expires) / 1000) + "." +
                           link.nonce;
  return text + "." + Mac(key, text);
}

std::optional<AckLink> ReadToken(const base::Secret& key, std::string_view token) {
  const std::size_t dot = token.rfind('.');
  if (key.empty() || token.size() > kMaxTokenBytes || dot == token.npos) return std::nullopt;
  if (!SameText(token.substr(dot + 1), Mac(key, token.substr(0, dot)))) return std::nullopt;
  const std::vector<std::string_view> parts = base::Split(token, '.');
  if (parts.size() != 6 || parts[0] != "v1" || parts[1].empty()) return std::nullopt;
  const auto issued = base::ParseInt(parts[2]);
  const auto expires = base::ParseInt(parts[3]);
  const bool kind = parts[1][0] == 'g' || parts[1][0] == 'a';
  if (!kind || !issued || !expires || !IsHex(parts[1].substr(1), kScopeDigits) ||
      !IsHex(parts[4], kNonceDigits)) {
    return std::nullopt;
  }
  AckLink link;
  link.kind = parts[1][0] == 'g' ? AckLink::Kind::kGroup : AckLink::Kind::kAlert;
  link.scope = parts[1].substr(1);
  link.issued = base::FromUnixMillis(*issued);
  link.expires = base::FromUnixMillis(*expires * 1000);
  link.nonce = parts[4];
  return link;
}

base::Result<base::Secret> LoadLinkKey(const std::string& folder) {
  const std::string path = folder + "/acknowledge.key";
  const base::Result<std::string> stored = base::ReadFile(path, 4096);
  std::error_code error;
  if (!stored && std::filesystem::exists(path, error)) return base::Fail(stored.error());
  const std::string_view text = stored ? base::Trim(*stored) : std::string_view();
  if (stored && IsHex(text, 2 * kKeyBytes)) {
    // A copy made by hand or restored from a backup may have lost its mode.
    namespace fs = std::filesystem;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, error);
    return base::Secret(std::string(text));
  }
  // A damaged key signs nothing any more: links made with it are refused, new ones work.
  const std::string made = base::Hex(base::RandomBytes(kKeyBytes));
  if (const base::Status written = base::WriteFileAtomically(path, made + "\n"); !written) {
    return base::Fail(written.error());
  }
  return base::Secret(made);
}

}  // namespace drwatch::notify
