#include "config/mail_address.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::config {
namespace {

constexpr std::size_t kMaxAddressBytes = 254;  // RFC 5321 4.5.3.1.3, without the brackets

bool IsAddress(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
  return text.size() <= kMaxAddressBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7f &&
                  std::string_view("<>,;\"()\\").find(c) == std::string::npos;
         });
}

// Up to the next comma that stands outside of quotes and brackets; takes it off `text`.
std::string_view TakeOne(std::string_view& text) {
  bool quoted = false;
  bool bracketed = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '\\' && quoted) {
      ++end;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '<' || c == '>')) {
      bracketed = c == '<';
    } else if (c == ',' && !quoted && !bracketed) {
      break;
    }
  }
  const std::string_view one = text.substr(0, std::min(end, text.size()));
  text.remove_prefix(std::min(end + 1, text.size()));
  return base::Trim(one);
}

// Without quotes and what they escape; control characters become blanks.
std::string PlainName(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') continue;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    const auto c = static_cast<unsigned char>(text[i]);
    name += c < 0x20 || c == 0x7f ? ' ' : text[i];
  }
  return std::string(base::Trim(name));
}

}  // namespace

base::Result<std::vector<MailAddress>> ParseMailAddresses(std::string_view text) {
  std::vector<MailAddress> addresses;
  while (!text.empty()) {
    const std::string_view one = TakeOne(text);
    if (one.empty()) continue;
    MailAddress address;
    std::string_view bare = one;
    const std::size_t open = one.rfind('<');
    if (open != std::string_view::npos && one.ends_with('>')) {
      address.name = PlainName(one.substr(0, open));
      bare = base::Trim(one.substr(open + 1, one.size() - open - 2));
    }
    if (!IsAddress(bare) || !base::IsValidUtf8(address.name)) {
      return base::Fail("not a mail address: " + base::Quote(base::Truncate(one, 100)));
    }
    address.address = std::string(bare);
    addresses.push_back(std::move(address));
  }
  if (addresses.empty()) return base::Fail("there is no mail address");
  return addresses;
}

}  // namespace drwatch::config
